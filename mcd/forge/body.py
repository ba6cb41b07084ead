"""The body of a push as it comes in: gzip undone within a limit, silence ended, size counted.

It must not believe a header, and it must not write.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable, AsyncIterator

from mcd.errors import Code, McdError

MIB = 1024 * 1024


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
