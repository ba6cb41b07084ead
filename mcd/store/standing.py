"""How everything stands, in a few queries for the whole installation: what metrics count.

Read by the loop every few seconds, so it reads narrow columns of what lives and nothing of history. It must not judge;
whoever asks does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, func, select

from mcd.model import Cluster, Reconciled
from mcd.store import tables as t
from mcd.store.nouns import cluster_of, state_of
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Standing:
    """Clusters and states of what is not gone. `rollouts` are the live ones, each with the id of its cluster; `apps`
    counts all Apps, so that those that run nothing are the difference."""

    clusters: tuple[Cluster, ...]
    lines: tuple[Reconciled, ...]
    rollouts: tuple[tuple[str, Reconciled], ...]
    apps: int


async def standing(tx: Tx) -> Standing:
    """Four queries, whatever the number of Apps."""
    clusters = await clusters_there(tx)
    lines = await tx.rows(_states(t.product_line).where(t.product_line.c.gone_at.is_(None)))
    rollouts = await tx.rows(
        _states(t.rollout)
        .add_columns(t.product_line.c.cluster_id)
        .join(t.app, t.app.c.id == t.rollout.c.app_id)
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .where(t.rollout.c.live)
    )
    apps = await tx.value(select(func.count()).select_from(t.app).where(t.app.c.gone_at.is_(None)))
    return Standing(
        clusters,
        tuple(state_of(row) for row in lines),
        tuple((row["cluster_id"], state_of(row)) for row in rollouts),
        int(apps),
    )


async def clusters_there(tx: Tx) -> tuple[Cluster, ...]:
    """Every cluster that is not gone."""
    rows = await tx.rows(select(t.cluster).where(t.cluster.c.gone_at.is_(None)))
    return tuple(cluster_of(row) for row in rows)


def _states(table: Table) -> Select[Any]:
    return select(table.c.generation, table.c.observed_generation, table.c.conditions, table.c.deleted_at)
