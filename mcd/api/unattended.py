"""Whether anybody works on what is wished, in sentences for people: a wish that nobody carries out must not look taken.

It reads what controllers said of themselves. It must not refuse anything: what is wished is stored, and keeps.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from mcd.api.waiting import spoken
from mcd.errors import McdError
from mcd.runtime import Runtime
from mcd.store.gauges import Work
from mcd.store.liveness import Living, living

log = structlog.get_logger("mcd.api")

LATE = 60.0
"""Seconds that something may be due before it is worth a word, though controllers are alive."""

NAMED = 10
"""Controllers that are named; the others are counted."""


def command(database: str) -> str:
    """What is to be started, by the URL of the database: on SQLite there is one process."""
    return "`mcd serve`" if database.startswith("sqlite") else "`mcd serve controllers`"


async def unattended(runtime: Runtime) -> str:
    """What to tell whoever has just wished something; empty while a controller is alive. Raises nothing: the wish is
    stored, and this is only about it."""
    try:
        async with runtime.db.reading() as tx:
            found = await living(tx, runtime.now())
    except McdError as error:
        log.warning("not_known_who_works", error=str(error))
        return ""
    said, start = nobody(found, runtime.now()), command(runtime.settings.database)
    return said and f"It is stored, and nobody works on it now: {said}. It goes on when an admin starts {start}."


def next_step(found: Living, start: str) -> str:
    """What to tell whoever asks how an App is; empty while a controller is alive. It names no age: a page must not
    change by itself."""
    said = nobody(found)
    return said and f"Nobody works on it or looks at it: {said}. Ask an admin to start {start}."


def nobody(found: Living, now: datetime | None = None) -> str:
    """Since when no controller runs, as part of a sentence; with `now` also how long ago that is. Empty while one is
    alive."""
    if found.holders:
        return ""
    if found.since is None:
        return "no controller of MCD ever ran"
    ago = f" ({spoken(max(0.0, (now - found.since).total_seconds()))})" if now is not None else ""
    return f"no controller of MCD has run since {found.since:%Y-%m-%dT%H:%M:%SZ}{ago}"


def problem(work: Work, now: datetime, start: str) -> str:
    """What an operator must mend, empty while a controller is alive."""
    said = nobody(work.living, now)
    age, noun = work.oldest
    waits = f", and a {noun} has been due for {spoken(age)}" if said and age >= 1 else ""
    return said and f"{said}{waits}. What is wished is stored, and nobody works on it. Start {start}, or read its log."


def busy(work: Work) -> str:
    """What is late though controllers are alive, or empty."""
    age, noun = work.oldest
    if age < LATE:
        return ""
    return (
        f"{alive(work.living)}, and a {noun} has been due for {spoken(age)}: all workers are busy, or one hangs. "
        "Compare mcd_leases_held with MCD_WORKERS."
    )


def alive(found: Living) -> str:
    """How many, and their names."""
    more = f" and {len(found.holders) - NAMED} more" if len(found.holders) > NAMED else ""
    return f"{len(found.holders)} alive: {', '.join(found.holders[:NAMED])}{more}"
