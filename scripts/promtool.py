"""`python -m scripts.promtool`: Prometheus' own reader of rules, and Prometheus itself, which the tests of alerts ask.

Debian's next release has them; they are unpacked beside the cluster's programs, and nothing of the system is changed.
It must not start a server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = "forky"
PROGRAMS = ("promtool", "prometheus")
"""Each is a package of the same name."""

_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


def cache() -> Path:
    """Where the programs of the tests are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcd"


def found(program: str = "promtool") -> Path | None:
    """The newest one that is here: unpacked by this script, or installed by the machine's owner."""
    unpacked = sorted(cache().glob(f"{program}-*/{program}"))
    if unpacked:
        return unpacked[-1]
    installed = shutil.which(program)
    return Path(installed) if installed else None


def install(programs: tuple[str, ...]) -> list[Path]:
    """Fetches and unpacks them. Raises OSError or subprocess.CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="mcd-promtool-") as scratch:
        folder = Path(scratch)
        for name in ("etc", "lists/partial", "cache/archives/partial", "root"):
            (folder / name).mkdir(parents=True)
        stanza = _SOURCES.read_text("utf-8").strip().split("\n\n")[0]
        lines = [f"Suites: {SUITE}" if line.startswith("Suites:") else line for line in stanza.splitlines()]
        (folder / "etc" / "next.sources").write_text("\n".join(lines) + "\n", "utf-8")
        options = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": str(folder / "etc"),
            "Dir::State::lists": str(folder / "lists"),
            "Dir::Cache": str(folder / "cache"),
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        wanted = [f"{program}/{SUITE}" for program in programs]
        for command in (["update", "-q"], ["download", "-q", *wanted]):
            subprocess.run(["apt-get", *words, *command], cwd=folder, check=True, capture_output=True, timeout=600)
        return [_unpacked(folder, program) for program in programs]


def _unpacked(folder: Path, program: str) -> Path:
    (package,) = folder.glob(f"{program}_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True, capture_output=True, timeout=120)
    target = cache() / f"{program}-{package.name.split('_')[1].partition('+')[0]}"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(folder / "root" / "usr" / "bin" / program, target / f"{program}.new")
    (target / f"{program}.new").replace(target / program)
    return target / program


def main() -> int:
    missing = tuple(program for program in PROGRAMS if found(program) is None)
    for program in PROGRAMS:
        if program not in missing:
            print(f"{program}: {found(program)}", file=sys.stderr)
    if not missing:
        return 0
    names = " and ".join(missing)
    if shutil.which("apt-get") is None or not _SOURCES.exists():
        print(f"{names}: this machine is no Debian. Install by hand; their tests are skipped.", file=sys.stderr)
        return 0
    try:
        for program in install(missing):
            print(f"{program.name}: {program}", file=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        print(f"{names}: could not be fetched: {said[-1] if said else error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
