"""Server-sent Events as values: read line by line, resumed after the last id, until the caller has heard enough.

It must not know what an Event means, and never waits longer than it was told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mcd.cli.client import Client
from mcd.errors import Code, McdError

SILENCE = 45.0
"""Seconds without a line after which the connection is taken for dead: the server beats every 15 s."""
BEAT = "beat"
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that the server told."""

    kind: str
    data: Any
    id: str = ""


def messages(lines: Iterable[str]) -> Iterator[Heard]:
    """The Events of a stream, and a `beat` for each comment, which says that the server is there; what is not JSON is
    passed over."""
    kind, last = "message", ""
    data: list[str] = []
    for line in lines:
        if line == "":
            if data:
                try:
                    yield Heard(kind, json.loads("\n".join(data)), last)
                except ValueError:
                    pass
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        if not name:
            yield Heard(BEAT, None)
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            last = value


def follow(
    client: Client,
    path: str,
    *,
    after: str = "",
    until: float | None = None,
    lost: Callable[[McdError], None],
    beat: Callable[[], None] = lambda: None,
    **query: Any,
) -> Iterator[Heard]:
    """The Events of a path, across broken connections, until the server ends the stream or `until` (monotonic) comes.

    `beat` is called for each sign of life without news. `lost` is told each time the server cannot be reached; that
    ends nothing. Every other refusal is raised, also one that is told inside the stream.
    """
    tries = 0
    while True:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            return
        silence = SILENCE if left is None else max(0.05, min(SILENCE, left))
        try:
            with client.stream(path, accept="text/event-stream", silence=silence, last_id=after, **query) as lines:
                for heard in messages(lines):
                    tries, after = 0, heard.id or after
                    if heard.kind == "error":
                        raise _told(heard.data)
                    if heard.kind == BEAT:
                        beat()
                    else:
                        yield heard
                    if until is not None and time.monotonic() >= until:
                        return
        except McdError as error:
            if error.code not in (Code.UNAVAILABLE, Code.RATE_LIMITED):
                raise
            if until is not None and time.monotonic() >= until:
                return
            lost(error)
        else:
            return
        pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
        tries += 1
        time.sleep(pause if until is None else max(0.0, min(pause, until - time.monotonic())))


def _told(data: Any) -> McdError:
    try:
        return McdError(Code(data["code"]), str(data["detail"]))
    except (ValueError, KeyError, TypeError):
        return McdError(Code.UNAVAILABLE, "the server ended the stream.", "Try again.")
