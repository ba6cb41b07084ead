"""A real Prometheus for tests: scrapes what it is told to each second, evaluates rules, and answers for both.

It listens on this machine only and is stopped, with its data, when the block ends. It must not know who made the rules.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from scripts.promtool import found

START_SECONDS = 30.0


def program() -> Path:
    """Skips with a reason where it is missing, unless MCD_REQUIRE says that nothing may be skipped."""
    there = found("prometheus")
    if there is None and os.environ.get("MCD_REQUIRE") == "all":
        pytest.fail("prometheus must be there: MCD_REQUIRE=all. Run `make servers`.")
    if there is None:
        pytest.skip("there is no prometheus: `make servers` fetches it")
    return there


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, what: str) -> Any:
        """`data` of an answer of its API."""
        answer = httpx.get(f"{self.url}/api/v1/{what}", timeout=10)
        answer.raise_for_status()
        return answer.json()["data"]

    def until(self, what: str, holds: Callable[[Any], bool], seconds: float = 30.0) -> Any:
        """What it answers as soon as that holds. Fails with the last answer after so many seconds."""
        deadline = time.monotonic() + seconds
        while not holds(said := self.ask(what)):
            if time.monotonic() > deadline:
                pytest.fail(f"Prometheus still says after {seconds:g} s: {str(said)[:3000]}")
            time.sleep(0.1)
        return said


@contextlib.contextmanager
def prometheus(folder: Path, targets: list[str], rules: list[Path]) -> Iterator[Prometheus]:
    """`targets` are `host:port`, scraped as the job `mcd`."""
    binary = program()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": [{"job_name": "mcd", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [
        str(binary), f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _ready(f"http://127.0.0.1:{port}", process, folder / "prometheus.log")
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=20)


def _ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/-/ready", timeout=5).status_code == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Prometheus did not start: {log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)
