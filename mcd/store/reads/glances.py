"""All Apps that a person may see, each in a few words: what lists filter, count and search.

The state of an App is a judgement over conditions that no column holds, so it is made here for every App at once, from
a narrow query and remembered answers; the few that are then shown are read in full (`app_lines`). It must not judge
anything else than `mcd.model.states` does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, and_, bindparam, cast, literal, select

from mcd.model import Actor, AppState, Reason, Reconciled, Verb, app_state, why_away
from mcd.model.glances import AppLine, Glance
from mcd.model.triggers import Trigger
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.nouns import Row, state_of
from mcd.store.pages import MOST
from mcd.store.question import Question
from mcd.store.tx import Tx

REMEMBERED = 16_384
"""States that are remembered, by what they were judged from: about three times the Apps of a large platform."""

A_TURN = 250
"""Rows that are judged before others have their turn: a few tenths of a millisecond."""


async def glances(actor: Actor, tx: Tx) -> tuple[Glance, ...]:
    """By name, all of them: three questions, whatever their number."""
    found = await tx.asked(_CLUSTERS, {})
    clusters = {row["id"]: (row["name"], why_away(_remembered(*_judging(row)))) for row in found.rows()}
    places = {
        line: (name, *clusters[cluster])
        for line, name, cluster in (await tx.asked(_PLACES, {})).raw
        if may(actor, Verb.READ, name)
    }
    seen = []
    for at, row in enumerate((await tx.asked(_GLANCES, {})).raw):
        if at % A_TURN == 0:
            await asyncio.sleep(0)  # Who asks for something small meanwhile does not wait for all of it.
        if (place := places.get(row[_PLACE])) is not None:
            seen.append(_glance(row, *place))
    return tuple(seen)


@lru_cache(maxsize=REMEMBERED)
def _glance(row: tuple[Any, ...], line: str, cluster: str, away: Reason | None) -> Glance:
    """Pure; a row differs whenever its App looks different."""
    name, _, going, rollout, generation, observed, conditions, ending, put_back = row
    word = AppState.DELETING if going else AppState.UNDEPLOYED
    if rollout is not None:
        word = _judged(generation, observed, conditions, _ENDS if ending else None, away)
    return Glance(name, line, cluster, word, rollout or "", bool(put_back))


_ENDS = datetime.min.replace(tzinfo=UTC)
"""Of what ends, where it does not matter since when."""


async def app_lines(actor: Actor, tx: Tx, names: Collection[str]) -> tuple[AppLine, ...]:
    """Those of these Apps that the person may see, in the order of the names that were given; at most as many as a
    page has. Two questions."""
    wanted = list(names)[:MOST]
    if not wanted:
        return ()
    room = next(size for size in _LINES if size >= len(wanted))
    given = {f"name_{at}": wanted[at] if at < len(wanted) else "" for at in range(room)}
    clusters = {row["id"]: row for row in (await tx.asked(_CLUSTERS, {})).rows()}
    rows = (await tx.asked(_LINES[room], given)).rows()
    found = {row["name"]: _line(row, clusters[row["cluster_id"]]) for row in rows if may(actor, Verb.READ, row["line"])}
    return tuple(found[name] for name in wanted if name in found)


def _line(row: Row, cluster: Row) -> AppLine:
    return AppLine(
        name=row["name"],
        product_line=row["line"],
        cluster=cluster["name"],
        cluster_state=_remembered(*_judging(cluster)),
        cluster_seen_at=cluster["seen_at"],
        deleting=bool(row["going"]),
        live=_remembered(*_judging(row)) if row["number"] is not None else None,
        rollout=row["number"] or 0,
        release=row["release"] or 0,
        commit=row["commit"] or "",
        title=row["title"] or "",
        created_at=row["created_at"],
        created_by=row["created_by"] or "",
        put_back=bool(row["put_back"]),
    )


# --- states, remembered by what they are judged from ------------------------------------------------------------------


_JUDGED_BY = ("generation", "observed_generation", "conditions", "deleted_at")


def _state(table: Table) -> tuple[ColumnElement[Any], ...]:
    """What `_remembered` takes. The conditions as text: they are read only when they are new."""
    return (
        table.c.generation,
        table.c.observed_generation,
        cast(table.c.conditions, Text).label("conditions"),
        table.c.deleted_at,
    )


def _judging(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _JUDGED_BY)


_CLUSTERS = Question(select(t.cluster.c.id, t.cluster.c.name, t.cluster.c.seen_at, *_state(t.cluster)))

_PLACES = Question(select(t.product_line.c.id, t.product_line.c.name, t.product_line.c.cluster_id))

_LIVE = and_(t.LIVE, t.rollout.c.app_id == t.app.c.id)

_PUT_BACK = (t.rollout.c.trigger == literal(Trigger.AUTO_ROLLBACK.value)).label("put_back")

_GLANCES = Question(
    select(
        t.app.c.name,
        t.app.c.product_line_id,
        t.app.c.deleted_at.is_not(None).label("going"),
        t.rollout.c.id,
        *_state(t.rollout),
        _PUT_BACK,
    )
    .join(t.rollout, _LIVE, isouter=True)
    .where(t.app.c.gone_at.is_(None))
    .order_by(t.app.c.name),
    long=True,
)
"""Of everybody's Apps: it is asked the same way for everybody, and each is shown their own."""
_PLACE = _GLANCES.columns.index("product_line_id")


def _lines(room: int) -> Question:
    runs = (t.release.c.app_id == t.app.c.id) & (t.release.c.number == t.rollout.c.release)
    return Question(
        select(
            t.app.c.name,
            t.app.c.deleted_at.is_not(None).label("going"),
            t.product_line.c.name.label("line"),
            t.product_line.c.cluster_id,
            t.rollout.c.number,
            t.rollout.c.release,
            t.rollout.c.created_at,
            t.rollout.c.created_by,
            t.release.c.commit,
            t.release.c.title,
            *_state(t.rollout),
            _PUT_BACK,
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.rollout, _LIVE, isouter=True)
        .join(t.release, runs, isouter=True)
        .where(t.app.c.name.in_([bindparam(f"name_{at}") for at in range(room)]), t.app.c.gone_at.is_(None))
    )


_LINES = {room: _lines(room) for room in (50, MOST)}
"""By how many names there is room for; no App has the empty name that fills the rest."""


@lru_cache(maxsize=REMEMBERED)
def _remembered(generation: int, observed: int, conditions: str, ending: datetime | None) -> Reconciled:
    """Pure; the text of the conditions changes whenever one of them does."""
    row: Row = {
        "generation": generation,
        "observed_generation": observed,
        "conditions": json.loads(conditions),
        "deleted_at": ending,
    }
    return state_of(row)


@lru_cache(maxsize=REMEMBERED)
def _judged(generation: int, observed: int, conditions: str, ending: datetime | None, away: Reason | None) -> AppState:
    return app_state(_remembered(generation, observed, conditions, ending), away=away)
