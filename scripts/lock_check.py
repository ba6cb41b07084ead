"""Compares requirements/*.lock with pyproject.toml: every requirement is pinned, within its bounds, with hashes and
without the host of a registry. Works offline; `make lock` mends what it finds."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^ ;\\]+)")


def wanted(project: dict[str, object]) -> dict[str, list[Requirement]]:
    """The requirements behind each lock file."""
    table = project["project"]
    assert isinstance(table, dict)
    groups = project["dependency-groups"]
    assert isinstance(groups, dict)
    plain = list(table["dependencies"])
    server = plain + [r for extra in table["optional-dependencies"].values() for r in extra]
    develop = server + [r for group in groups.values() for r in group]
    return {
        name: [Requirement(r) for r in rows]
        for name, rows in zip(("mcd", "server", "dev"), (plain, server, develop), strict=True)
    }


def problems(name: str, requirements: list[Requirement]) -> list[str]:
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    pins = {canonicalize_name(m["name"]): m["version"] for m in map(PIN.match, text.splitlines()) if m}
    found = [f"requirements/{name}.lock: names a host: {line.strip()}" for line in text.splitlines() if "://" in line]
    if text.count("--hash=") < len(pins):
        found.append(f"requirements/{name}.lock: a pin has no hash.")
    for requirement in requirements:
        version = pins.get(canonicalize_name(requirement.name))
        if version is None:
            found.append(f"requirements/{name}.lock: {requirement.name} is not pinned.")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"requirements/{name}.lock: {requirement.name} {version} is outside {requirement.specifier}.")
    return found


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = [p for name, requirements in wanted(project).items() for p in problems(name, requirements)]
    for line in found:
        print(f"{line} Run: make lock", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
