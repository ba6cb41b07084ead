"""A page cache. Pages over all Apps are kept for as long as nobody commits anything: many who look cost one look.

What is kept belongs to one person with the rights that they have at this request, in one language and one appearance,
as of one second, because a page says how long ago things were; in the next second it is told once more while the new
one is made. Of what other processes commit a page may know nothing for a second, and the next one is begun after 0.4 s:
a platform that deploys commits more often than a page can be made. It must not keep a page that says something once,
nor a refusal, nor tell anybody of a state that was over by what this process did when they asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from mcd.api.portal.pages import DONE, frame_of, part_of, spoken_of
from mcd.model import Actor
from mcd.store.kept import Kept
from mcd.store.marks import Mark
from mcd.store.shared import Shared

MOST_BYTES = 16 * 1024 * 1024
MOST_OF_A_KEY = 4096
"""Bytes: about as much as a question takes beside its page. A longer one is answered and not kept."""
BEHIND = timedelta(seconds=1)
"""How long a page may know nothing of what another process committed, or a pass of this one."""
GATHERED = timedelta(seconds=0.4)
"""How long what other processes commit is gathered, before the next page is begun for all of it."""
SHOWN = timedelta(seconds=2)
"""How long a page of a state that lasts is told while the next one is made: it says `ago` as of when it was begun."""

Make = Callable[[datetime], Awaitable[Response]]
"""Makes a page as of a moment."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A page, when it was begun, and how much this process had committed then."""

    answer: Response
    at: datetime
    commits: int


class Told(Enum):
    """What may be done with a page that is there."""

    AS_IT_IS = auto()
    AND_MADE_ANEW = auto()
    """It may be told, and the next one is to be begun."""
    NOT = auto()


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
        self._shared = Shared[Response]("portal-page")

    async def page(self, request: Request, actor: Actor, make: Make) -> Response:
        """What `make` answers, or answered to the same question in the same second and the same state, or nearly so."""
        if not _can_be_kept(request):
            return await make(self._now())
        key = _key(request, actor)
        found = self.kept.before(key)
        state = request.scope["state"]
        mark = state["mark"] if "mark" in state else await self._mark()
        told = Told.NOT if found is None else self._told(key, found, mark)
        if found is None or told is Told.NOT:
            return _again(await self._shared.look(key, lambda: self._made(key, make)))
        if told is Told.AND_MADE_ANEW:
            # So that nobody has to wait for it.
            self._shared.begun(key, lambda: self._made(key, make))
        return _again(found.answer)

    def ready(self, request: Request, actor: Actor) -> Response | None:
        """The same, for who does not know yet how the page is made: None unless it is there and none is to be made.
        Only for a request whose `mark` was asked for."""
        if "mark" not in request.scope["state"] or not _can_be_kept(request):
            return None
        key = _key(request, actor)
        found = self.kept.before(key)
        if found is None or self._told(key, found, request.scope["state"]["mark"]) is not Told.AS_IT_IS:
            return None
        return _again(found.answer)

    def _told(self, key: Hashable, page: _Made, mark: Mark) -> Told:
        """`mark`: of the request."""
        same = self.kept.good(key, mark) is page
        now = self._now()
        age = now - page.at
        if same and _second(page.at) == _second(now):
            return Told.AS_IT_IS
        if age < timedelta(0) or age >= (SHOWN if same else BEHIND) or page.commits != self._commits():
            return Told.NOT
        due = (same or age >= GATHERED) and not self._shared.under_way(key)
        return Told.AND_MADE_ANEW if due else Told.AS_IT_IS

    async def _made(self, key: Hashable, make: Make) -> Response:
        at, commits = self._now(), self._commits()
        mark = await self._mark()
        answer = await make(_second(at))
        self.kept.keep(key, mark, _Made(answer, at, commits), len(answer.body) + MOST_OF_A_KEY)
        return answer


def _can_be_kept(request: Request) -> bool:
    return DONE not in request.cookies and len(request.scope["query_string"]) <= MOST_OF_A_KEY


def _again(answer: Response) -> Response:
    return HTMLResponse(answer.body, answer.status_code, dict(answer.headers))


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
