"""The page cache: pages over all Apps, kept for as long as nobody commits anything, so that many who look at one state
cost one look.

What is kept belongs to one person with the rights that they have at this request, in one language and one appearance,
in one second, because a page says how long ago things were. Of what other processes commit a page may know nothing for
a tenth of a second: a platform that deploys commits more often than a page can be made. It must not keep a page that
says something once, nor a refusal, nor tell anybody of a state that was over by what this process did when they asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from mcd.api.portal.pages import DONE, frame_of, part_of, spoken_of
from mcd.model import Actor
from mcd.store.kept import Kept
from mcd.store.marks import Mark

MOST_BYTES = 16 * 1024 * 1024
MOST_OF_A_KEY = 4096
"""Bytes: about as much as a question takes beside its page. A longer one is answered and not kept."""
BEHIND = timedelta(seconds=0.1)
"""How long a page may know nothing of what another process committed."""

Make = Callable[[datetime], Awaitable[Response]]
"""Makes a page as of a moment."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A page, when it was begun, and how much this process had committed then."""

    answer: Response
    at: datetime
    commits: int


class Briefly:
    """Pages by who sees them and what was asked. One for an application. `commits`: of this process, so far."""

    def __init__(
        self,
        mark: Callable[[], Awaitable[Mark]],
        commits: Callable[[], int],
        now: Callable[[], datetime],
        most: int = MOST_BYTES,
    ) -> None:
        self._mark = mark
        self._commits = commits
        self._now = now
        self.kept: Kept[_Made] = Kept(most)
        self._making: dict[Hashable, asyncio.Task[Response]] = {}
        self._next: dict[Hashable, asyncio.Task[Response]] = {}

    async def page(self, request: Request, actor: Actor, make: Make) -> Response:
        """What `make` answers, or answered to the same question in the same second and the same state, or nearly so."""
        if DONE in request.cookies:
            return await make(self._now())
        key = _key(request, actor)
        if len(request.scope["query_string"]) > MOST_OF_A_KEY:
            return await make(self._now())
        found = self.kept.before(key)
        if found is None or not self._recent(found):
            found = self.kept.good(key, await self._moment(self._now))
        answer = None if found is None else found.answer
        if answer is None:
            if key not in self._next:
                # One is made at a time, and the next one for all who asked before it began: what they are told is
                # read after each of them was here.
                task = asyncio.create_task(self._made(key, make, self._making.get(key)), name="portal-page")
                self._next[key] = task
            # Others wait for the same page: one who goes away does not end it.
            answer = await asyncio.shield(self._next[key])
        return HTMLResponse(answer.body, answer.status_code, dict(answer.headers))

    def _recent(self, page: _Made) -> bool:
        now = self._now()
        young = timedelta(0) <= now - page.at < BEHIND and _second(page.at) == _second(now)
        return young and page.commits == self._commits()

    async def _moment(self, at: Callable[[], datetime]) -> Mark:
        mark = await self._mark()
        return None if mark is None else (mark, _second(at()))

    async def _made(self, key: Hashable, make: Make, before: asyncio.Task[Response] | None) -> Response:
        if before is not None:
            await asyncio.wait({before})
        self._making[key] = self._next.pop(key)
        try:
            at, commits = self._now(), self._commits()
            moment = await self._moment(lambda: at)
            answer = await make(_second(at))
            self.kept.keep(key, moment, _Made(answer, at, commits), len(answer.body) + MOST_OF_A_KEY)
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
    """What was asked, as it was asked (`frame.here` is only where a form goes back to), by whom, with which rights."""
    frame = frame_of(request)
    rights = (actor.person, actor.admin, actor.scope, actor.via, tuple(sorted(actor.roles.items())))
    asked = (request.scope["path"], request.scope["query_string"], frame.here, part_of(request))
    return rights, actor.default_product_line, spoken_of(request).code, frame.theme, asked
