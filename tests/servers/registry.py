"""A real OCI registry for tests: docker-registry on a free port of 127.0.0.1, with a folder of its own.

Stopped by its pid, with its data, when the block ends. It must not know what is pushed to it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

_READY_SECONDS = 20.0


def required(*programs: str) -> None:
    """Skips with a reason where a program is missing, unless MCD_REQUIRE says that nothing may be skipped."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("MCD_REQUIRE") == "all":
        pytest.fail(f"{', '.join(missing)} must be installed: MCD_REQUIRE=all")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def registry() -> Iterator[str]:
    """Starts one; answers its `host:port`."""
    required("docker-registry")
    folder = Path(tempfile.mkdtemp(prefix="mcd-registry-"))
    host = f"127.0.0.1:{free_port()}"
    (folder / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '{host}'}}\nlog: {{level: warn}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "registry.yml")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(host, process, folder / "log")
        yield host
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://{host}/v2/", timeout=1),
        ):
            return
        time.sleep(0.05)
    pytest.fail(f"the registry did not answer at {host}:\n{log.read_text()}")
