"""Questions about what an App has to do with others: what an app.yaml is compiled with, and who calls whom."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from mcd.model import NO_FACTS, Actor, App, Cluster, Facts, Footprint, ProductLine, Release, Verb
from mcd.store import neighbours
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.lookup import find_app
from mcd.store.neighbours import Around
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Callers:
    """The Apps that call one: those that the person may see, and how many others there are."""

    seen: tuple[str, ...]
    others: int


async def facts_around(
    actor: Actor, tx: Tx, app: App, place: tuple[ProductLine, Cluster], footprint: Footprint
) -> Facts:
    """What a push of this footprint is compiled with. The App need not be there yet; Apps that the person may not see
    are not there."""
    line, cluster = place
    asked = Around(
        app.id, app.name, line.name, cluster.id, cluster.name, line.namespace, footprint,
        lambda other: may(actor, Verb.READ, other),
    )  # fmt: skip
    return (await neighbours.facts(tx, [asked]))[0]


async def facts_of(actor: Actor, tx: Tx, release: Release, place: tuple[ProductLine, Cluster]) -> Facts:
    """What a Release is compiled with, as its pusher saw it: the same that the loop has. Nothing of one that was not
    compiled yet. Raises McdError not_found."""
    row = await find_app(actor, tx, Verb.READ, release.app)
    if release.footprint is None:
        return NO_FACTS
    line, cluster = place
    sees = await tx.value(select(t.release.c.sees).where(t.release.c.id == release.id))
    asked = Around(
        row["id"], row["name"], line.name, cluster.id, cluster.name, line.namespace, release.footprint,
        neighbours.seen_with(sees or ()),
    )  # fmt: skip
    return (await neighbours.facts(tx, [asked]))[0]


async def callers(actor: Actor, tx: Tx, name: str) -> Callers:
    """Of what runs. Raises McdError not_found."""
    await find_app(actor, tx, Verb.READ, name)
    found = await neighbours.callers_of(tx, name)
    seen = tuple(app for app, line in found if may(actor, Verb.READ, line))
    return Callers(seen, len(found) - len(seen))
