"""Questions about Apps: which there are, their Settings, what they have in the cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from mcd.errors import not_found
from mcd.model import Actor, App, InventoryEntry, Noun, Reconciled, Rollout, Settings, Verb
from mcd.store import tables as t
from mcd.store.authorize import may, require
from mcd.store.lookup import find_app, find_cluster, find_line, seen_by
from mcd.store.neighbours import CALLERS
from mcd.store.nouns import Row, app_of, entry_of, labelled, picked, rollout_of, settings_of, state_of
from mcd.store.pages import FIRST, Page, Part, page, sieved
from mcd.store.question import Answer, Question
from mcd.store.reads.facts import Callers
from mcd.store.rolling import event_name, live_of, newest_settings
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class AppListed:
    """An App as a list shows it: with its live Rollout, the commit that this runs and how its cluster is, all found in
    the same query."""

    app: App
    live: Rollout | None
    commit: str
    cluster: str
    cluster_state: Reconciled
    cluster_seen_at: datetime | None


_OF_CLUSTER = ("name", "seen_at", "generation", "observed_generation", "conditions", "deleted_at")
"""All that a list says of a cluster: what it serves is long, and the same for each of its Apps."""


def _listed(row: Row) -> AppListed:
    found = app_of(picked(row, "a"), row["line"])
    rollout = picked(row, "r")
    live = rollout_of(rollout, found.name) if rollout["id"] is not None else None
    cluster = picked(row, "c")
    return AppListed(found, live, row["commit"] or "", cluster["name"], state_of(cluster), cluster["seen_at"])


def _with_live() -> Select[Any]:
    live = and_(t.LIVE, t.rollout.c.app_id == t.app.c.id)
    runs = (t.release.c.app_id == t.app.c.id) & (t.release.c.number == t.rollout.c.release)
    return (
        select(
            *labelled(t.app, "a"),
            *labelled(t.rollout, "r"),
            *(t.cluster.c[name].label(f"c__{name}") for name in _OF_CLUSTER),
            t.product_line.c.name.label("line"),
            t.release.c.commit.label("commit"),
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.cluster, t.cluster.c.id == t.product_line.c.cluster_id)
        .join(t.rollout, live, isouter=True)
        .join(t.release, runs, isouter=True)
        .where(t.app.c.gone_at.is_(None))
    )


_ONE = Question(_with_live().where(t.app.c.name == bindparam("name")))


@dataclass(frozen=True, slots=True)
class AppSeen:
    """What was read of one App, before nouns are made of it. Two that are equal tell the same, to whoever may see
    both."""

    name: str
    product_line: str
    _app: Answer
    _callers: Answer

    @property
    def size(self) -> int:
        """Bytes that keeping it takes, about."""
        return self._app.size + self._callers.size

    def listed(self) -> AppListed:
        return _listed(self._app.rows()[0])

    def callers(self, actor: Actor) -> Callers:
        """Of what runs: those that the person may see, and how many others there are."""
        seen = tuple(app for app, line in self._callers.raw if may(actor, Verb.READ, line))
        return Callers(seen, len(self._callers.raw) - len(seen))


async def app_seen(actor: Actor, tx: Tx, name: str) -> AppSeen:
    """One App with its live Rollout and those that call it. Raises McdError not_found."""
    found, callers = await tx.asked_all((_ONE, {"name": name}), (CALLERS, {"called": name}))
    _judge(actor, name, found)
    return AppSeen(name, found.raw[0][_LINE], found, callers)


_LINE = _ONE.columns.index("line")


def _judge(actor: Actor, name: str, found: Answer) -> None:
    if not found.raw:
        raise not_found(Noun.APP, name)
    require(actor, Verb.READ, Noun.APP, name, found.raw[0][_LINE])


async def apps(
    actor: Actor,
    tx: Tx,
    part: Part = FIRST,
    *,
    product_line: str | None = None,
    cluster: str | None = None,
    keep: Callable[[AppListed], bool] | None = None,
) -> Page[AppListed]:
    """Those that the person may see, by name. One query, whatever their number; with `keep`, which looks at what no
    column holds, one for each 500 Apps, and a page may be short or empty before the end. Raises McdError not_found for
    a product line or cluster that is not there."""
    statement = _with_live().where(seen_by(actor, t.product_line.c.name))
    if product_line is not None:
        line = await find_line(actor, tx, Verb.READ, product_line)
        statement = statement.where(t.app.c.product_line_id == line["id"])
    if cluster is not None:
        place = await find_cluster(actor, tx, Verb.READ, cluster)
        statement = statement.where(t.product_line.c.cluster_id == place["id"])
    if keep is None:
        return await page(tx, statement, [t.app.c.name], part, _listed)
    return await sieved(tx, statement, [t.app.c.name], part, _listed, keep)


async def app_listed(actor: Actor, tx: Tx, name: str) -> AppListed:
    """One App as the list shows it. Raises McdError not_found."""
    found = await tx.asked(_ONE, {"name": name})
    _judge(actor, name, found)
    return _listed(found.rows()[0])


async def app(actor: Actor, tx: Tx, name: str) -> App:
    row = await find_app(actor, tx, Verb.READ, name)
    return app_of(row, row["line"])


async def live_rollout(actor: Actor, tx: Tx, app: str) -> Rollout | None:
    row = await find_app(actor, tx, Verb.READ, app)
    live = await live_of(tx, row["id"])
    return None if live is None else rollout_of(live, app)


async def settings(actor: Actor, tx: Tx, app: str, revision: int | None = None) -> Settings:
    """A revision, or the newest. Every App has revision 0, which is empty. Raises McdError not_found."""
    row = await find_app(actor, tx, Verb.READ, app)
    wanted = await newest_settings(tx, row["id"]) if revision is None else revision
    found = await tx.row(select(t.settings).where(t.settings.c.app_id == row["id"], t.settings.c.revision == wanted))
    if found is None:
        raise not_found(Noun.SETTINGS, event_name(app, wanted))
    return settings_of(found, app)


async def settings_history(actor: Actor, tx: Tx, app: str, part: Part = FIRST) -> Page[Settings]:
    """Newest first."""
    row = await find_app(actor, tx, Verb.READ, app)
    statement = select(t.settings).where(t.settings.c.app_id == row["id"])
    keys = [t.settings.c.revision]
    return await page(tx, statement, keys, part, lambda found: settings_of(found, app), newest_first=True)


async def inventory(actor: Actor, tx: Tx, app: str) -> tuple[InventoryEntry, ...]:
    """Every object that belongs to the App, in the order of kind and name."""
    row = await find_app(actor, tx, Verb.READ, app)
    table = t.inventory
    found = await tx.rows(
        select(table).where(table.c.owner_id == row["id"]).order_by(table.c.kind, table.c.namespace, table.c.name)
    )
    return tuple(entry_of(entry) for entry in found)
