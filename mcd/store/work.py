"""Loads all that a reconciler needs into one frozen work item, in a few queries for many rows.

Whatever the number of rows: no query per row. It takes no lease and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, literal, select, tuple_

from mcd.model import (
    NO_FACTS,
    App,
    Cluster,
    ClusterItem,
    Facts,
    InventoryEntry,
    Known,
    NodePool,
    Noun,
    ProductLine,
    ProductLineItem,
    ReleaseItem,
    Rollout,
    RolloutItem,
    WorkItem,
)
from mcd.model.triggers import NAMES_A_RELEASE, Trigger
from mcd.rounds import breathe
from mcd.store import neighbours, secrets
from mcd.store import tables as t
from mcd.store.files import files_of
from mcd.store.nouns import (
    Row,
    app_of,
    cluster_of,
    entry_of,
    footprint_of,
    heal_of,
    labelled,
    line_of,
    picked,
    pool_of,
    ref_of,
    release_of,
    rollout_of,
    settings_of,
)
from mcd.store.question import Among, OfMany
from mcd.store.tx import Tx

TABLES = {
    Noun.CLUSTER: t.cluster,
    Noun.PRODUCT_LINE: t.product_line,
    Noun.RELEASE: t.release,
    Noun.ROLLOUT: t.rollout,
}
"""The reconciled nouns."""


async def load(tx: Tx, noun: Noun, ids: Sequence[str], *, sparing: bool = False) -> dict[str, WorkItem]:
    """Row id → work item. `sparing`: without the files of a Release where a pass of the loop compiles nothing."""
    if not ids:
        return {}
    match noun:
        case Noun.CLUSTER:
            rows = await tx.rows(select(t.cluster).where(t.cluster.c.id.in_(ids)))
            return {row["id"]: ClusterItem(cluster_of(row)) for row in rows}
        case Noun.PRODUCT_LINE:
            return await _lines(tx, ids)
        case Noun.RELEASE:
            return await _releases(tx, ids, sparing=sparing)
        case Noun.ROLLOUT:
            return await _rollouts(tx, ids, sparing=sparing)
        case _:
            raise ValueError(f"{noun} is not reconciled")


def _with_place(*parts: Any) -> Select[Any]:
    """A query of something that has an App, with its product line and cluster."""
    return (
        select(*parts, *labelled(t.app, "a"), *labelled(t.product_line, "l"), *labelled(t.cluster, "c"))
        .join(t.app, t.app.c.id == parts[0].element.table.c.app_id)
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.cluster, t.cluster.c.id == t.product_line.c.cluster_id)
    )


def _place(row: Row) -> tuple[ProductLine, Cluster]:
    cluster = cluster_of(picked(row, "c"))
    return line_of(picked(row, "l"), cluster.name), cluster


_POOLS = OfMany(
    lambda among: (
        select(t.node_pool, t.cluster.c.name.label("cluster"), t.product_line.c.name.label("dedicated"))
        .join(t.cluster, t.cluster.c.id == t.node_pool.c.cluster_id)
        .join(t.product_line, t.product_line.c.id == t.node_pool.c.dedicated_to_id, isouter=True)
        .where(among(t.node_pool.c.cluster_id, "cluster"))
        .order_by(t.node_pool.c.name)
    )
)


async def _pools(tx: Tx, clusters: set[str]) -> dict[str, tuple[NodePool, ...]]:
    """Cluster id → its node pools, by name."""
    found: defaultdict[str, list[NodePool]] = defaultdict(list)
    for row in await tx.ask_of(_POOLS, cluster=sorted(clusters)):
        found[row["cluster_id"]].append(pool_of(row, row["cluster"], row["dedicated"]))
    return {cluster_id: tuple(pools) for cluster_id, pools in found.items()}


_INVENTORY = t.inventory.c
_INVENTORIES = OfMany(
    lambda among: select(t.inventory)
    .where(among(_INVENTORY.owner_id, "owner"))
    .order_by(
        _INVENTORY.owner_id, _INVENTORY.api_version, _INVENTORY.kind, _INVENTORY.namespace, _INVENTORY.name
    )
)  # fmt: skip


async def _inventories(tx: Tx, owners: set[str]) -> dict[str, tuple[InventoryEntry, ...]]:
    """Owner id → its inventory."""
    found: defaultdict[str, list[InventoryEntry]] = defaultdict(list)
    for row in await tx.ask_of(_INVENTORIES, owner=sorted(owners)):
        found[row["owner_id"]].append(entry_of(row))
    return {owner: tuple(entries) for owner, entries in found.items()}


async def _lines(tx: Tx, ids: Sequence[str]) -> dict[str, WorkItem]:
    rows = await tx.rows(
        select(*labelled(t.product_line, "l"), *labelled(t.cluster, "c"))
        .join(t.cluster, t.cluster.c.id == t.product_line.c.cluster_id)
        .where(t.product_line.c.id.in_(ids))
    )
    pools = await _pools(tx, {row["c__id"] for row in rows})
    inventories = await _inventories(tx, set(ids))
    alive = await tx.rows(
        select(t.app.c.product_line_id, func.count().label("count"))
        .where(t.app.c.product_line_id.in_(ids), t.app.c.gone_at.is_(None))
        .group_by(t.app.c.product_line_id)
    )
    apps = {row["product_line_id"]: row["count"] for row in alive}
    items: dict[str, WorkItem] = {}
    for row in rows:
        line, cluster = _place(row)
        items[line.id] = ProductLineItem(
            line,
            cluster,
            pools.get(cluster.id, ()),
            inventories.get(line.id, ()),
            apps.get(line.id, 0),
            heals=tuple(heal_of(heal) for heal in row["l__heals"]),
        )
    return items


def _app(row: Row, line: ProductLine, made: Mapping[str, Mapping[str, int]]) -> App:
    """The App of a row, with what was made once for it."""
    app = app_of(picked(row, "a"), line.name)
    return replace(app, generated=made[app.id]) if app.id in made else app


def _of_releases(among: Among) -> Select[Any]:
    """With the newest Settings of the App."""
    newest = (
        select(t.settings.c.app_id, func.max(t.settings.c.revision).label("revision"))
        .where(t.settings.c.app_id.in_(select(t.release.c.app_id).where(among(t.release.c.id, "release"))))
        .group_by(t.settings.c.app_id)
        .subquery()
    )
    return (
        _with_place(*labelled(t.release, "r"), *labelled(t.settings, "s"))
        .join(newest, newest.c.app_id == t.release.c.app_id)
        .join(t.settings, (t.settings.c.app_id == newest.c.app_id) & (t.settings.c.revision == newest.c.revision))
        .where(among(t.release.c.id, "release"))
    )


_RELEASES = OfMany(_of_releases)
_BUILDS = OfMany(lambda among: select(t.build).where(among(t.build.c.app_id, "app")))


async def _releases(tx: Tx, ids: Sequence[str], *, sparing: bool) -> dict[str, WorkItem]:
    rows = await tx.ask_of(_RELEASES, release=ids)
    pools = await _pools(tx, {row["c__id"] for row in rows})
    # A frozen Release is not compiled again; its Rollouts are.
    files = await files_of(
        tx, {row["r__id"] for row in rows if not sparing or (row["r__ready_at"] is None and _stays(row))}
    )
    builds: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for build in await tx.ask_of(_BUILDS, app=sorted({row["a__id"] for row in rows})):
        builds[build["app_id"]][build["inputs"]] = build["image"]
    made = await secrets.made(tx, {row["a__id"] for row in rows})
    facts = await _facts(tx, rows)
    items: dict[str, WorkItem] = {}
    for row in rows:
        line, cluster = _place(row)
        app = _app(row, line, made)
        items[row["r__id"]] = ReleaseItem(
            release=release_of(picked(row, "r"), app.name, files.get(row["r__id"])),
            app=app,
            line=line,
            cluster=cluster,
            pools=pools.get(cluster.id, ()),
            settings=settings_of(picked(row, "s"), app.name),
            builds=builds[app.id],
            facts=facts.get(row["r__id"], NO_FACTS),
        )
    return items


_RUNS = (t.release.c.app_id == t.rollout.c.app_id) & (t.release.c.number == t.rollout.c.release)
_WITH_SETTINGS = (t.settings.c.app_id == t.rollout.c.app_id) & (t.settings.c.revision == t.rollout.c.settings)
_ROLLOUTS = OfMany(
    lambda among: (
        _with_place(*labelled(t.rollout, "o"), *labelled(t.release, "r"), *labelled(t.settings, "s"))
        .join(t.release, _RUNS)
        .join(t.settings, _WITH_SETTINGS)
        .where(among(t.rollout.c.id, "rollout"))
    )
)


async def _rollouts(tx: Tx, ids: Sequence[str], *, sparing: bool) -> dict[str, WorkItem]:
    rows = await tx.ask_of(_ROLLOUTS, rollout=ids)
    apps = {row["a__id"]: row["a__name"] for row in rows}
    pools = await _pools(tx, {row["c__id"] for row in rows})
    inventories = await _inventories(tx, set(apps))
    made = await secrets.made(tx, apps)
    previous = await _last(tx, apps, ids, _BEGUN)
    good = await _last(tx, apps, ids, _GOOD)
    known = await _known(tx, set(apps))
    files = await files_of(
        tx, {row["r__id"] for row in rows if not sparing or (row["r__ready_at"] is not None and _stays(row))}
    )
    facts = await _facts(tx, rows)
    items: dict[str, WorkItem] = {}
    for row in rows:
        await breathe()
        line, cluster = _place(row)
        app = _app(row, line, made)
        rollout = picked(row, "o")
        items[rollout["id"]] = RolloutItem(
            rollout=rollout_of(rollout, app.name),
            app=app,
            release=release_of(picked(row, "r"), app.name, files.get(row["r__id"])),
            settings=settings_of(picked(row, "s"), app.name),
            line=line,
            cluster=cluster,
            pools=pools.get(cluster.id, ()),
            inventory=inventories.get(app.id, ()),
            previous=previous.get(app.id),
            last_good=good.get(app.id),
            wished_deletes=tuple(ref_of(ref) for ref in rollout["wished_deletes"]),
            known=known.get(app.id, Known()),
            was_ready=rollout["ready_at"] is not None,
            heals=tuple(heal_of(heal) for heal in rollout["heals"]),
            facts=facts.get(row["r__id"], NO_FACTS),
        )
    return items


async def _facts(tx: Tx, rows: Sequence[Row]) -> dict[str, Facts]:
    """Release id → what is true around it, as its pusher saw it. Nothing of one that was not compiled yet, and of an
    App that is being deleted."""
    asked = {
        row["r__id"]: neighbours.Around(
            row["a__id"], row["a__name"], row["l__name"], row["c__id"], row["c__name"], row["l__namespace"], footprint,
            neighbours.seen_with(row["r__sees"]),
        )
        for row in rows
        if _stays(row) and (footprint := footprint_of(row["r__footprint"])) is not None
    }  # fmt: skip
    if not asked:
        return {}
    return dict(zip(asked, await neighbours.facts(tx, list(asked.values())), strict=True))


def _stays(row: Row) -> bool:
    """Whether its App is not being deleted: taking away asks for no compile."""
    return row["a__deleted_at"] is None


def _asked(among: Among) -> Select[Any]:
    """The Rollouts of Apps since the last wish that named a Release, with when that was."""
    names = [literal(trigger.value) for trigger in sorted(NAMES_A_RELEASE)]
    newest = (
        select(t.rollout.c.app_id, func.max(t.rollout.c.number))
        .where(among(t.rollout.c.app_id, "app"), t.rollout.c.trigger.in_(names))
        .group_by(t.rollout.c.app_id)
    )
    at = case((t.rollout.c.trigger == Trigger.PUSH.value, t.release.c.created_at), else_=t.rollout.c.created_at)
    asked = (
        select(t.rollout.c.app_id, at.label("asked_at"))
        .join(t.release, _RUNS)
        .where(tuple_(t.rollout.c.app_id, t.rollout.c.number).in_(newest))
        .subquery()
    )
    return (
        select(asked.c.app_id, asked.c.asked_at, t.rollout.c.number, t.rollout.c.created_at)
        .join(asked, asked.c.app_id == t.rollout.c.app_id)
        .where(t.rollout.c.created_at >= asked.c.asked_at)
    )


_ASKED = OfMany(_asked)


async def _known(tx: Tx, apps: set[str]) -> dict[str, Known]:
    """App id → the last wish that named a Release, and the Rollouts since. A push was wished when its Release was made:
    its Rollout comes later, by MCD itself."""
    rows = await tx.ask_of(_ASKED, app=sorted(apps))
    since: defaultdict[str, set[tuple[int, datetime]]] = defaultdict(set)
    for row in rows:
        since[row["app_id"]].add((row["number"], row["created_at"]))
    return {row["app_id"]: Known(row["asked_at"], frozenset(since[row["app_id"]])) for row in rows}


def _newest(reached: Any) -> OfMany:
    """The newest Rollout of each App that reached a point, without some."""
    table = t.rollout

    def made(among: Among) -> Select[Any]:
        newest = (
            select(table.c.app_id, func.max(table.c.number))
            .where(among(table.c.app_id, "app"), reached.is_not(None), ~among(table.c.id, "without"))
            .group_by(table.c.app_id)
        )
        return select(table).where(tuple_(table.c.app_id, table.c.number).in_(newest))

    return OfMany(made)


_BEGUN, _GOOD = _newest(t.rollout.c.began_at), _newest(t.rollout.c.ready_at)


async def _last(tx: Tx, apps: dict[str, str], without: Sequence[str], question: OfMany) -> dict[str, Rollout]:
    """App id → its newest Rollout that reached a point, other than those that are worked on now."""
    rows = await tx.ask_of(question, app=sorted(apps), without=without)
    return {row["app_id"]: rollout_of(row, apps[row["app_id"]]) for row in rows}
