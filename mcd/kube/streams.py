"""Answers that go on: the lines of a watch or a log, and commands in containers.

Lines are bounded in length and in silence; whoever stops reading closes the stream. Nothing is opened again here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import orjson

from mcd.errors import Code, echo
from mcd.kube.answers import refusal
from mcd.kube.cluster import ExecChunk, ExecSession, KubeError, KubeReason
from mcd.kube.transport import DEADLINE, Query, Transport

MAX_EVENT = 2 * 1024 * 1024
"""Bytes of one watch event. A larger one is skipped whole: the object is then read by itself when it is needed."""
MAX_LOG_LINE = 64 * 1024
"""Bytes of one line of a log; the rest of a longer one is cut off."""
REOPENED, RUN_AGAIN = "It is opened again.", "Run it again."
"""What comes of a stream that broke. Watches and logs that are followed are opened again by who reads them."""
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255


async def refused(response: aiohttp.ClientResponse, what: str) -> KubeError:
    """The error of a stream that was refused; at most 64 KiB of its words are read. Who does not say why has refused
    all the same."""
    body = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(DEADLINE):
            body = await response.content.read(64 * 1024)
    return refusal(what, response.status, body, response.headers)


async def lines(response: aiohttp.ClientResponse, silence: float | None) -> AsyncGenerator[bytes, None]:
    """The lines of a watch. Raises KubeError UNREACHABLE after `silence` seconds without a byte, and when the stream
    breaks in the middle of a line."""
    held, skipping = bytearray(), False
    while True:
        chunk = await _chunk(response, silence)
        if not chunk:
            if held.strip() or skipping:
                raise _broken("the stream ended in the middle of an event")
            return
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            line = bytes(held) + part
            held.clear()
            if not skipping and len(line) <= MAX_EVENT and line.strip():
                yield line
            skipping = False
        held += b"" if skipping else rest
        if len(held) > MAX_EVENT:
            held.clear()
            skipping = True


async def log_lines(
    transport: Transport, path: str, query: Query, what: str, *, follow: bool
) -> AsyncGenerator[bytes, None]:
    """The lines of a log without their newline. A log that is followed may be silent for ever; one that is read to its
    end may not."""
    silence, hint = (None, REOPENED) if follow else (DEADLINE, "Ask again.")
    async with transport.stream(path, query) as response:
        if response.status == 204:  # no node has the pod yet
            return
        if response.status != 200:
            raise await refused(response, what)
        held, cut = bytearray(), False
        while chunk := await _chunk(response, silence, hint):
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                yield bytes((held if cut else held + part)[:MAX_LOG_LINE])
                held.clear()
                cut = False
            if not cut:
                held += rest
                cut = len(held) > MAX_LOG_LINE
        if held:
            yield bytes(held[:MAX_LOG_LINE])


async def _chunk(response: aiohttp.ClientResponse, silence: float | None, hint: str = REOPENED) -> bytes:
    try:
        async with asyncio.timeout(silence):
            return await response.content.readany()
    except TimeoutError:
        raise _broken(f"nothing was heard for {silence:g} s", hint) from None
    except (aiohttp.ClientError, OSError):
        raise _broken("the connection broke", hint) from None


def _broken(why: str, hint: str = REOPENED) -> KubeError:
    return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, f"the stream from the cluster ended: {why}.", hint)


async def execute(transport: Transport, path: str, query: Query, what: str) -> ExecSession:
    """Starts a command. Raises KubeError when the cluster refuses it."""
    try:
        socket = await transport.websocket(path, query, PROTOCOLS)
    except aiohttp.WSServerHandshakeError as error:
        # The library keeps no body of a refused handshake; the status says which kind of refusal it is.
        code = error.status
        if code == 404:
            raise KubeError(Code.NOT_FOUND, KubeReason.STALE, f"{what}: it does not exist.") from None
        if code == 400:
            raise KubeError(
                Code.INVALID, KubeReason.INVALID, f"{what}: the command cannot be run there.",
                "Check the container's name, and that it runs.",
            ) from None  # fmt: skip
        raise refusal(what, code, b"", error.headers) from None
    told = dict(reversed(query))  # the first of several words of the command is the program
    return _Exec(socket, told.get("command", ""), told.get("container", ""))


class _Exec:
    """A command that runs behind a WebSocket: the first byte of each message is its channel."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, program: str, container: str) -> None:
        self._socket = socket
        self._program, self._container = program, container

    async def __aenter__(self) -> _Exec:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[ExecChunk]:
        async for message in self._socket:
            data = message.data.encode() if isinstance(message.data, str) else message.data
            if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT) or not data:
                continue
            channel, rest = data[0], data[1:]
            if channel in (_STDOUT, _STDERR) and rest:
                yield ExecChunk("stdout" if channel == _STDOUT else "stderr", rest)
            elif channel == _ERROR:
                code, said = ended(rest, self._program, self._container)
                if said:
                    yield ExecChunk("stderr", f"mcd: {said}\r\n".encode())
                yield ExecChunk("stdout", b"", code)
                return
        raise _broken("the command's connection was closed before it ended", RUN_AGAIN)

    async def send(self, data: bytes) -> None:
        await self._write(bytes([_STDIN]) + data)

    async def close_stdin(self) -> None:
        """Tells the command that no more input comes. On servers before 1.30 only closing the session does that."""
        if self._socket.protocol == PROTOCOLS[0]:
            await self._write(bytes([_CLOSE, _STDIN]))

    async def resize(self, columns: int, rows: int) -> None:
        await self._write(bytes([_RESIZE]) + orjson.dumps({"Width": columns, "Height": rows}))

    async def _write(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._socket.send_bytes(message)
        except (TimeoutError, aiohttp.ClientError, OSError):
            raise _broken("the command no longer takes input", RUN_AGAIN) from None


NOT_FOUND, NOT_RUN = 127, 126
"""What a shell exits with for a program that is not there, and for one that cannot be run."""


def ended(raw: bytes, program: str, container: str) -> tuple[int, str]:
    """The exit code in the Status of the error channel, and in words why the program was not started, if it was not."""
    try:
        status: dict[str, Any] = orjson.loads(raw)
        if status.get("status") == "Success":
            return 0, ""
        for cause in (status.get("details") or {}).get("causes") or ():
            if cause.get("reason") == "ExitCode":
                return int(cause["message"]), ""
        return _not_started(str(status.get("message", "")), program, container)
    except (orjson.JSONDecodeError, ValueError, AttributeError, TypeError, KeyError):
        return NOT_RUN, "the command could not be run: the cluster's answer cannot be read."


def _not_started(said: str, program: str, container: str) -> tuple[int, str]:
    which, where = f'"{echo(program, 120)}"', f"the container {echo(container, 63)}"
    lower = said.lower()
    if "executable file not found" in lower or "no such file or directory" in lower:
        return NOT_FOUND, f"there is no program {which} in {where}."
    if "permission denied" in lower:
        return NOT_RUN, f"the program {which} in {where} may not be executed."
    # What matters of a container runtime stands last: each layer puts its own words before those of the one below.
    words = echo(said, 2000)
    return NOT_RUN, f"the command could not be run: {words if len(words) <= 300 else '… ' + words[-300:]}"
