"""Pages over all Apps, kept for a tenth of a second, and for a whole one while nothing happens: many who look at the
same moment cost one look into the store.

What is kept belongs to one person with the rights that they have at this request, in one language and one appearance.
It must not keep a page that says something once, nor a refusal.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from mcd.api.portal.pages import DONE, frame_of, part_of, spoken_of
from mcd.model import Actor

SECONDS = 0.1
"""For which a page is good whatever happens."""
QUIET_SECONDS = 1.0
"""For which it is good while nobody told of anything: what is not told, moments in words above all, is no older."""
MOST = 100


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    news: int
    """How much had been told of when it was made."""
    task: asyncio.Task[Response]

    @property
    def failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


@dataclass(slots=True)
class Briefly:
    """Pages by who sees them and what was asked. One for an application."""

    seconds: float = SECONDS
    quiet_seconds: float = QUIET_SECONDS
    _kept: OrderedDict[Hashable, _Kept] = field(default_factory=OrderedDict)

    async def page(
        self, request: Request, actor: Actor, news: int, make: Callable[[], Awaitable[Response]]
    ) -> Response:
        """What `make` answers, or answered a moment ago to the same question. `news` is how much was told of up to now
        (`Database.news`)."""
        if DONE in request.cookies or not self.seconds:
            return await make()
        loop = asyncio.get_running_loop()
        key = _key(request, actor)
        kept = self._kept.get(key)
        if kept is None or kept.failed or loop.time() >= kept.at + self._good(kept, news):
            kept = _Kept(loop.time(), news, loop.create_task(_made(make), name="portal-page"))
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        # Others wait for the same page: one who goes away does not end it.
        answer = await asyncio.shield(kept.task)
        return HTMLResponse(answer.body, answer.status_code, dict(answer.headers))

    def _good(self, kept: _Kept, news: int) -> float:
        """Seconds from when it was made."""
        return max(self.seconds, self.quiet_seconds) if kept.news == news else self.seconds


def briefly_of(request: Request) -> Briefly:
    found: Briefly = request.app.state.briefly
    return found


async def _made(make: Callable[[], Awaitable[Response]]) -> Response:
    return await make()


def _key(request: Request, actor: Actor) -> Hashable:
    frame = frame_of(request)
    rights = (actor.person, actor.admin, actor.scope, actor.via, tuple(sorted(actor.roles.items())))
    return rights, actor.default_product_line, spoken_of(request).code, frame.theme, frame.here, part_of(request)
