"""All Apps that a person may see, each in a few words: what lists filter, count and search.

The state of an App is a judgement over conditions that no column holds, so it is made here for every App at once, from
a narrow query and remembered answers; the few that are then shown are read in full (`app_lines`). It must not judge
anything else than `mcd.model.states` does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, Text, cast, select

from mcd.model import Actor, AppState, Reason, Reconciled, app_state, why_away
from mcd.model.glances import AppLine, Glance
from mcd.store import tables as t
from mcd.store.lookup import seen_by
from mcd.store.nouns import Row, state_of
from mcd.store.pages import MOST
from mcd.store.tx import Tx

REMEMBERED = 16_384
"""States that are remembered, by what they were judged from: about three times the Apps of a large platform."""


async def glances(actor: Actor, tx: Tx) -> tuple[Glance, ...]:
    """By name, all of them: two queries, whatever their number."""
    clusters = {row.id: (row.name, why_away(_remembered(*row[2:]))) for row in await _rows(tx, _clusters())}
    live = t.rollout.c.live & (t.rollout.c.app_id == t.app.c.id)
    statement = (
        select(
            t.app.c.name,
            t.product_line.c.name,
            t.product_line.c.cluster_id,
            t.app.c.deleted_at.is_not(None),
            t.rollout.c.id,
            *_state(t.rollout),
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.rollout, live, isouter=True)
        .where(t.app.c.gone_at.is_(None), seen_by(actor, t.product_line.c.name))
        .order_by(t.app.c.name)
    )
    found = []
    for name, line, cluster_id, going, rollout, *state in await _rows(tx, statement):
        cluster, away = clusters[cluster_id]
        idle = AppState.DELETING if going else AppState.UNDEPLOYED
        word = idle if rollout is None else _judged(*state, away)
        found.append(Glance(name, line, cluster, word, rollout or ""))
    return tuple(found)


async def app_lines(actor: Actor, tx: Tx, names: Collection[str]) -> tuple[AppLine, ...]:
    """Those of these Apps that the person may see, in the order of the names that were given; at most as many as a
    page has. Two queries."""
    wanted = list(names)[:MOST]
    if not wanted:
        return ()
    live = t.rollout.c.live & (t.rollout.c.app_id == t.app.c.id)
    runs = (t.release.c.app_id == t.app.c.id) & (t.release.c.number == t.rollout.c.release)
    statement = (
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
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.rollout, live, isouter=True)
        .join(t.release, runs, isouter=True)
        .where(t.app.c.name.in_(wanted), t.app.c.gone_at.is_(None), seen_by(actor, t.product_line.c.name))
    )
    clusters = {row.id: row for row in await _rows(tx, _clusters().add_columns(t.cluster.c.seen_at))}
    found = {row.name: _line(row, clusters[row.cluster_id]) for row in await _rows(tx, statement)}
    return tuple(found[name] for name in wanted if name in found)


def _line(row: Any, cluster: Any) -> AppLine:
    return AppLine(
        name=row.name,
        product_line=row.line,
        cluster=cluster.name,
        cluster_state=_remembered(*cluster[2:6]),
        cluster_seen_at=cluster.seen_at,
        deleting=bool(row.going),
        live=_remembered(*row[-4:]) if row.number is not None else None,
        rollout=row.number or 0,
        release=row.release or 0,
        commit=row.commit or "",
        title=row.title or "",
        created_at=row.created_at,
        created_by=row.created_by or "",
    )


# --- states, remembered by what they are judged from ------------------------------------------------------------------


def _state(table: Table) -> tuple[ColumnElement[Any], ...]:
    """What `_remembered` takes. The conditions as text: they are read only when they are new."""
    return table.c.generation, table.c.observed_generation, cast(table.c.conditions, Text), table.c.deleted_at


def _clusters() -> Select[Any]:
    return select(t.cluster.c.id, t.cluster.c.name, *_state(t.cluster))


async def _rows(tx: Tx, statement: Select[Any]) -> Sequence[Any]:
    """Rows as tuples: a dict for each of thousands costs more than the query."""
    found: Sequence[Any] = (await tx.connection.execute(statement)).all()
    return found


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
