"""Pages over all Apps, kept for a tenth of a second: many who look at the same moment cost one look into the store.

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
MOST = 100


@dataclass(slots=True)
class Briefly:
    """Pages by who sees them and what was asked. One for an application."""

    seconds: float = SECONDS
    _kept: OrderedDict[Hashable, tuple[float, asyncio.Task[Response]]] = field(default_factory=OrderedDict)

    async def page(self, request: Request, actor: Actor, make: Callable[[], Awaitable[Response]]) -> Response:
        """What `make` answers, or answered a moment ago to the same question."""
        if DONE in request.cookies or not self.seconds:
            return await make()
        loop = asyncio.get_running_loop()
        key = _key(request, actor)
        until, task = self._kept.get(key, (0.0, None))
        if task is None or loop.time() >= until or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = loop.create_task(_made(make), name="portal-page")
            self._kept[key] = (loop.time() + self.seconds, task)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        # Others wait for the same page: one who goes away does not end it.
        answer = await asyncio.shield(task)
        return HTMLResponse(answer.body, answer.status_code, dict(answer.headers))


def briefly_of(request: Request) -> Briefly:
    found: Briefly = request.app.state.briefly
    return found


async def _made(make: Callable[[], Awaitable[Response]]) -> Response:
    return await make()


def _key(request: Request, actor: Actor) -> Hashable:
    frame = frame_of(request)
    rights = (actor.person, actor.admin, actor.scope, actor.via, tuple(sorted(actor.roles.items())))
    return rights, actor.default_product_line, spoken_of(request).code, frame.theme, frame.here, part_of(request)
