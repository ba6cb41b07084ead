"""Whatever stands in the way, a dry run says what is then done: the same objects, the same holds, the same reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mcd.model import Noun, Reason
from mcd.objects import Object, Ref
from mcd.store import intents, leases
from tests.api.client import Api
from tests.controllers.test_secrets import set_secret
from tests.controllers.world import ADMIN, LINE, World

TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""
ONE = TWO.replace('  worker: {type: daemon, image: "registry.test/worker:1"}\n', "")
MORE = TWO + '  extra: {type: service, port: 9000, image: "registry.test/hello:1"}\n'
SECRET = TWO + '  reader: {type: daemon, image: "registry.test/reader:1", env: {TOKEN: {secret: api/TOKEN}}}\n'
SHARED = SECRET.replace("api/TOKEN", "shared/TOKEN")
WEB = Ref("apps/v1", "Deployment", LINE, "hello-web")
FOREIGN_SERVICE = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hello-extra", "namespace": LINE},
    "spec": {"ports": [{"port": 1}]},
}  # fmt: skip
FOREIGN_SECRET = {
    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hello-secret-api", "namespace": LINE}, "data": {},
}  # fmt: skip

Step = Callable[[World], Awaitable[None]]


async def nothing(here: World) -> None:
    """Nothing stands in the way."""


async def edited(here: World) -> None:
    here.kube.edit(WEB, _other_image)


async def fought(here: World) -> None:
    for _ in range(3):
        here.kube.edit(WEB, _other_image)
        here.clock.forward(60)
        await looked_at(here)
    here.kube.edit(WEB, _other_image)


async def looked_at(here: World) -> None:
    """As when a watch shows that something changed."""
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    await here.settle(horizon=1)


def _other_image(obj: Object) -> None:
    obj["spec"]["template"]["spec"]["containers"][0]["image"] = "other:1"


async def deleted(here: World) -> None:
    here.kube.person_deletes(WEB)


async def going(here: World) -> None:
    here.kube.edit(WEB, lambda obj: obj["metadata"].update(finalizers=["example.com/wait"]))
    here.kube.person_deletes(WEB)


async def foreign_service(here: World) -> None:
    here.kube.person(FOREIGN_SERVICE, manager="kubectl-create")


async def foreign_secret(here: World) -> None:
    await set_secret(here, TOKEN="x")
    here.kube.person(FOREIGN_SECRET, manager="kubectl-create")


async def pushed_onto_a_foreign_secret(here: World) -> None:
    await foreign_secret(here)
    await here.push(SECRET)
    await here.settle(horizon=1)


async def own_secret(here: World) -> None:
    await set_secret(here, TOKEN="x")


async def secret_of_the_line(here: World) -> None:
    await set_secret(here, "shared", app=None, TOKEN="x")


async def line_with_a_newer_wish(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, here.clock(), LINE, wishes={"quota": {"pods": "100"}})


@dataclass(frozen=True)
class Case:
    before: tuple[str, ...] = (TWO,)
    """What was pushed and ran."""
    trouble: Step = nothing
    push: str = ""
    deploy: dict[str, Any] = field(default_factory=dict)
    """Either of the two is the wish."""
    confirms: bool = False
    reason: Reason | None = None
    """Why nothing is written, or not at once."""
    writes: int | None = None
    held: tuple[str, ...] = ()


CASES = {
    "the same again": Case(push=TWO, writes=0),
    "another image": Case(push=TWO.replace("worker:1", "worker:2"), writes=1),
    "a component more": Case(push=MORE),
    "a component less": Case(push=ONE),
    "an edit by hand": Case(trouble=edited, push=TWO, writes=1),
    "a delete by hand": Case(trouble=deleted, push=TWO, writes=1),
    "an object that is going": Case(trouble=going, push=TWO, writes=0, held=("Deployment/hello-web",)),
    "a fight about a field": Case(trouble=fought, deploy={"release": 1}, writes=0, held=("Deployment/hello-web",)),
    "a foreign object": Case(trouble=foreign_service, push=MORE, held=("Service/hello-extra",)),
    "a foreign object and a component less": Case(
        trouble=foreign_service, push=MORE.replace("worker:", "other:", 1), held=("Service/hello-extra",)
    ),
    "a secret": Case(trouble=own_secret, push=SECRET),
    "a foreign Secret": Case(trouble=foreign_secret, push=SECRET, reason=Reason.NOT_OURS, writes=0),
    "a foreign Secret taken over": Case(
        before=(TWO,), trouble=pushed_onto_a_foreign_secret, deploy={"release": 2, "take_over": True}
    ),
    "a Secret of the line that is not there yet": Case(
        trouble=secret_of_the_line, push=SHARED, reason=Reason.PRODUCT_LINE_PENDING
    ),
    "a line with a newer wish": Case(
        trouble=line_with_a_newer_wish, push=TWO.replace("worker:1", "worker:2"), writes=1,
        reason=Reason.PRODUCT_LINE_PENDING,
    ),
    "back, over the brake": Case(
        before=(ONE, MORE), deploy={"release": 1}, writes=1, held=("Deployment/hello-worker", "Deployment/hello-extra")
    ),
    "back, confirmed": Case(before=(ONE, MORE), deploy={"release": 1}, confirms=True),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_what_a_dry_run_says_is_what_is_done(live: Api, name: str) -> None:
    case, here = CASES[name], live.world
    for app_yaml in case.before:
        await here.push(app_yaml)
        await here.settle()
    await case.trouble(here)
    wish = dict(case.deploy)
    told = await rehearsed(live, case, wish)
    if case.confirms:
        wish["confirmed_prune"] = told["confirm_prune"]
        told = await rehearsed(live, case, wish)
    named, held = _named(told)
    assert (told["reason"] or None) == case.reason, told
    assert len(named) == told["writes"]
    assert case.writes in (None, told["writes"]), told
    assert set(case.held) <= held

    before = here.written
    if case.push:
        await here.push(case.push)
    else:
        assert (await live.post("/api/v1/apps/hello/rollouts", wish)).status_code in (200, 202)
    await looked_at(here)
    assert {w for w in here.writes_since(before) if "/hello" in w} == named, told
    rollout = await here.live()
    assert rollout is not None
    done = (await live.get(f"/api/v1/rollouts/{rollout.id}")).json()
    if case.reason is None:
        assert _held(done["changes"]) == held
    elif case.reason is Reason.NOT_OURS:
        assert (done["reason"], done["message"]) == (told["reason"], told["message"])


async def rehearsed(live: Api, case: Case, wish: dict[str, Any]) -> dict[str, Any]:
    if case.push:
        answer = await live.post("/api/v1/apps/hello/diff", {"app_yaml": case.push})
    else:
        answer = await live.post("/api/v1/apps/hello/rollouts", {**wish, "dry_run": True})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _named(told: dict[str, Any]) -> tuple[set[str], set[str]]:
    verbs = {"created": "apply", "configured": "apply", "deleted": "delete"}
    named = {f"{verbs[c['action']]} {_name(c)}" for c in told["changes"] if c["action"] in verbs}
    return named, _held(told["changes"])


def _held(changes: list[dict[str, Any]]) -> set[str]:
    return {_name(c) for c in changes if c["action"] == "held"}


def _name(change: dict[str, Any]) -> str:
    return f"{change['object']['kind']}/{change['object']['name']}"
