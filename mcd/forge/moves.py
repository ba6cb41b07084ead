"""Moves the refs of a repository in two steps: held first, with all that has to be written, and moved later by renames.

Whoever wishes something in between knows that a full disk or another push cannot stop the refs any more. It must not
know what a push means.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from mcd.errors import Code, McdError
from mcd.forge import program
from mcd.forge.sayings import full_disk, is_full, last_line
from mcd.forge.wire import ZERO, RefUpdate

SECONDS = 30.0
"""How long git may take for one of its two steps, which touch a few small files."""

Move = Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def held(folder: Path, updates: tuple[RefUpdate, ...]) -> AsyncIterator[Move]:
    """Holds all refs or none, each only at its old value; what is yielded moves them. Without that they are let go when
    the block ends. Raises McdError: conflict (somebody moved one), unavailable (full disk, time limit)."""
    _cleared(folder)
    async with program.started("update-ref", "--stdin", "-z", folder=folder, stdin=PIPE) as process:
        assert process.stdin is not None
        try:
            lines = "".join(_line(update) for update in updates)
            await _asked(process, f"start\0{lines}prepare\0", b"prepare: ok\n")
            yield lambda: _asked(process, "commit\0", b"commit: ok\n")
        finally:
            # At the end of its input git lets go of what it holds and takes its locks away; a killed one would not.
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await process.wait()


def _cleared(folder: Path) -> None:
    """Only a push writes refs, and this push holds the lock: who left locks of git behind was killed."""
    for stale in [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]:
        stale.unlink(missing_ok=True)


def _line(update: RefUpdate) -> str:
    if update.deletes:
        return f"delete {update.ref}\0{update.old}\0"
    if update.old == ZERO:
        return f"create {update.ref}\0{update.new}\0"
    return f"update {update.ref}\0{update.new}\0{update.old}\0"


async def _asked(process: Process, words: str, answer: bytes) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # git ended before it read all: what it wrote says why.
                process.stdin.write(words.encode())
                await process.stdin.drain()
            try:
                await process.stdout.readuntil(answer)
            except asyncio.IncompleteReadError:
                raise _refused((await process.stderr.read()).decode("utf-8", "replace")) from None
    except TimeoutError:
        raise McdError(
            Code.UNAVAILABLE,
            f"the refs could not be moved within {SECONDS:g} seconds.",
            "Push again later.",
            reason="GitTimeout",
        ) from None


def _refused(said: str) -> McdError:
    if is_full(said):
        return full_disk()
    return McdError(Code.CONFLICT, f"the refs could not be moved: {last_line(said)}.", "Fetch, then push again.")
