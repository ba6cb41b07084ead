"""The builder's output of a Release as a stream of lines: what is kept, and what still comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mcd.api.access import Credential, actor_of
from mcd.api.streams import unbroken
from mcd.errors import McdError
from mcd.runtime import Runtime
from mcd.store import reads

LINES = 1000
"""Lines of one look."""

LOOK_AGAIN = 1.0
"""Seconds between two looks while a build goes on; a commit by the builder's process is told sooner."""


async def build_lines(
    runtime: Runtime, credential: Credential, app: str, number: int | None, *, follow: bool
) -> AsyncIterator[bytes]:
    """Every line with its newline. `number` None: the newest Release. Asks each time whether one may."""
    after = 0
    seen = await runtime.db.news(0, -1)
    while True:
        try:
            number, part = await unbroken(_look(runtime, credential, app, number, after))
        except McdError as error:
            yield f"mcd: {error}\n".encode()
            return
        for line in part.lines:
            yield line.encode(errors="replace") + b"\n"
        after = part.next
        if len(part.lines) == LINES:
            continue
        if part.ended or not follow:
            return
        seen = await runtime.db.news(LOOK_AGAIN, seen)


async def _look(
    runtime: Runtime, credential: Credential, app: str, number: int | None, after: int
) -> tuple[int, reads.LogPart]:
    actor = await actor_of(runtime, credential)
    async with runtime.db.reading() as tx:
        if number is None:
            number = (await reads.release(actor, tx, app)).number
        return number, await reads.release_log(actor, tx, app, number, after=after, limit=LINES)
