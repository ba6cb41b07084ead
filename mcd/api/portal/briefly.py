"""Pages over all Apps, kept for as long as nobody commits anything: many who look at one state cost one look.

What is kept belongs to one person with the rights that they have at this request, in one language and one appearance,
in one second, because a page says how long ago things were. It must not keep a page that says something once, nor a
refusal, nor tell anybody of a state that was over when they asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime

from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from mcd.api.portal.pages import DONE, frame_of, part_of, spoken_of
from mcd.model import Actor
from mcd.store.kept import Kept
from mcd.store.marks import Mark

MOST_BYTES = 16 * 1024 * 1024

Make = Callable[[datetime], Awaitable[Response]]
"""Makes a page as of a moment."""


class Briefly:
    """Pages by who sees them and what was asked. One for an application."""

    def __init__(
        self, mark: Callable[[], Awaitable[Mark]], now: Callable[[], datetime], most: int = MOST_BYTES
    ) -> None:
        self._mark = mark
        self._now = now
        self.kept: Kept[Response] = Kept(most)
        self._making: dict[Hashable, asyncio.Task[Response]] = {}
        self._next: dict[Hashable, asyncio.Task[Response]] = {}

    async def page(self, request: Request, actor: Actor, make: Make) -> Response:
        """What `make` answers, or answered to the same question in the same state and second."""
        if DONE in request.cookies:
            return await make(self._now())
        key = _key(request, actor)
        answer = self.kept.good(key, await self._moment())
        if answer is None:
            if key not in self._next:
                # One is made at a time, and the next one for all who asked before it began: what they are told is
                # read after each of them was here.
                task = asyncio.create_task(self._made(key, make, self._making.get(key)), name="portal-page")
                self._next[key] = task
            # Others wait for the same page: one who goes away does not end it.
            answer = await asyncio.shield(self._next[key])
        return HTMLResponse(answer.body, answer.status_code, dict(answer.headers))

    async def _moment(self) -> Mark:
        mark = await self._mark()
        return None if mark is None else (mark, _second(self._now()))

    async def _made(self, key: Hashable, make: Make, before: asyncio.Task[Response] | None) -> Response:
        if before is not None:
            await asyncio.wait({before})
        self._making[key] = self._next.pop(key)
        try:
            moment = await self._moment()
            answer = await make(_second(self._now()))
            self.kept.keep(key, moment, answer, len(answer.body) + 1000)
            return answer
        finally:
            if self._making.get(key) is asyncio.current_task():
                del self._making[key]


def _second(now: datetime) -> datetime:
    return now.replace(microsecond=0)


def briefly_of(request: Request) -> Briefly:
    found: Briefly = request.app.state.briefly
    return found


def _key(request: Request, actor: Actor) -> Hashable:
    frame = frame_of(request)
    rights = (actor.person, actor.admin, actor.scope, actor.via, tuple(sorted(actor.roles.items())))
    return rights, actor.default_product_line, spoken_of(request).code, frame.theme, frame.here, part_of(request)
