"""Processes of `mcd serve` that belong to the acceptance: started, killed with -9, started again.

With data, keys and ports of their own, so that a developer's MCD on the same cluster is never disturbed. It must not
set anything up inside MCD: that goes through the API, in stage.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scripts.cluster import ports
from tests.acceptance.rows import Miss

READY_SECONDS = 60.0


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what a person has set for their own MCD."""
    return {**{key: value for key, value in os.environ.items() if not key.startswith("MCD_")}, **given}


def free_port() -> int:
    return ports.chosen("acceptance", None, set())


@dataclass
class Server:
    """One `mcd serve`. `words` are what follows on the command line: nothing, `api` or `controllers`."""

    bin: Path
    folder: Path
    settings: dict[str, str]
    words: Sequence[str] = ()
    name: str = "serve"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.settings['MCD_LISTEN']}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self, *, wait: bool = True) -> None:
        """Starts it; with `wait` returns when /readyz answers. Raises Miss with the last line of its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "mcd"), "serve", *self.words],
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        if wait:
            self.ready()

    def ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise Miss(f"mcd serve ended with {self.process.returncode}: {self.last_line()}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == 200:
                    return
            time.sleep(0.05)
        raise Miss(f"mcd serve was not ready after {READY_SECONDS:.0f} s: {self.last_line()}")

    def last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1] if lines else "it said nothing"

    def kill(self) -> None:
        """kill -9, of the server alone: what it started is left as a crash leaves it."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def stop(self) -> None:
        """SIGTERM, then -9 to whatever of its session is left: a killed server's builders too."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def run(self, *words: str, given: str = "") -> str:
        """An `mcd admin` command with the server's own settings. Raises Miss with what it said."""
        done = subprocess.run(
            [str(self.bin / "mcd"), *words],
            env=environment(self.settings),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            raise Miss(f"mcd {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout
