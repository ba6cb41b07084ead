"""The changes that are made again and again while something breaks: Apps of several shapes, and people's wishes.

A workload has a base that is reached in peace, and one change after it. Wishes go through the product's own door, as
the API's do. It must not know what breaks, nor judge what comes out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mcd.model import Noun, Trigger
from mcd.objects import INSTANCE, KEPT
from mcd.store import intents, leases, reads
from tests.rig import kubelet
from tests.rig.lane import ADMIN, APP, LINE, Lane

_WEB = '  web: {type: web, image: "registry.test/hello:%s"%s}\n'


@dataclass(frozen=True, slots=True)
class Shape:
    """An App in two commits: the second alters a component, adds one and, if the first has one to spare, drops one."""

    first: str
    second: str


def _app(*components: str, before: str = "") -> str:
    return f"appname: {APP}\n{before}components:\n{''.join(components)}"


_WORKER = '  worker: {type: daemon, image: "registry.test/worker:1"%s}\n'
_API = '  api: {type: service, image: "registry.test/api:1", ports: {http: 8000}, replicas: 2%s}\n'
_CLEAN = '  clean: {type: cron, schedule: "@daily", image: "registry.test/clean:1"}\n'
_STATE = '  state: {type: service, image: "registry.test/state:%s", ports: {tcp: 7000}, stateful: {}, replicas: 2}\n'
_FILES = "files:\n  /etc/hello/main.conf: %s\n"

SHAPES = {
    "plain": Shape(_app(_WEB % ("1", "")), _app(_WEB % ("2", ""), _WORKER % "")),
    "mixed": Shape(
        _app(_WEB % ("1", ', env: {STEP: "1"}'), _API % "", _WORKER % "", _CLEAN, before=_FILES % "one"),
        _app(_WEB % ("1", ', env: {STEP: "2"}'), _API % "", _CLEAN, _STATE % "1", before=_FILES % "two"),
    ),
    "scaled": Shape(
        _app(_WEB % ("1", ", autoscale: {min: 2, max: 5, cpu: 70}"), _WORKER % ", autoscale: {max: 3}"),
        _app(_WEB % ("1", ", autoscale: {min: 3, max: 6, cpu: 70}"), _WORKER % ""),
    ),
    "stored": Shape(
        _app(_STATE % "1", _WORKER % "", before="permdir: {path: /srv/hello, size: 1Gi}\n"),
        _app(_STATE % "2", _WEB % ("1", ""), before="permdir: {path: /srv/hello, size: 1Gi}\n"),
    ),
}


# --- wishes -----------------------------------------------------------------------------------------------------------

Wish = Callable[[Lane, Shape], Awaitable[None]]


def _now() -> datetime:
    return datetime.now(UTC)


async def push_text(lane: Lane, text: str, commit: str) -> None:
    """A pushed commit; the App is made by the first. Its deletes are wished by it, as the git remote stores them: all
    but what holds data."""
    async with lane.database() as db:
        async with db.reading() as tx:
            known = {listed.app.name for listed in (await reads.apps(ADMIN, tx)).items}
            there = [entry.ref for entry in await reads.inventory(ADMIN, tx, APP)] if APP in known else []
        async with db.writing() as tx:
            if APP not in known:
                await intents.create_app(ADMIN, tx, _now(), APP, product_line=LINE)
            await intents.push(
                ADMIN, tx, _now(), APP, commit=commit, branch="main", app_yaml=text,
                wished_deletes=[ref for ref in there if ref.kind not in KEPT],
            )  # fmt: skip


async def first(lane: Lane, shape: Shape) -> None:
    await push_text(lane, shape.first, "1" * 40)


async def second(lane: Lane, shape: Shape) -> None:
    await push_text(lane, shape.second, "2" * 40)


async def back(lane: Lane, shape: Shape) -> None:
    async with lane.database() as db:
        async with db.reading() as tx:
            there = [entry.ref for entry in await reads.inventory(ADMIN, tx, APP)]
        async with db.writing() as tx:
            await intents.request_rollout(
                ADMIN, tx, _now(), APP, release=1, trigger=Trigger.ROLLBACK,
                wished_deletes=[ref for ref in there if ref.kind not in KEPT],
            )  # fmt: skip


async def scale(lane: Lane, shape: Shape) -> None:
    component = "state" if "  state:" in shape.first else "web"
    async with lane.database() as db, db.writing() as tx:
        await intents.change_settings(ADMIN, tx, _now(), APP, changes={"components": {component: {"replicas": 4}}})


async def restart(lane: Lane, shape: Shape) -> None:
    async with lane.database() as db, db.writing() as tx:
        await intents.request_rollout(
            ADMIN, tx, _now(), APP, release=1, trigger=Trigger.RESTART, restart=["worker", "web"]
        )


async def secret(lane: Lane, shape: Shape) -> None:
    """A secret that nothing uses yet."""
    async with lane.database() as db, db.writing() as tx:
        await intents.set_secret(ADMIN, tx, _now(), "api", {"TOKEN": "one"}, app=APP)


async def use(lane: Lane, shape: Shape) -> None:
    """The push that uses it."""
    await push_text(lane, "env: {TOKEN: {secret: api/TOKEN}}\n".join(["", shape.first]), "3" * 40)


async def rotate(lane: Lane, shape: Shape) -> None:
    async with lane.database() as db, db.writing() as tx:
        await intents.set_secret(ADMIN, tx, _now(), "api", {"TOKEN": "two"}, app=APP)


async def delete(lane: Lane, shape: Shape) -> None:
    async with lane.database() as db, db.writing() as tx:
        await intents.delete_app(ADMIN, tx, _now(), APP)


async def lose(lane: Lane, shape: Shape) -> None:
    """Somebody deletes what is ours, all Services and Deployments of the App, while MCD does not run: so it finds all
    of them gone at once, in each run the same."""
    await lane.killed()
    for collection in ("/api/v1/services", "/apis/apps/v1/deployments"):
        path = kubelet.within(collection, LINE)
        for obj in await lane.api.items(path):
            if (obj["metadata"].get("labels") or {}).get(INSTANCE) == APP:
                await lane.api.send("DELETE", f"{path}/{obj['metadata']['name']}")
    async with lane.database() as db, db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, [APP], _now())
    await lane.start()


async def delete_line(lane: Lane, shape: Shape) -> None:
    async with lane.database() as db, db.writing() as tx:
        await intents.delete_product_line(ADMIN, tx, _now(), LINE)


@dataclass(frozen=True, slots=True)
class Workload:
    """`base` are wishes that are settled one after the other; `change` is what is broken into. `cold`: not even the
    product line was seen before. `foreign`: whether other people have objects in the namespace."""

    base: tuple[Wish, ...]
    change: Wish
    cold: bool = False
    foreign: bool = True


WORKLOADS = {
    "W0-line": Workload((), first, cold=True, foreign=False),
    "W1-first": Workload((), first),
    "W2-change": Workload((first,), second),
    "W3-scale": Workload((first,), scale),
    "W6-rollback": Workload((first, second), back),
    "W7-secret": Workload((first, secret), use),
    "W7-rotate": Workload((first, secret, use), rotate),
    "W8-delete": Workload((first,), delete),
    "W9-line-deleted": Workload((first, delete), delete_line, foreign=False),
    "W10-restart": Workload((first,), restart),
    "W11-lost": Workload((first,), lose),
}
"""W4 and W5 of the catalogue (canary) and the Claims of W7 wait for features that the product does not have."""
