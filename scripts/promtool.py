"""`python -m scripts.promtool`: Prometheus' own reader of rules, which the tests of alerts ask.

Debian's next release has it; it is unpacked beside the cluster's programs, and nothing of the system is changed. It
must not start a server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = "forky"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


def cache() -> Path:
    """Where the programs of the tests are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcd"


def found() -> Path | None:
    """The newest one that is here: unpacked by this script, or installed by the machine's owner."""
    unpacked = sorted(cache().glob("promtool-*/promtool"))
    if unpacked:
        return unpacked[-1]
    installed = shutil.which("promtool")
    return Path(installed) if installed else None


def install() -> Path:
    """Fetches and unpacks it. Raises OSError or subprocess.CalledProcessError."""
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
        for command in (["update", "-q"], ["download", "-q", f"promtool/{SUITE}"]):
            subprocess.run(["apt-get", *words, *command], cwd=folder, check=True, capture_output=True, timeout=600)
        (package,) = folder.glob("promtool_*.deb")
        subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True, capture_output=True, timeout=120)
        target = cache() / f"promtool-{package.name.split('_')[1].partition('+')[0]}"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / "root" / "usr" / "bin" / "promtool", target / "promtool.new")
        (target / "promtool.new").replace(target / "promtool")
        return target / "promtool"


def main() -> int:
    program = found()
    if program is not None:
        print(f"promtool: {program}", file=sys.stderr)
        return 0
    if shutil.which("apt-get") is None or not _SOURCES.exists():
        print("promtool: this machine is no Debian. Install promtool by hand; its tests are skipped.", file=sys.stderr)
        return 0
    try:
        print(f"promtool: {install()}", file=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        print(f"promtool: could not be fetched: {said[-1] if said else error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
