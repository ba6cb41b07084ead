"""Starts `mcd serve` processes fast: everything is imported once, each process is a fork that takes the same way in.

`python -m tests.rig.zygote FD` answers requests on a socket. A process that it starts is a real one, with an
environment, a log and a session of its own, and is killed like any other. Only imports and the start of the first
compiling child are saved. It must not touch a database or a cluster itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENDED_WITHIN = 10.0
"""Seconds in which a process that was killed must be gone."""


# --- the side of the zygote -------------------------------------------------------------------------------------------


def main(control: socket.socket) -> None:
    """Answers until the other side is gone, then ends what it started."""
    from mcd.cli import serve as _serve  # noqa: F401 - what is imported here is not imported by each process
    from mcd.cli.main import main as _main  # noqa: F401
    from mcd.compiling import child as _child  # noqa: F401

    gc.collect()
    gc.freeze()
    running: dict[int, None] = {}
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        _say(control, {"ready": True})
        _answer(control, (woken, waker), running)
    except ConnectionError:
        return
    finally:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _answer(control: socket.socket, bell: tuple[socket.socket, socket.socket], running: dict[int, None]) -> None:
    """Starts what is asked for and tells what ended, until the other side is gone."""
    incoming, woken = b"", bell[0]
    while True:
        readable, _, _ = select.select([control, woken], [], [])
        if woken in readable:
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
            for pid, code in _reaped():
                if running.pop(pid, 0) is None:
                    _say(control, {"ended": pid, "code": code})
        if control in readable:
            data = control.recv(65536)
            if not data:
                return
            incoming += data
            *lines, incoming = incoming.split(b"\n")
            for line in lines:
                pid = _started(json.loads(line), (control, *bell))
                running[pid] = None
                _say(control, {"started": pid})


def _say(control: socket.socket, what: Mapping[str, Any]) -> None:
    control.sendall(json.dumps(what).encode() + b"\n")


def _reaped() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def _started(request: Mapping[str, Any], ours: Sequence[socket.socket]) -> int:
    """Forks a compiling child and the process that asks it; answers the pid of the latter."""
    near, far = socket.socketpair()
    compiling = os.fork()
    if compiling == 0:
        _become(lambda: _compile(far), request, (*ours, near))
    pid = os.fork()
    if pid == 0:
        _become(lambda: _run(request, near, compiling), request, (*ours, far))
    near.close()
    far.close()
    return pid


def _become(work: Any, request: Mapping[str, Any], others: Sequence[socket.socket]) -> None:
    """What a fork does; it never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in others:
            other.close()
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = work() or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - the log of the process is where it is looked for
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _compile(far: socket.socket) -> None:
    from mcd.compiling import child

    child.main(far)


def _run(request: Mapping[str, Any], near: socket.socket, compiling: int) -> int:
    from mcd.cli.main import main as command
    from mcd.compiling import children
    from mcd.store import session
    from tests.rig import hooks

    os.environ.clear()
    os.environ.update(request["env"])
    # Only how long the rig waits until a wish of its own is noticed: another process's commit is polled for.
    session._POLL_SECONDS = 0.05
    for place, value in json.loads(os.environ.get("MCD_RIG_TIMES", "{}")).items():
        owner, _, name = place.rpartition(".")
        found = pkgutil.resolve_name(owner)
        if isinstance(found, dict):
            found[name] = value
        else:
            setattr(found, name, value)
    near.setblocking(False)
    prepared = [children.Child(_Forked(compiling), near, children.Incoming(near))]  # type: ignore[arg-type]
    start = children.Child.start

    def first_the_prepared() -> children.Child:
        return prepared.pop() if prepared else start()

    children.Child.start = first_the_prepared  # type: ignore[method-assign]
    hooks.from_environment()
    sys.argv = ["mcd", "serve", *request["words"]]
    command()
    return 0


@dataclass
class _Forked:
    """What a Child wants of its process, for one that somebody else started."""

    pid: int
    returncode: int | None = None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.returncode = -signal.SIGKILL

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int | None:
        return self.returncode


# --- the side of the rig ----------------------------------------------------------------------------------------------


@dataclass
class Zygote:
    """One warm process. `tree` is the checkout whose code it runs: a copy with a plant in it, or this one."""

    tree: Path
    process: asyncio.subprocess.Process | None = None
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None
    _listening: asyncio.Task[None] | None = None
    _started: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    _ended: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    async def open(self) -> None:
        ours, theirs = socket.socketpair()
        env = {key: value for key, value in os.environ.items() if not key.startswith("MCD_")}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.rig.zygote", str(theirs.fileno()), pass_fds=[theirs.fileno()],
            cwd=self.tree, env={**env, "PYTHONPATH": str(self.tree)}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        said = await self._reader.readline()
        if not said:
            raise RuntimeError("the zygote ended before it was ready: its last words are above")
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self._reader is not None
        while line := await self._reader.readline():
            told = json.loads(line)
            if "started" in told:
                self._ended[told["started"]] = asyncio.get_running_loop().create_future()
                self._started.put_nowait(told["started"])
            elif "ended" in told:
                self._ended[told["ended"]].set_result(told["code"])

    async def start(self, env: Mapping[str, str], log: Path, *words: str) -> int:
        """`mcd serve WORDS` with this environment; answers its pid at once."""
        assert self._writer is not None
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MCD_")}
        request = {"env": {**kept, **env}, "log": str(log), "words": words}
        self._writer.write(json.dumps(request).encode() + b"\n")
        return await self._started.get()

    async def ended(self, pid: int, seconds: float = ENDED_WITHIN) -> int:
        """The exit code, once the process is gone. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self._ended[pid])

    def alive(self, pid: int) -> bool:
        return not self._ended[pid].done()

    async def close(self) -> None:
        """Ends it, and with it what it started."""
        if self._writer is not None:
            self._writer.close()
        if self.process is not None:
            await self.process.wait()
        if self._listening is not None:
            await self._listening


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
