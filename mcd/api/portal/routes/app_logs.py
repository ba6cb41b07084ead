"""/apps/{app}/logs: the last lines as a page, and what comes after them as a stream.

Both read through `mcd.api.tails`, as the API does, and only for who may. It must not keep a line.
"""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.requests import Request

from mcd.api import log_marks, places, tails
from mcd.api.access import Credential, RuntimeOf, Sheller, credential_of, throttle_of
from mcd.api.app_shapes import Pod
from mcd.api.last_words import as_lines, last_words
from mcd.api.paths import AppName
from mcd.api.places import Place
from mcd.api.pods import Finder, Wanted, sources_of
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import look_for_pods, top
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_logs import Line, Wish, line_of, logs_of
from mcd.api.streams import HEARTBEAT
from mcd.api.taps import Taps
from mcd.errors import Code, McdError
from mcd.kube.cluster import Cluster
from mcd.model import Verb
from mcd.runtime import Runtime

router = pages()

PATIENCE = 5.0
"""Seconds for which a page waits for the lines of its containers."""
MOST = 5000
"""Lines of one page."""
CHARACTERS = 2_000_000
"""Of all lines of one page, so that a program which says no text costs no more than one that does."""
AT_ONCE = 200
"""Lines of one message of the stream."""
BREATH = 0.1
"""Seconds for which lines are gathered before they are sent together."""


