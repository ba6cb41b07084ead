"""`python -m scripts.vendor`: other people's scripts and icons for the portal, taken from their npm packages once.

`vendor.json` beside the files says of which package and version each is, under which licence and with which sha256; a
test compares. It must not run any script of a package. Nothing is fetched when the portal is built, served or tested.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "mcd" / "api" / "portal" / "static" / "vendor", ROOT / "tests" / "portal" / "vendor")
LOCK = "vendor.json"
ICONS = "icons.svg"

_DRAWN = re.compile(r"<(?:path|circle|rect|line|polyline|ellipse)\b[^>]*/>")
_FRAME = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'


def problems(folder: Path) -> list[str]:
    """What of the folder is not what its lock says. Needs no network."""
    lock: dict[str, Any] = json.loads((folder / LOCK).read_text("utf-8"))
    wanted = {LOCK: ""}
    for package in lock["packages"]:
        wanted |= {name: file["sha256"] for name, file in package["files"].items()}
    found = []
    for name, sha256 in wanted.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif sha256 and _sha256(path.read_bytes()) != sha256:
            found.append(f"{name} is not what {LOCK} says")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found + [f"{name} is not in {LOCK}" for name in sorted(there - set(wanted))]


def write(folder: Path) -> None:
    """Takes every file of the lock from its package anew and writes its sha256. Raises subprocess.CalledProcessError,
    KeyError."""
    lock: dict[str, Any] = json.loads((folder / LOCK).read_text("utf-8"))
    for package in lock["packages"]:
        inside = _inside(f"{package['name']}@{package['version']}")
        for name, file in package["files"].items():
            content = _sprite(inside, package["icons"]) if name == ICONS else inside[f"package/{file['from']}"]
            (folder / name).write_bytes(content)
            file["sha256"] = _sha256(content)
    (folder / LOCK).write_text(json.dumps(lock, indent=2) + "\n", "utf-8")


def _inside(package: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="mcd-vendor-") as scratch:
        subprocess.run(
            ["npm", "pack", "--silent", "--ignore-scripts", package], cwd=scratch, check=True, capture_output=True
        )
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as tar:
            files = [member for member in tar.getmembers() if member.isfile()]
            return {member.name: tar.extractfile(member).read() for member in files}  # type: ignore[union-attr]


def _sprite(inside: Mapping[str, bytes], icons: list[str]) -> bytes:
    """One file with a symbol for each icon: the browser fetches it once, and a page names what it shows."""
    symbols = []
    for name in sorted(icons):
        drawn = _DRAWN.findall(inside[f"package/icons/outline/{name}.svg"].decode())
        body = "".join(shape for shape in drawn if shape != _FRAME)
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.vendor", description="Vendored files of the portal.")
    parser.add_argument("--check", action="store_true", help="only compare with the locks")
    if not parser.parse_args().check:
        for folder in FOLDERS:
            write(folder)
    found = [f"{folder.name}: {problem}" for folder in FOLDERS for problem in problems(folder)]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
