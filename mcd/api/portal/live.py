"""Parts of a page that follow what happens: a block of its template, sent again whenever it would look different.

The id of each message is a digest of the part, so that a page that comes back with what it has seen is sent nothing
until something is new. It must not ask a cluster; see `mcd.api.streams` for what ends a stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from fastapi.sse import EventSourceResponse
from starlette.requests import Request

from mcd.api.streams import Item, Look, resume_after, stream
from mcd.model import Actor
from mcd.runtime import Runtime

EVERY = 5.0
"""Seconds between two looks when nobody tells us of news; usually a commit tells at once."""

Draw = Callable[[Actor], Awaitable[str]]
"""Reads the store as this person and answers the HTML of the part. Raises McdError when it may not be seen any more."""


def seen(html: str) -> int:
    """What a part looked like, as a number that `Last-Event-ID` can carry."""
    return int.from_bytes(hashlib.sha256(html.encode()).digest()[:7])


def live(request: Request, runtime: Runtime, actor: Actor, draw: Draw) -> EventSourceResponse:
    """The stream of one part. `?seen=` of the address or `Last-Event-ID` say what the page shows already. Raises
    McdError(rate_limited, invalid)."""
    said = request.query_params.get("seen", "")
    known = int(said) if said.isascii() and said.isdigit() and len(said) <= 18 else -1
    shown = resume_after(request, known)

    async def look(who: Actor) -> Look:
        nonlocal shown
        html = await draw(who)
        if (now := seen(html)) == shown:
            return Look(())
        shown = now
        return Look((Item("", html, now),))

    return stream(request, runtime, actor, look, every=EVERY)
