"""All Apps that a person may see, each in a few words: what lists filter, count and search.

The state of an App is a judgement over conditions that no column holds, so it is made here for every App at once, from
a narrow query and remembered answers; the few that are then shown are read in full (`app_lines`). It must not judge
anything else than `mcd.model.states` does.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, Text, cast, select

from mcd.model import Actor, AppState, Reason, Reconciled, app_state, why_away
from mcd.model.glances import AppLine, Glance
from mcd.store import tables as t
from mcd.store.lookup import seen_by
from mcd.store.nouns import Row, picked, state_of
from mcd.store.pages import MOST
from mcd.store.tx import Tx

REMEMBERED = 16_384
"""States that are remembered, by what they were judged from: about three times the Apps of a large platform."""


async def glances(actor: Actor, tx: Tx) -> tuple[Glance, ...]:
    """By name, all of them: two queries, whatever their number."""
    clusters = {row["id"]: (row["name"], why_away(state_of(row))) for row in await tx.rows(_clusters())}
    live = t.rollout.c.live & (t.rollout.c.app_id == t.app.c.id)
    statement = (
        select(
            t.app.c.name,
            t.product_line.c.name,
            t.product_line.c.cluster_id,
            t.app.c.deleted_at,
            t.rollout.c.id,
            t.rollout.c.generation,
            t.rollout.c.observed_generation,
            cast(t.rollout.c.conditions, Text),
            t.rollout.c.deleted_at,
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.rollout, live, isouter=True)
        .where(t.app.c.gone_at.is_(None), seen_by(actor, t.product_line.c.name))
        .order_by(t.app.c.name)
    )
    found = []
    for name, line, cluster_id, going, rollout, generation, observed, conditions, ending in (
        await tx.connection.execute(statement)
    ).all():
        cluster, away = clusters[cluster_id]
        if rollout is None:
            state = AppState.UNDEPLOYED if going is None else AppState.DELETING
        else:
            state = _judged(generation, observed, conditions, ending, away)
        found.append(Glance(name, line, cluster, state, rollout or ""))
    return tuple(found)


def _clusters() -> Select[Any]:
    table = t.cluster
    columns = ("id", "name", "generation", "observed_generation", "conditions", "deleted_at")
    return select(*(table.c[name] for name in columns))


@lru_cache(maxsize=REMEMBERED)
def _judged(generation: int, observed: int, conditions: str, ending: datetime | None, away: Reason | None) -> AppState:
    """Pure; the text of the conditions changes whenever one of them does."""
    row: Row = {
        "generation": generation,
        "observed_generation": observed,
        "conditions": json.loads(conditions),
        "deleted_at": ending,
    }
    state: Reconciled = state_of(row)
    return app_state(state, away=away)


async def app_lines(actor: Actor, tx: Tx, names: Collection[str]) -> tuple[AppLine, ...]:
    """Those of these Apps that the person may see, in the order of the names that were given; at most as many as a
    page has. One query."""
    wanted = list(names)[:MOST]
    if not wanted:
        return ()
    live = t.rollout.c.live & (t.rollout.c.app_id == t.app.c.id)
    runs = (t.release.c.app_id == t.app.c.id) & (t.release.c.number == t.rollout.c.release)
    statement = (
        select(
            t.app.c.name,
            t.app.c.deleted_at.label("going"),
            t.product_line.c.name.label("line"),
            *(t.cluster.c[name].label(f"c__{name}") for name in (*_STATE, "name", "seen_at")),
            *(t.rollout.c[name].label(f"r__{name}") for name in (*_STATE, "number", "release", *_MADE)),
            t.release.c.commit,
            t.release.c.title,
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.cluster, t.cluster.c.id == t.product_line.c.cluster_id)
        .join(t.rollout, live, isouter=True)
        .join(t.release, runs, isouter=True)
        .where(t.app.c.name.in_(wanted), t.app.c.gone_at.is_(None), seen_by(actor, t.product_line.c.name))
    )
    found = {row["name"]: _line(row) for row in await tx.rows(statement)}
    return tuple(found[name] for name in wanted if name in found)


_STATE = ("generation", "observed_generation", "conditions", "deleted_at")
_MADE = ("created_at", "created_by")


def _line(row: Row) -> AppLine:
    cluster, rollout = picked(row, "c"), picked(row, "r")
    there = rollout["number"] is not None
    return AppLine(
        name=row["name"],
        product_line=row["line"],
        cluster=cluster["name"],
        cluster_state=state_of(cluster),
        cluster_seen_at=cluster["seen_at"],
        deleting=row["going"] is not None,
        live=state_of(rollout) if there else None,
        rollout=rollout["number"] or 0,
        release=rollout["release"] or 0,
        commit=row["commit"] or "",
        title=row["title"] or "",
        created_at=rollout["created_at"],
        created_by=rollout["created_by"] or "",
    )
