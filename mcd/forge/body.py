"""The body of a push as it comes in: gzip undone within a limit, silence ended, size counted.

It must not believe a header, and it must not write.
"""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import AsyncIterable, AsyncIterator

from mcd.errors import Code, McdError
from mcd.forge.wire import PushRequest, parse_push

MIB = 1024 * 1024

REMEMBERED = 128 * 1024
"""Bytes of a push that stay in memory: more than the names of as many refs as one push may move."""


class Remembered:
    """The chunks of a push. Its beginning is kept, so that it can be answered in git's protocol though nothing of it
    could be written down."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._head = bytearray()

    def __aiter__(self) -> Remembered:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._head += chunk[: max(0, REMEMBERED - len(self._head))]
        return chunk

    async def drained(self, most: int) -> bool:
        """Reads what is still to come, because git shows an answer only to what it could send whole. False when it is
        more than `most` bytes."""
        async for chunk in self:
            most -= len(chunk)
            if most < 0:
                return False
        return True

    def request(self) -> PushRequest:
        """What the push asks for. Raises McdError(invalid), also when the beginning does not hold all of it."""
        return parse_push(io.BytesIO(self._head))


def too_large(limit: int) -> McdError:
    return McdError(
        Code.TOO_LARGE,
        f"the push is larger than {limit // MIB} MiB." if limit >= MIB else f"the push is larger than {limit} bytes.",
        "Keep large files out of git, or ask for a higher MCD_PUSH_LIMIT.",
        reason="PushTooLarge",
    )


async def not_idle(chunks: AsyncIterable[bytes], seconds: float) -> AsyncIterator[bytes]:
    each = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(each)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise McdError(
                Code.INVALID, f"the push stopped: nothing came for {seconds:g} seconds.", "Push again."
            ) from None
        yield chunk


async def gunzipped(chunks: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    """At most a little more than `limit` bytes ever exist: what a bomb holds is not unpacked."""
    stream = zlib.decompressobj(wbits=31)
    size = 0
    try:
        async for chunk in chunks:
            data = chunk
            while data and not stream.eof:
                piece = stream.decompress(data, 256 * 1024)
                data = stream.unconsumed_tail
                size += len(piece)
                if size > limit:
                    raise too_large(limit)
                yield piece
    except zlib.error as trouble:
        raise McdError(Code.INVALID, "the request is not gzip, although it says so.", "Use git push.") from trouble
    if not stream.eof:
        raise McdError(Code.INVALID, "the request ends in the middle of its gzip stream.", "Push again.")
