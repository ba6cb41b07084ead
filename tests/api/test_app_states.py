"""The state of an App is one word, and the same word for whoever asks: list, filter, status and the metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.model import AppState
from mcd.objects import Ref
from mcd.observability import metrics
from mcd.store import intents
from tests.api.client import Api
from tests.controllers.world import ADMIN, HELLO, LINE


async def words(api: Api) -> set[Any]:
    """The word for hello, from everybody who has one."""
    await api.world.loop.measure()
    counted = [s for s in AppState if metrics.REGISTRY.get_sample_value("mcd_apps", {"state": s})]
    listed = [s for s in AppState if (await api.get(f"/api/v1/apps?state={s}")).json()["items"]]
    status = (await api.get("/api/v1/apps/hello/status")).json()
    shown = (await api.get("/api/v1/apps/hello")).json()
    return {*counted, *listed, status["app"]["state"], shown["state"]}


async def taken_by_another(api: Api) -> None:
    meta = {"name": "hello-web", "namespace": "demo"}
    spec = {"ports": [{"name": "http", "port": 81}]}
    api.world.kube.person({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    await api.world.push(HELLO)
    await api.world.settle()


async def last_look_failed(api: Api) -> None:
    """The cluster answers, but not for what the App is made of."""
    await api.deployed()

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if ref.name.startswith("hello"):
            return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the answer was cut off.")
        return None

    api.world.kube.faults.refuse = refuse
    api.world.kube.person_deletes(Ref("v1", "Service", "demo", "hello-web"))
    api.world.clock.forward(700)
    await api.world.turn()


async def cluster_is_away(api: Api) -> None:
    await api.deployed()
    api.world.kube.faults.refuse = lambda verb, ref: KubeError(
        Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster does not answer."
    )
    api.world.clock.forward(120)
    for _ in range(3):
        await api.world.turn()
        api.world.clock.forward(6)


def refused(api: Api, *, cached: bool = True) -> None:
    """The credential is not accepted any more. What is in the watch caches can still be read."""

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if not cached or verb in ("apply", "delete") or not ref.namespace:
            return KubeError(Code.UNAUTHENTICATED, KubeReason.UNAUTHORIZED, "the cluster does not accept it.")
        return None

    api.world.kube.faults.refuse = refuse


async def looked_at(api: Api) -> None:
    for _ in range(6):
        api.world.clock.forward(70)
        await api.world.turn()


async def credential_is_refused(api: Api) -> None:
    await api.deployed()
    refused(api)
    await looked_at(api)


async def credential_is_refused_before_a_push(api: Api) -> None:
    await api.deployed()
    refused(api, cached=False)
    await looked_at(api)
    await api.world.push(HELLO.replace(":1", ":2"))
    await looked_at(api)


async def credential_is_refused_while_something_is_healed(api: Api) -> None:
    await api.deployed()
    refused(api)
    api.world.kube.person_deletes(Ref("apps/v1", "Deployment", "demo", "hello-web"))
    api.world.clock.forward(700)
    await looked_at(api)


async def credential_is_refused_to_the_product_line(api: Api) -> None:
    """Its quota is changed and cannot be written: what waits for the product line waits for a person, too."""
    await api.deployed()
    refused(api)
    async with api.world.runtime.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, api.world.clock(), LINE, wishes={"quota": {"cpu": "7"}})
    await looked_at(api)
    await api.world.push(HELLO.replace(":1", ":2"))
    await looked_at(api)


async def cluster_is_too_old(api: Api) -> None:
    """It answers, so that what runs in it is seen as before."""
    await api.deployed()
    api.world.kube.kubernetes = "v1.28.0"
    api.world.clock.forward(61)
    await api.world.turn()


async def delete_stands_still(api: Api) -> None:
    """The cluster does not let MCD delete, so the delete waits for a person."""
    await api.deployed()

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if verb == "delete":
            return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, "MCD may not delete services here.")
        return None

    api.world.kube.faults.refuse = refuse
    await api.world.delete()
    await api.world.settle()


async def being_deleted(api: Api) -> None:
    await api.deployed()
    await api.world.delete()


@pytest.mark.parametrize(
    ("happens", "word"),
    [
        (taken_by_another, "held"),
        (last_look_failed, "unknown"),
        (cluster_is_away, "unknown"),
        (credential_is_refused, "unknown"),
        (credential_is_refused_before_a_push, "unknown"),
        (credential_is_refused_while_something_is_healed, "unknown"),
        (credential_is_refused_to_the_product_line, "unknown"),
        (cluster_is_too_old, "ready"),
        (being_deleted, "deleting"),
        (delete_stands_still, "stalled"),
    ],
)
async def test_everybody_says_the_same_word(live: Api, happens: Callable[[Api], Awaitable[None]], word: str) -> None:
    await happens(live)
    assert await words(live) == {word}


@pytest.mark.parametrize(
    "happens",
    [
        credential_is_refused,
        credential_is_refused_before_a_push,
        credential_is_refused_while_something_is_healed,
        credential_is_refused_to_the_product_line,
    ],
)
async def test_a_refused_credential_is_the_reason_and_a_new_one_the_next_step(
    live: Api, happens: Callable[[Api], Awaitable[None]]
) -> None:
    await happens(live)
    listed = (await live.get("/api/v1/apps?state=unknown")).json()["items"][0]["live"]
    status = (await live.get("/api/v1/apps/hello/status")).json()
    for told in (listed, status["rollout"]):
        assert (told["state"], told["reason"]) == ("unknown", "ClusterAuthFailed")
        assert 'cluster "local" does not accept the credential' in told["message"]
        assert told["away_since"] is not None
    assert "new kubeconfig" in status["next_step"]
    assert status["next_step"].endswith("`mcd cluster show local`.")
    await live.world.loop.measure()
    labels = {"noun": "rollout", "reason": "ClusterAuthFailed"}
    assert metrics.REGISTRY.get_sample_value("mcd_stalled", labels) is None


async def test_what_was_ready_before_a_look_that_failed_is_told_with_the_reason(live: Api) -> None:
    await last_look_failed(live)
    told = (await live.get("/api/v1/apps/hello")).json()["live"]
    assert (told["state"], told["last_state"], told["reason"]) == ("unknown", "ready", "Retrying")
    assert told["message"].startswith("It was ready when it was seen last. the answer was cut off.")
    live.world.kube.faults.refuse = None
    await live.world.settle()
    told = (await live.get("/api/v1/apps/hello")).json()["live"]
    assert (told["state"], told["last_state"]) == ("ready", None)


async def test_a_rollout_that_was_replaced_while_its_last_look_failed_is_ready_in_history(live: Api) -> None:
    await last_look_failed(live)
    live.world.kube.faults.refuse = None
    await live.world.push(HELLO.replace(":1", ":2"))
    await live.world.settle()
    history = (await live.get("/api/v1/apps/hello/rollouts")).json()["items"]
    assert [r["state"] for r in history] == ["ready", "ready"]
