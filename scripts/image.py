"""Builds MCD's own image with MCD's own builder and pushes it: `python -m scripts.image --registry HOST:PORT`.

On the platform's bases (`scripts.bases` makes them), with the package indexes of this machine. It prints the image by
its digest, and nothing else, on stdout. It must not know a cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mcd.build import machine
from mcd.build.buildah import Buildah
from mcd.build.builder import BuildRequest
from mcd.errors import McdError
from scripts.cluster.places import CHECKOUT, cache

SECONDS = 1200.0


def revision(checkout: Path = CHECKOUT) -> str:
    """The commit of the checkout, `-changed` when the files are not those of it; `source` where there is no git."""
    said = [
        subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True, check=False).stdout.strip()
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    return f"{said[0]}{'-changed' if said[1] else ''}" if said[0] else "source"


async def build(registry: str, tag: str, *, checkout: Path = CHECKOUT, layers: Path | None = None) -> str:
    """Answers `registry/mcd@sha256:…`. `layers`: where the builder keeps what it made, for the next time. Raises
    McdError with the lines of the step that failed."""
    builder = Buildah(layers or cache() / "image", registry, machine.read(os.environ))

    async def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    request = BuildRequest(
        checkout, "Dockerfile", f"{registry}/mcd", tag, args={"REVISION": revision(checkout)}, timeout=SECONDS
    )
    return await builder.build(request, log)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.image", description="Builds MCD's own image.")
    parser.add_argument("--registry", required=True, help="host:port of the registry with the base images")
    parser.add_argument("--tag", default="latest", help="its tag; the image is used by its digest")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="mcd-image-") as layers:
            print(asyncio.run(build(given.registry, given.tag, layers=Path(layers))))
    except McdError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
