"""/apps/{app}/logs: the last lines as a page, and what comes after them as a stream.

Both read through `mcd.api.tails`, as the API does, and only for who may. It must not keep a line.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.requests import Request

from mcd.api import places, tails
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
from mcd.api.streams import HEARTBEAT, resume_after
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
    seen, (lines, trouble, late) = await asyncio.gather(looking, _last(runtime, place, wish))
    if wish.previous and not lines:
        async with runtime.db.reading() as tx:
            kept = await last_words(actor, tx, app, wish.component or None)
        if kept is not None:
            lines, trouble = [line_of(raw) async for raw in as_lines(kept, prefix=True)], ""
    pods: Sequence[Pod] = seen.value or ()
    view = logs_of(head, wish, lines, pods, trouble=trouble, late=late)
    page = Page("app/logs.html", view, wish.command(app))
    return show(request, page, now=runtime.now(), headers={"Cache-Control": "no-store"})


async def _last(runtime: Runtime, place: Place, wish: Wish) -> tuple[list[Line], str, bool]:
    """What there is, why there is no more, and whether it took too long."""
    found: list[Line] = []
    options = tails.Options(previous=wish.previous, tail=wish.tail, timestamps=True, prefix=True)
    try:
        async with asyncio.timeout(PATIENCE):
            cluster = await places.client_of(runtime, place)
            sources = await sources_of(cluster, place, _wanted(place, wish))

            async def find() -> Sequence[tails.Source]:
                return sources

            async for raw in tails.lines(cluster, place.line.namespace, find, options):
                found.append(line_of(raw))  # noqa: PERF401 (what came is kept when the time is over)
    except McdError as error:
        return found, str(error), False
    except TimeoutError:
        return _newest(found), "", True
    return _newest(found), "", False


def _newest(lines: list[Line]) -> list[Line]:
    """In the order in which they were said, where that is known."""
    known = all(line.at for line in lines)
    return (sorted(lines, key=lambda line: line.at) if known else lines)[-MOST:]


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
    after: Annotated[int, Query(ge=0, le=10**17)] = 0,
) -> Response:
    """What is said after the moment `after` (microseconds since 1970), or after the last message that was read."""
    credential = credential_of(request)
    assert credential is not None
    throttle = throttle_of(request)
    throttle.room(actor.person)
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.SHELL)
    source = _Follow(request.app.state.taps, runtime, credential, place, wish).messages(resume_after(request, after))

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

    async def messages(self, since: int) -> AsyncIterator[bytes]:
        """As a stream of server-sent events."""
        yield format_sse_event(comment="mcd", retry=2000)
        try:
            cluster = await places.client_of(self.runtime, self.place)
            async for lines in _gathered(self._new(cluster, since)):
                if not lines:
                    yield format_sse_event(comment="beat")
                    continue
                since = max(since, *(line.at for line in lines))
                data = json.dumps([line.data() for line in lines], ensure_ascii=True)
                yield format_sse_event(event="lines", data_str=data, id=str(since) if since else None)
        except McdError as error:
            yield format_sse_event(event="trouble", data_str=json.dumps({"code": error.code, "detail": str(error)}))

    async def _new(self, cluster: Cluster, since: int) -> AsyncIterator[Line]:
        """Lines that were said after `since`. Raises McdError when the person may not read them any more."""
        wanted = _wanted(self.place, self.wish)
        try:
            first = await sources_of(cluster, self.place, wanted)
        except McdError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            first = []
        find = Finder(self.runtime, self.credential, cluster, self.place, wanted, first)
        seconds = max(1, int(time.time() - since / 1_000_000) + 2) if since else None
        options = tails.Options(
            follow=True, tail=None if since else self.wish.tail, since_seconds=seconds, timestamps=True, prefix=True
        )
        shared = self.taps.over(cluster, self.place.cluster.id)
        async for raw in tails.lines(shared, self.place.line.namespace, find, options):
            line = line_of(raw)
            if not line.at or line.at > since:
                yield line


async def _gathered(lines: AsyncIterator[Line]) -> AsyncIterator[list[Line]]:
    """Several at once; an empty list after a silence, so that who left is noticed."""
    queue: asyncio.Queue[Line | McdError | None] = asyncio.Queue(AT_ONCE)

    async def copy() -> None:
        try:
            async for line in lines:
                await queue.put(line)
        except McdError as error:
            await queue.put(error)
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
