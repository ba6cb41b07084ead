"""Serves clone and fetch: git's upload-pack as a child process, its output streamed as it comes.

It must not know who asks; permission is decided before.
"""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

from mcd.errors import Code, McdError
from mcd.forge import program
from mcd.forge.sayings import last_line
from mcd.forge.wire import service_header

REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes that a client may send to say what it wants and has."""

_CHUNK = 64 * 1024
_PROTOCOL = re.compile(r"version=[012]")


def protocol_of(header: str) -> str:
    """The `Git-Protocol` header as git may see it: a version, or nothing."""
    return header if _PROTOCOL.fullmatch(header) else ""


async def advertise(folder: Path, protocol: str) -> bytes:
    """What a client is told first. Raises McdError(unavailable)."""
    async with (
        asyncio.timeout(30),
        program.started(
            "upload-pack", "--stateless-rpc", "--advertise-refs", str(folder),
            folder=folder, extra={"GIT_PROTOCOL": protocol},
        ) as process,
    ):  # fmt: skip
        out, said = await process.communicate()
    if process.returncode:
        raise _failed(said)
    return service_header("git-upload-pack") + out


async def answer(folder: Path, protocol: str, request: bytes, *, seconds: float = 600) -> AsyncIterator[bytes]:
    """The pack that a request asks for, in pieces. git is killed when the reader goes away or after `seconds`. What git
    refuses it says in its own protocol; with no output at all McdError(invalid) is raised."""
    began = False
    async with (
        asyncio.timeout(seconds),
        program.started(
            "upload-pack", "--stateless-rpc", str(folder), folder=folder, stdin=PIPE, extra={"GIT_PROTOCOL": protocol}
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        fed = asyncio.create_task(_feed(process.stdin, request))
        said = asyncio.create_task(process.stderr.read(_CHUNK))
        try:
            while chunk := await process.stdout.read(_CHUNK):
                began = True
                yield chunk
            if not began and await process.wait():
                raise _failed(await said)
        finally:
            fed.cancel()
            said.cancel()


async def _feed(stdin: asyncio.StreamWriter, request: bytes) -> None:
    try:
        stdin.write(request)
        await stdin.drain()
        stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        # git ended before it read all: what it wrote says why.
        return


def _failed(said: bytes) -> McdError:
    return McdError(
        Code.INVALID,
        f"git cannot answer this: {last_line(said[-4096:].decode('utf-8', 'replace'))}.",
        "Use git fetch or git clone.",
    )
