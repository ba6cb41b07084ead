"""Puts yaml-language-server, the program behind YAML in most editors, into the cache: locked, once, by npm.

It appears there whole or not at all. It must not install anything outside the cache, nor run any script of a package.

    .venv/bin/python -m scripts.editor_server      # `make servers` does
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.cluster import places

LOCKED = Path(__file__).resolve().parent.parent / "requirements" / "editor"
"""package.json and the lock file: names, versions and hashes."""
SECONDS = 300
"""How long npm may take."""


def lacking() -> str:
    """Why it cannot be installed here, or ""."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"no {' and no '.join(missing)} on this machine" if missing else ""


def folder() -> Path:
    """Where it is in the cache: another lock is another folder."""
    lock = (LOCKED / "package-lock.json").read_bytes()
    return places.cache() / f"yaml-language-server-{hashlib.sha256(lock).hexdigest()[:12]}"


def program() -> Path:
    """What node runs."""
    return folder() / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


def install() -> Path:
    """The program, installed if it is not there yet. Raises RuntimeError with npm's own words."""
    if program().exists():
        return program()
    places.cache().mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".editor-", dir=places.cache()))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(LOCKED / name, scratch / name)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install yaml-language-server: {done.stderr.strip()[-500:]}")
        try:
            scratch.rename(folder())
        except OSError:
            if not program().exists():  # else somebody else was quicker
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return program()


def main() -> int:
    if why := lacking():
        print(f"yaml-language-server is left out: {why}. Its tests are skipped.", file=sys.stderr)
        return 0
    print(f"yaml-language-server: {install()}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
