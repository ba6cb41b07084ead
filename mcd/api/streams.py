"""Server-sent Events: a stream that resumes where it broke off, beats while nothing happens, and ends when the person
may no longer see it.

It knows when to ask again and how an Event looks on the wire; what is asked is handed in. It never polls faster than
once a second and holds no transaction while it waits.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel
from starlette.requests import Request

from mcd.api.access import Credential, actor_of, credential_of, throttle_of
from mcd.api.throttle import Throttle
from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.runtime import Runtime

T = TypeVar("T")

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies close what says nothing."""

RECHECK = 5.0
"""Seconds between two looks whether the person may still see it (T13)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to send. `id` is the sequence to resume after, None for what is not part of the history. Text is sent
    as it is; without an `event` it is what pages put in the place of what they show."""

    event: str
    data: BaseModel | str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. `last` ends the stream after its items."""

    items: tuple[Item, ...]
    last: bool = False


Looker = Callable[[Actor], Awaitable[Look]]
"""Answers what is new since it was asked last; it remembers by itself. Raises McdError when it may not be seen."""


def resume_after(request: Request, default: int) -> int:
    """The sequence of `Last-Event-ID`. Raises McdError(invalid) when it is none of ours."""
    said = request.headers.get("last-event-id", "").strip()
    if not said:
        return default
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise McdError(Code.INVALID, "Last-Event-ID is not the id of an Event.", "Send the id that you read last.")
    return int(said)


def stream(request: Request, runtime: Runtime, actor: Actor, look: Looker, *, every: float) -> EventSourceResponse:
    """The response. `every` is the longest pause between two looks, in seconds. Raises McdError(rate_limited) when the
    person has too many streams open."""
    credential = credential_of(request)
    assert credential is not None
    throttle = throttle_of(request)
    throttle.room(actor.person)
    request.scope["state"]["stream"] = "events"
    return EventSourceResponse(
        _counted(_beats(runtime, actor, credential, look, every), throttle, actor.person),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _counted(lines: AsyncIterator[bytes], throttle: Throttle, person: str) -> AsyncIterator[bytes]:
    # Counted from the first line on: a response that is never sent must not hold a place for ever.
    with throttle.stream(person, "events"):
        async for line in lines:
            yield line


async def unbroken(question: Awaitable[T]) -> T:
    """A question to the database that ends though its asker left: one that is cut off costs a connection."""
    with anyio.CancelScope(shield=True):
        answer = await question
    return answer  # noqa: RET504 (the scope may swallow, so that a return inside is not the only way out)


async def _beats(
    runtime: Runtime, actor: Actor, credential: Credential, look: Looker, every: float
) -> AsyncIterator[bytes]:
    clock = time.monotonic
    checked = spoke = clock()
    seen = await runtime.db.news(0, -1)
    yield format_sse_event(comment="mcd", retry=2000)
    while True:
        if clock() - checked >= RECHECK:
            try:
                actor = await unbroken(actor_of(runtime, credential))
            except McdError as error:
                yield _refusal(error)
                return
            checked = clock()
        try:
            found = await unbroken(look(actor))
        except McdError as error:
            yield _refusal(error)
            return
        for item in found.items:
            yield format_sse_event(
                event=item.event or None,
                data_str=item.data if isinstance(item.data, str) else item.data.model_dump_json(),
                id=None if item.id is None else str(item.id),
            )
            spoke = clock()
        if found.last:
            return
        if clock() - spoke >= HEARTBEAT:
            yield format_sse_event(comment="beat")
            spoke = clock()
        seen = await runtime.db.news(min(every, RECHECK), seen)


def _refusal(error: McdError) -> bytes:
    """Told inside the stream, because the status line is long gone."""
    return format_sse_event(event="error", data_str=Refusal(code=error.code, detail=str(error)).model_dump_json())


class Refusal(BaseModel):
    code: Code
    detail: str