async def _wish(
    component: Annotated[str, Query(max_length=63, pattern=r"^[-a-z0-9]*$")] = "",
    pod: Annotated[str, Query(max_length=253, pattern=r"^[-.a-z0-9]*$")] = "",
    container: Annotated[str, Query(max_length=63, pattern=r"^[-a-z0-9]*$")] = "",
    previous: Annotated[bool, Query()] = False,
    tail: Annotated[int, Query(ge=1, le=MOST)] = 100,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Wish:
    return Wish(component, pod, container, previous, tail, q)


Wished = Annotated[Wish, Depends(_wish)]


@router.get("/apps/{app}/logs", operation_id="portal_logs")
async def logs(request: Request, app: AppName, actor: Sheller, runtime: RuntimeOf, wish: Wished) -> Response:
    """The last lines of the containers that are meant."""
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/logs")
        place = await places.place_of(actor, tx, app, Verb.SHELL)
    looking = look_for_pods(request, runtime, place, wait=PATIENCE)
    page = _Newest()
    seen, (trouble, late) = await asyncio.gather(looking, _last(runtime, place, wish, page))
    lines = page.lines()
    if wish.previous and not (lines or trouble or late):
        async with runtime.db.reading() as tx:
            kept = await last_words(actor, tx, app, wish.component or None, only=wish.pod or wish.container)
        if kept is not None:
            lines = [line_of(raw) async for raw in as_lines(kept, prefix=True)]
    pods: Sequence[Pod] = seen.value or ()
    view = logs_of(head, wish, lines, pods, trouble=trouble, late=late, read=log_marks.written(page.marks))
    whole = Page("app/logs.html", view, wish.command(app))
    return show(request, whole, now=runtime.now(), headers={"Cache-Control": "no-store"})


@dataclass
class _Newest:
    """The newest lines of a page, and how far each container was read, also in those that it leaves out."""

    marks: dict[bytes, int] = field(default_factory=dict)
    _heap: list[tuple[int, int, Line]] = field(default_factory=list)
    _count: int = 0
    _size: int = 0
    _latest: int = 0

    def add(self, line: Line, key: bytes | None) -> None:
        if line.at and key is not None:
            self.marks[key] = line.at
        # A line without a time stands where it came.
        self._latest = max(self._latest, line.at)
        self._count += 1
        heapq.heappush(self._heap, (line.at or self._latest, self._count, line))
        self._size += len(line.text)
        while len(self._heap) > MOST or (self._size > CHARACTERS and len(self._heap) > 1):
            self._size -= len(heapq.heappop(self._heap)[2].text)

    def lines(self) -> list[Line]:
        """In the order in which they were said. What is left out is said first."""
        kept = [line for _, _, line in sorted(self._heap, key=lambda one: one[:2])]
        out = self._count - len(kept)
        words = f"{out} older lines are left out here: a page shows no more. Download has all."
        return [Line(words, ours=True), *kept] if out else kept


def _keys(sources: Sequence[tails.Source]) -> Mapping[tuple[str, str], bytes]:
    """The key of the container that a line names."""
    return {(source.pod, source.container): source.key for source in sources}


async def _last(runtime: Runtime, place: Place, wish: Wish, page: _Newest) -> tuple[str, bool]:
    """Fills the page with what there is. Answers why there is no more, and whether it took too long."""
    options = tails.Options(previous=wish.previous, tail=wish.tail, timestamps=True, prefix=True)
    try:
        async with asyncio.timeout(PATIENCE):
            cluster = await places.client_of(runtime, place)
            sources = await sources_of(cluster, place, _wanted(place, wish))

            keys = _keys(sources)

            async def find() -> Sequence[tails.Source]:
                return sources

            async for raw in tails.lines(cluster, place.line.namespace, find, options):
                line = line_of(raw)
                page.add(line, keys.get((line.pod, line.container)))
    except McdError as error:
        return str(error), False
    except TimeoutError:
        return "", True
    return "", False


def _wanted(place: Place, wish: Wish) -> Wanted:
    names = (wish.component or None, wish.pod or None, wish.container or None)
    return Wanted(place.app.name, *names, previous=wish.previous)


@router.get("/apps/{app}/logs/live", operation_id="portal_logs_live")
async def follow(
    request: Request,
    app: AppName,
    actor: Sheller,
    runtime: RuntimeOf,
    wish: Wished,
    after: Annotated[str, Query(max_length=log_marks.LONGEST)] = "",
) -> Response:
    """What is said after what the page shows (`after`, see `mcd.api.log_marks`), or after the last message that was
    read."""
    credential = credential_of(request)
    assert credential is not None
    throttle = throttle_of(request)
    throttle.room(actor.person)
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.SHELL)
    marks = log_marks.read(request.headers.get("last-event-id", "").strip() or after)
    source = _Follow(request.app.state.taps, runtime, credential, place, wish, marks).messages()

    async def counted() -> AsyncIterator[bytes]:
        with throttle.stream(actor.person, "log"):
            async for message in source:
                yield message

    request.scope["state"]["stream"] = "log"
    return EventSourceResponse(counted(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@dataclass(frozen=True, slots=True)
class _Follow:
    """One person who follows the logs of an App."""

    taps: Taps
    runtime: Runtime
    credential: Credential
    place: Place
    wish: Wish
    marks: dict[bytes, int]
    """How far each container was told."""

    async def messages(self) -> AsyncIterator[bytes]:
        """As a stream of server-sent events."""
        yield format_sse_event(comment="mcd", retry=2000)
        try:
            cluster = await places.client_of(self.runtime, self.place)
            find = await self._finder(cluster)
            async for lines in _gathered(self._new(cluster, find)):
                if not lines:
                    yield format_sse_event(comment="beat")
                    continue
                data = json.dumps([line.data() for line in lines], ensure_ascii=True)
                yield format_sse_event(event="lines", data_str=data, id=self._read(lines, find) or None)
        except McdError as error:
            yield format_sse_event(event="trouble", data_str=json.dumps({"code": error.code, "detail": str(error)}))

    def _read(self, lines: Sequence[Line], find: Finder) -> str:
        """How far the reader has come with these lines, in what is still there."""
        keys = _keys(find.found)
        for line in lines:
            key = keys.get((line.pod, line.container))
            if key is not None and line.at:
                self.marks[key] = line.at
        for gone in self.marks.keys() - set(keys.values()):
            del self.marks[gone]
        return log_marks.written(self.marks)

    async def _finder(self, cluster: Cluster) -> Finder:
        wanted = _wanted(self.place, self.wish)
        try:
            first = await sources_of(cluster, self.place, wanted)
        except McdError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            first = []
        return Finder(self.runtime, self.credential, cluster, self.place, wanted, first)

    async def _new(self, cluster: Cluster, find: Finder) -> AsyncIterator[Line]:
        """Lines that the reader has not read. Ends with a line of ours when the person may not read them any more."""
        options = tails.Options(follow=True, tail=self.wish.tail, timestamps=True, prefix=True, after=dict(self.marks))
        shared = self.taps.over(cluster, self.place.cluster.id)
        async for raw in tails.lines(shared, self.place.line.namespace, find, options):
            yield line_of(raw)


async def _gathered(lines: AsyncIterator[Line]) -> AsyncIterator[list[Line]]:
    """Several at once; an empty list after a silence, so that who left is noticed."""
    # Few: what waits for the reader waits where its bytes are counted.
    queue: asyncio.Queue[Line | Exception | None] = asyncio.Queue(8)

    async def copy() -> None:
        try:
            async for line in lines:
                await queue.put(line)
        except Exception as error:  # noqa: BLE001 - it is raised to who reads
            await queue.put(error)
        else:
            await queue.put(None)

    task = asyncio.create_task(copy(), name="log:portal")
    clock = asyncio.get_running_loop().time
    try:
        while True:
            found: list[Line] = []
            until = clock() + HEARTBEAT
            while len(found) < AT_ONCE:
                try:
                    async with asyncio.timeout_at(until):
                        item = await queue.get()
                except TimeoutError:
                    break
                if not isinstance(item, Line):
                    if found:
                        yield found
                    if item is not None:
                        raise item
                    return
                if not found:
                    until = min(until, clock() + BREATH)
                found.append(item)
            yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
