"""How everything stands, in a few queries for the whole installation: what metrics count.

Read by the loop every few seconds, so it reads narrow columns of what lives and nothing of history, and what is alike
is counted and not made again for each App. It must not judge; whoever asks does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType

from sqlalchemy import Select, Table, Text, cast, func, select

from mcd.model import Cluster, ConditionType, Reason, Reconciled
from mcd.model.conditions import said
from mcd.store import tables as t
from mcd.store.nouns import cluster_of
from mcd.store.tx import Tx

_NO_TIME = datetime.fromtimestamp(0, UTC)

Essence = tuple[tuple[str, bool, str], ...]
"""Type, status and reason of each condition: what words are made of. Messages and times are left out."""


@dataclass(frozen=True, slots=True)
class Alike:
    """So many product lines, or live Rollouts on the cluster of that id, whose state is the same but for messages and
    times."""

    state: Reconciled
    count: int
    cluster_id: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Clusters and states of what is not gone. `rollouts` are the live ones; `apps` counts all Apps, so that those that
    run nothing are the difference. `read` is for the next look."""

    clusters: tuple[Cluster, ...]
    lines: tuple[Alike, ...]
    rollouts: tuple[Alike, ...]
    apps: int
    read: Mapping[bytes, Essence]


class _Read(dict[bytes, Essence]):
    """What the conditions come to that a look reads, by a digest of their text; most were the same at the look before.
    What no row says any more is forgotten with that one: each text has times of its own, so of those there is no
    end."""

    def __init__(self, before: Mapping[bytes, Essence]) -> None:
        super().__init__()
        self._before = before

    def of(self, conditions: str) -> Essence:
        key = blake2b(conditions.encode(), digest_size=16).digest()
        found = self[key] = self._before.get(key) or _one(
            tuple((c["type"], c["status"], c["reason"]) for c in json.loads(conditions))
        )
        return found


@lru_cache(maxsize=1024)
def _one(essence: Essence) -> Essence:
    """The same one for all that are alike."""
    return essence


async def standing(tx: Tx, before: Mapping[bytes, Essence] = MappingProxyType({})) -> Standing:
    """Four queries, whatever the number of Apps. `before`: the `read` of the look before spares most of the work."""
    read = _Read(before)
    clusters = await clusters_there(tx)
    lines = await _alike(tx, _states(t.product_line).where(t.product_line.c.gone_at.is_(None)), read)
    rollouts = await _alike(
        tx,
        _states(t.rollout)
        .join(t.app, t.app.c.id == t.rollout.c.app_id)
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .where(t.rollout.c.live),
        read,
    )
    apps = await tx.value(select(func.count()).select_from(t.app).where(t.app.c.gone_at.is_(None)))
    return Standing(clusters, lines, rollouts, int(apps), dict(read))


async def clusters_there(tx: Tx) -> tuple[Cluster, ...]:
    """Every cluster that is not gone."""
    rows = await tx.rows(select(t.cluster).where(t.cluster.c.gone_at.is_(None)))
    return tuple(cluster_of(row) for row in rows)


_Row = tuple[str, bool, bool, str]


def _states(table: Table) -> Select[_Row]:
    """Cluster, whether the conditions speak of what is wished now, whether it is to go, and the conditions unread."""
    return select(
        t.product_line.c.cluster_id,
        table.c.generation == table.c.observed_generation,
        table.c.deleted_at.is_not(None),
        cast(table.c.conditions, Text),
    )


async def _alike(tx: Tx, statement: Select[_Row], read: _Read) -> tuple[Alike, ...]:
    found = Counter(
        (cluster, bool(current), bool(deleted), read.of(conditions))
        for cluster, current, deleted, conditions in await tx.tuples(statement)
    )
    return tuple(
        Alike(_state(current, deleted, essence), count, cluster)
        for (cluster, current, deleted, essence), count in found.items()
    )


def _state(current: bool, deleted: bool, essence: Essence) -> Reconciled:
    words = {ConditionType(kind): (status, Reason(reason), "") for kind, status, reason in essence}
    return Reconciled(1, 1 if current else 0, said(words, (), 1, _NO_TIME), _NO_TIME if deleted else None)
