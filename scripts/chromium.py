"""`python -m scripts.chromium`: the browser in which the tests open the portal's pages.

Debian's own package and what it needs are unpacked into the cache, with their signatures checked by apt; nothing of the
system is changed and nobody has to be root. It must not start anything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.promtool import cache

PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-wqy-microhei")
"""The browser, and letters for both languages of the portal: text that has no font has no width either."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It talks to the server of its test and to nobody else, root or not."""

_URI = re.compile(r"^'[^']*' (?P<file>\S+) \d+ ", re.MULTILINE)
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{root}/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{root}/fontcache</cachedir>
{preferred}</fontconfig>
"""
_PREFERRED = {
    "sans-serif": ("DejaVu Sans", "WenQuanYi Micro Hei"),
    "system-ui": ("DejaVu Sans", "WenQuanYi Micro Hei"),
    "monospace": ("DejaVu Sans Mono", "WenQuanYi Micro Hei Mono"),
}


def found() -> Path | None:
    """The program: unpacked by this script, or installed by the machine's owner."""
    unpacked = sorted(cache().glob("chromium-*/usr/lib/chromium/chromium"))
    if unpacked:
        return unpacked[-1]
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    return Path(installed) if installed else None


def environment(program: Path) -> dict[str, str]:
    """What it needs around it: its libraries and fonts when they are not the system's, and no session bus."""
    given = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
    root = program.parents[3]
    if (root / "fonts.conf").exists():
        libraries = root / "usr" / "lib" / "x86_64-linux-gnu"
        paths = [str(libraries), str(libraries / "pulseaudio"), given.get("LD_LIBRARY_PATH", "")]
        given["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))
        given["FONTCONFIG_FILE"] = str(root / "fonts.conf")
    return given


def install() -> Path:
    """Fetches and unpacks it. Raises OSError, RuntimeError or subprocess.CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="mcd-chromium-") as scratch:
        folder = Path(scratch)
        wanted = _wanted(folder)
        _run("apt-get", "download", "-q", *wanted, cwd=folder)
        version = next(name.partition("=")[2] for name in wanted if name.startswith("chromium="))
        target = cache() / f"chromium-{version.partition('-')[0]}"
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.mkdir(parents=True)
        try:
            for package in sorted(folder.glob("*.deb")):
                _run("dpkg", "-x", str(package), str(fresh), cwd=folder)
            (fresh / "fonts.conf").write_text(_fonts(target), "utf-8")
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target / "usr" / "lib" / "chromium" / "chromium"


def _fonts(root: Path) -> str:
    preferred = ""
    for name, fonts in _PREFERRED.items():
        families = "".join(f"<family>{font}</family>" for font in fonts)
        preferred += f"  <alias><family>{name}</family><prefer>{families}</prefer></alias>\n"
    return _FONTS.format(root=root, preferred=preferred)


def _wanted(folder: Path) -> list[str]:
    """`name=version` of every package that is not on this machine yet, by apt's own judgement."""
    said = _asked(folder)
    if not said:
        # A machine that was never asked before has no lists; only root may fetch them for the whole system.
        subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True, timeout=300)
        said = _asked(folder)
    names = []
    for match in _URI.finditer(said):
        name, version, _ = match["file"].removesuffix(".deb").split("_")
        names.append(f"{name}={version.replace('%3a', ':')}")
    if not any(name.startswith("chromium=") for name in names):
        raise RuntimeError("apt does not know the package chromium")
    return names


def _asked(folder: Path) -> str:
    words = ["install", "--print-uris", "-qq", "-y", "--no-install-recommends", "-o", "Debug::NoLocking=1", *PACKAGES]
    done = subprocess.run(["apt-get", *words], cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    return done.stdout if done.returncode == 0 else ""


def _run(*words: str, cwd: Path) -> None:
    subprocess.run(words, cwd=cwd, check=True, capture_output=True, timeout=600)


def main() -> int:
    program = found()
    if program is not None:
        print(f"chromium: {program}", file=sys.stderr)
        return 0
    if shutil.which("apt-get") is None:
        print("chromium: this machine is no Debian. Install chromium by hand; its tests are skipped.", file=sys.stderr)
        return 0
    try:
        print(f"chromium: {install()}", file=sys.stderr)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        print(f"chromium: could not be fetched: {said[-1] if said else error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
