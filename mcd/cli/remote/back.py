"""Which Rollout `mcd rollback` goes back to, out of an App's history as the API lists it. Pure.

It must not ask the server, and never takes what was not Ready once unless a person named it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcd.errors import Code, McdError, echo

Row = Mapping[str, Any]
"""A Rollout as the API answers it."""

BACK = ("rollback", "auto-rollback")
"""Triggers of Rollouts that went back themselves."""

CONFIRMS = "PruneNeedsConfirmation"
"""Why a Rollout waits for `--confirm`."""


def earlier(rollouts: Iterable[Row], app: str, to: int | None, *, confirm: bool = False) -> Row:
    """The Rollout to go back to: the one that is named, else the one before what runs now among those that were Ready.
    With `confirm`, a rollback that waits for a confirmation goes on. Raises McdError(not_found) when there is none."""
    rows = sorted(rollouts, key=lambda r: int(r["number"]))
    if to is not None:
        named = next((r for r in rows if r["number"] == to), None)
        if named is None:
            raise McdError(
                Code.NOT_FOUND, f"{echo(app)} has no Rollout {to}.", f"`mcd history {echo(app)}` shows them."
            )
        return named
    live = next((r for r in rows if r.get("live")), None)
    if confirm and live is not None and _waits(live) and live.get("trigger") in BACK:
        return live
    way = way_back(rows)
    if live is not None and way and _pair(way[-1]) == _pair(live):
        way.pop()
    if not way:
        raise McdError(
            Code.NOT_FOUND,
            f"{echo(app)} has nothing to go back to: nothing else was Ready before.",
            f"`mcd history {echo(app)} -o wide` shows what there was; `mcd rollback {echo(app)} --to N` names one.",
        )
    return way[-1]


def way_back(rows: Iterable[Row]) -> list[Row]:
    """What an App would go back through, the oldest first and what runs now last.

    What was never Ready is no place to go back to. A rollback leaves behind what it went back from: the next one goes
    further back, and never forward again to what somebody fled from.
    """
    way: list[Row] = []
    for row in rows:
        if row.get("trigger") in BACK and any(_pair(r) == _pair(row) for r in way):
            while _pair(way[-1]) != _pair(row):
                way.pop()
        elif not way or _pair(way[-1]) != _pair(row):
            if row.get("ready_at") or row.get("live"):
                way.append(row)
        elif row.get("ready_at"):
            # The same again, by a restart: the newest of them is told.
            way[-1] = row
    return way


def doubt(older: Row) -> str:
    """What a person should know before going back to a Rollout that was never Ready; empty for one that was."""
    if older.get("ready_at"):
        return ""
    said = " ".join(str(older.get("message") or "").split())
    return f"warning: Rollout {older['number']} was never Ready: {older.get('reason')}: {said}".rstrip(": ")


def _waits(row: Row) -> bool:
    return row.get("state") == "stalled" and row.get("reason") == CONFIRMS


def _pair(row: Row) -> tuple[Any, Any]:
    return row["release"], row["settings"]
