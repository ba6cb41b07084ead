"""`mcd exec` on a real terminal (a pty), and streams that break off: what the real application never does on request.

The servers here are stubs of two conversations whose form is written down in `mcd/api/shells.py` and `streams.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from mcd.cli.streams import Heard, messages


class StubShell:
    """Plays the exec route: answers the ticket, then a shell that echoes what is typed in capitals and ends at `q`."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.tickets: list[str | None] = []
        self.closes = False
        self.loop = asyncio.new_event_loop()
        self.up = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.up.wait(10)

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stop = asyncio.Event()
        async with serve(self._shell, "127.0.0.1", 0, process_request=self._http) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self.up.set()
            await self.stop.wait()

    def _http(self, connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            self.tickets.append(request.headers.get("Authorization"))
        return None

    async def _shell(self, connection: ServerConnection) -> None:
        if self.closes:
            await connection.close(4408, "nothing was said for too long")
            return
        async for frame in connection:
            assert isinstance(frame, bytes)
            self.frames.append(frame)
            if frame[:1] == b"\x00" and b"q" in frame:
                await connection.send(b"\x01BYE")
                await connection.send(b"\x03" + json.dumps({"exit_code": 9}).encode())
            elif frame[:1] == b"\x00":
                await connection.send(b"\x01" + frame[1:].upper())

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)


@pytest.fixture
def stub_shell() -> Iterator[StubShell]:
    made = StubShell()
    yield made
    made.end()


SESSION = """
import asyncio, sys
from mcd.cli.client import Client
from mcd.cli.contexts import Context
from mcd.cli.output import say_error
from mcd.cli.remote.shell import _session
from mcd.errors import McdError
try:
    sys.exit(asyncio.run(_session(Client(Context("t", sys.argv[1], "tok")), "shop", "ticket", sys.argv[2] == "tty")))
except McdError as error:
    say_error(error)
    sys.exit(6)
"""


def test_stub_shell_a_terminal_is_raw_while_the_command_runs_and_as_before_after_it(stub_shell: StubShell) -> None:
    main, other = pty.openpty()
    termios.tcsetwinsize(other, (33, 77))
    before = termios.tcgetattr(other)
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, f"http://127.0.0.1:{stub_shell.port}", "tty"],
        stdin=other, stdout=other, stderr=other, start_new_session=True,
        env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")},
    )  # fmt: skip
    try:
        until(lambda: b'\x04{"columns": 77, "rows": 33}' in stub_shell.frames)
        os.write(main, b"\x03ls\r")  # Ctrl-C is the command's, and nothing is echoed or translated here
        shown = read_until(main, b"LS\r")
        assert shown == b"\x03LS\r"
        os.write(main, b"q")
        assert process.wait(30) == 9
        assert termios.tcgetattr(other) == before
    finally:
        process.kill()
        process.wait()
        os.close(main)
        os.close(other)
    assert stub_shell.tickets == ["Bearer tok"]


def test_stub_shell_stdin_goes_to_its_end_and_the_exit_code_comes_back(stub_shell: StubShell) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SESSION, f"http://127.0.0.1:{stub_shell.port}", "pipe"],
        input=b"a" * 100_000 + b"q", capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    assert done.stdout.endswith(b"BYE")
    sent = b"".join(f[1:] for f in stub_shell.frames if f[:1] == b"\x00")
    assert sent == b"a" * 100_000 + b"q"


def test_stub_shell_a_session_that_is_closed_says_why_in_one_line(stub_shell: StubShell) -> None:
    stub_shell.closes = True
    done = subprocess.run(
        [sys.executable, "-c", SESSION, f"http://127.0.0.1:{stub_shell.port}", "pipe"],
        input="", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "nothing was said for too long" in done.stderr


def until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_until(fd: int, end: bytes) -> bytes:
    seen, deadline = b"", time.monotonic() + 30
    while not seen.endswith(end):
        assert time.monotonic() < deadline, seen
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 4096)
    return seen


# --- server-sent Events ---------------------------------------------------------------------------------------------


def test_events_are_read_with_their_kind_and_id_and_noise_is_passed_over() -> None:
    lines = [
        ": beat",
        "",
        "event: rollout",
        "id: 7",
        'data: {"a":',
        "data: 1}",
        "",
        "data: not json",
        "",
        "data:2",
        "",
        "data: 3",
    ]
    assert list(messages(lines)) == [Heard("beat", None), Heard("rollout", {"a": 1}, "7"), Heard("message", 2, "7")]
