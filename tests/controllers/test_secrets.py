"""Secrets on the live path: values reach the Secret object and nothing else, rotation restarts who reads, hands are
healed. The cluster is in memory."""

from __future__ import annotations

import asyncio
import base64

import pytest

from mcd.kube.secret import KIND
from mcd.kube.watch import Caches
from mcd.model import Noun, Reason, Trigger
from mcd.objects import Object, Ref
from mcd.store import intents, reads, secrets
from tests.controllers.world import ADMIN, LINE, World
from tests.kube.given import in_sync

READER = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1", env: {TOKEN: {secret: api/TOKEN}}}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""
OF_LINE = """
appname: NAME
components:
  web: {type: web, image: "registry.test/hello:1", env: {TOKEN: {secret: shared/TOKEN}}}
"""
PLAIN = """
appname: NAME
components:
  web: {type: web, image: "registry.test/hello:1"}
"""
PATIENCE = 20.0


async def set_secret(here: World, name: str = "api", app: str | None = "hello", **values: str) -> None:
    async with here.runtime.db.writing() as tx:
        line = None if app else LINE
        await intents.set_secret(ADMIN, tx, here.clock(), name, values, app=app, product_line=line)


async def with_app(here: World, app_yaml: str = READER, app: str = "hello", **values: str) -> None:
    """The App with its secret, settled."""
    async with here.runtime.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.clock(), app, product_line=LINE)
    if values:
        await set_secret(here, app=app, **values)
    await here.push(app_yaml.replace("NAME", app), app)
    await here.settle()


def held(here: World, name: str = "hello-secret-api") -> dict[str, str] | None:
    """What the Secret object holds, or None."""
    found = here.kube.objects().get(Ref("v1", "Secret", LINE, name))
    return {k: base64.b64decode(v).decode() for k, v in found["data"].items()} if found else None


def pods(here: World, component: str, app: str = "hello") -> set[str]:
    """UIDs of the pods of a component."""
    want = {"app.kubernetes.io/instance": app, "app.kubernetes.io/component": component}
    return {
        obj["metadata"]["uid"]
        for ref, obj in here.kube.objects().items()
        if ref.kind == "Pod" and want.items() <= obj["metadata"]["labels"].items()
    }


def change_data(here: World, name: str = "hello-secret-api", manager: str = "kubectl-edit", **data: str) -> None:
    def edit(obj: Object) -> None:
        obj["data"].update({k: base64.b64encode(v.encode()).decode() for k, v in data.items()})

    here.kube.edit(Ref("v1", "Secret", LINE, name), edit, manager=manager)


async def later(here: World) -> None:
    here.clock.forward(3600)
    await here.settle()


async def test_the_value_arrives_in_the_object_that_the_pod_names(here: World) -> None:
    await with_app(here, TOKEN="s3same", UNUSED="never")
    assert (await here.ready()).status, await here.said()
    assert held(here) == {"TOKEN": "s3same"}, "the keys that are read, and no other"
    secret = here.ours()["Secret/hello-secret-api"]
    assert secret["type"] == "Opaque"
    assert secret["metadata"]["labels"]["app.kubernetes.io/instance"] == "hello"
    env = here.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]["containers"][0]["env"]
    named = next(e for e in env if e["name"] == "TOKEN")["valueFrom"]["secretKeyRef"]
    assert named == {"name": "hello-secret-api", "key": "TOKEN"}
    wrote = here.writes_since(0)
    assert wrote.index("apply Secret/hello-secret-api") < wrote.index("apply Deployment/hello-web")


async def test_a_new_version_restarts_the_reader_and_nobody_else(here: World) -> None:
    await with_app(here, TOKEN="one")
    web, worker, before = pods(here, "web"), pods(here, "worker"), here.written
    await set_secret(here, TOKEN="two")
    await here.settle()
    assert held(here) == {"TOKEN": "two"}
    wrote = here.writes_since(before)
    assert wrote.index("apply Secret/hello-secret-api") < wrote.index("apply Deployment/hello-web")
    assert pods(here, "worker") == worker
    assert pods(here, "web").isdisjoint(web)
    assert (await here.ready()).status


async def test_setting_the_same_value_again_is_a_new_version_all_the_same(here: World) -> None:
    await with_app(here, TOKEN="one")
    before = here.written
    await set_secret(here, TOKEN="one")
    await here.settle()
    assert "apply Secret/hello-secret-api" in here.writes_since(before), "or a stranger could guess values by watching"


async def test_a_rollback_brings_the_version_of_its_settings_back(here: World) -> None:
    await with_app(here, TOKEN="one")
    first = await here.live()
    assert first is not None
    await set_secret(here, TOKEN="two")
    await here.settle()
    async with here.runtime.db.writing() as tx:
        await intents.request_rollout(
            ADMIN,
            tx,
            here.clock(),
            "hello",
            release=first.release,
            settings_revision=first.settings,
            trigger=Trigger.ROLLBACK,
        )
    await here.settle()
    assert held(here) == {"TOKEN": "one"}


async def watched(here: World) -> Caches:
    """From now on the cluster is watched, as `mcd serve controllers` does it."""
    here.runtime.watch_with(lambda _obj: None)
    async with here.runtime.db.reading() as tx:
        cluster = await reads.cluster(ADMIN, tx, "local")
    live = await here.runtime.live(cluster)
    assert live.caches is not None
    await in_sync(live.caches)
    surroundings = await here.runtime.surroundings(cluster)
    assert surroundings is not None
    await in_sync(surroundings)
    return live.caches


async def until_synced(caches: Caches) -> None:
    async with asyncio.timeout(PATIENCE):
        while not caches.synced(KIND, LINE):
            await asyncio.sleep(0)


async def test_a_second_pass_makes_no_request_at_all(here: World) -> None:
    await with_app(here, TOKEN="one")
    caches = await watched(here)
    await later(here)
    await until_synced(caches)
    asked: list[str] = []

    def note(verb: str, ref: Ref) -> None:
        # The Cluster itself is asked whether it is there.
        if (verb, ref.kind, ref.name) != ("get", "Namespace", ""):
            asked.append(f"{verb} {ref}")

    here.kube.faults.refuse = note
    await later(here)
    assert asked == []
    assert (await here.ready()).status


async def test_the_cache_of_secrets_holds_no_value(here: World) -> None:
    await with_app(here, TOKEN="c4nary")
    caches = await watched(here)
    await later(here)
    await until_synced(caches)
    change_data(here, OTHER="c4nary")
    found = caches.get(Ref("v1", "Secret", LINE, "hello-secret-api"))
    assert found is not None
    assert set(found) == {"apiVersion", "kind", "metadata"}


@pytest.mark.parametrize("watching", [False, True])
async def test_a_value_edited_by_hand_is_healed_and_the_hand_is_named(here: World, watching: bool) -> None:
    await with_app(here, TOKEN="one")
    web = pods(here, "web")
    if watching:
        await watched(here)
        await later(here)
    change_data(here, TOKEN="evil", manager="kubectl-edit")
    await later(here)
    assert held(here) == {"TOKEN": "one"}
    healed = await here.events("healed")
    assert any("kubectl-edit" in said and "Secret/hello-secret-api" in said for said in healed)
    assert not any("evil" in said for said in healed)
    assert pods(here, "web") == web, "the pods have the right value: they read it when they started"


async def test_a_key_taken_away_by_hand_is_back(here: World) -> None:
    await with_app(here, TOKEN="one")
    here.kube.edit(Ref("v1", "Secret", LINE, "hello-secret-api"), lambda o: o["data"].pop("TOKEN"))
    await later(here)
    assert held(here) == {"TOKEN": "one"}


async def test_a_secret_deleted_by_hand_is_back(here: World) -> None:
    await with_app(here, TOKEN="one")
    here.kube.person_deletes(Ref("v1", "Secret", LINE, "hello-secret-api"))
    await later(here)
    assert held(here) == {"TOKEN": "one"}


async def test_a_foreign_secret_with_our_name_is_held_and_untouched(here: World) -> None:
    mine = {"name": "hello-secret-api", "namespace": LINE}
    here.kube.person({"apiVersion": "v1", "kind": "Secret", "metadata": mine, "data": {"TOKEN": "bWluZQ=="}})
    await with_app(here, TOKEN="one")
    assert (await here.ready()).reason is Reason.NOT_OURS
    assert held(here) == {"TOKEN": "mine"}
    assert not pods(here, "web"), "a pod never starts with somebody else's value"


async def test_a_secret_that_nothing_reads_any_more_goes(here: World) -> None:
    await with_app(here, TOKEN="one")
    await here.push(READER.replace(", env: {TOKEN: {secret: api/TOKEN}}", ""))
    await here.settle()
    assert held(here) is None
    assert (await here.ready()).status


async def test_the_secret_goes_with_its_app(here: World) -> None:
    await with_app(here, TOKEN="one")
    await here.delete()
    await here.settle()
    assert held(here) is None


async def test_an_answer_that_is_lost_is_read_again_without_the_value(here: World) -> None:
    await with_app(here, TOKEN="one")
    before = here.kube.counted
    await set_secret(here, TOKEN="two")
    here.kube.faults.lose_answer = before + 1
    await here.settle()
    assert held(here) == {"TOKEN": "two"}
    assert (await here.ready()).status


async def test_a_version_that_is_not_stored_any_more_stalls_and_names_the_secret(here: World) -> None:
    await with_app(here, TOKEN="one")
    async with here.runtime.db.writing() as tx:
        app = await reads.app(ADMIN, tx, "hello")
        await secrets.forget(tx, app.id, "api")
    here.kube.person_deletes(Ref("v1", "Secret", LINE, "hello-secret-api"))
    await later(here)
    ready = await here.ready()
    assert (ready.status, ready.reason) == (False, Reason.CONFIG_MISSING)
    assert '"api"' in ready.message
    assert "mcd secret set" in ready.message


async def test_a_secret_unset_behind_our_back_touches_no_pod(here: World) -> None:
    await with_app(here, TOKEN="one")
    web, before = pods(here, "web"), here.written
    async with here.runtime.db.writing() as tx:
        await intents.unset_secret(ADMIN, tx, here.clock(), "api", app="hello")
    await here.settle()
    ready = await here.ready()
    assert (ready.status, ready.reason) == (False, Reason.INVALID_APP_YAML)
    assert "api" in ready.message
    assert here.writes_since(before) == []
    assert pods(here, "web") == web


# --- secrets of the product line --------------------------------------------------------------------------------------


async def test_a_secret_of_the_line_is_one_object_for_all_its_apps(here: World) -> None:
    await set_secret(here, "shared", app=None, TOKEN="one")
    await with_app(here, OF_LINE, "first")
    await with_app(here, OF_LINE, "second")
    await with_app(here, PLAIN, "third")
    assert held(here, "mcd-line-shared") == {"TOKEN": "one"}
    readers = {app: pods(here, "web", app) for app in ("first", "second", "third")}
    await set_secret(here, "shared", app=None, TOKEN="two")
    await here.settle()
    assert held(here, "mcd-line-shared") == {"TOKEN": "two"}
    assert pods(here, "web", "first").isdisjoint(readers["first"])
    assert pods(here, "web", "second").isdisjoint(readers["second"])
    assert pods(here, "web", "third") == readers["third"]
    await here.delete("first")
    await here.settle()
    assert held(here, "mcd-line-shared") == {"TOKEN": "two"}, "the second App reads it"


async def test_no_pod_restarts_before_the_new_value_is_there(here: World) -> None:
    await set_secret(here, "shared", app=None, TOKEN="one")
    await with_app(here, OF_LINE, "first")
    before = here.written
    await set_secret(here, "shared", app=None, TOKEN="two")
    await here.settle()
    assert here.writes_since(before) == ["apply Secret/mcd-line-shared", "apply Deployment/first-web"]


async def test_a_secret_of_the_line_edited_by_hand_is_healed(here: World) -> None:
    await set_secret(here, "shared", app=None, TOKEN="one")
    await with_app(here, OF_LINE, "first")
    change_data(here, "mcd-line-shared", TOKEN="evil")
    await later(here)
    assert held(here, "mcd-line-shared") == {"TOKEN": "one"}


async def test_an_app_waits_for_a_secret_that_its_line_makes_again(here: World) -> None:
    await set_secret(here, "shared", app=None, TOKEN="one")
    await with_app(here, OF_LINE, "first")
    here.kube.person_deletes(Ref("v1", "Secret", LINE, "mcd-line-shared"))
    before = here.written
    here.clock.forward(3600)
    assert await here.loop.take(Noun.ROLLOUT, 100), "the App is looked at before its line"
    await here.loop.idle()
    ready = await here.ready("first")
    assert (ready.status, ready.reason) == (False, Reason.PRODUCT_LINE_PENDING), str(ready)
    assert "Secret/mcd-line-shared" in ready.message
    await here.settle()
    assert held(here, "mcd-line-shared") == {"TOKEN": "one"}
    assert (await here.ready("first")).status
    assert here.writes_since(before) == ["apply Secret/mcd-line-shared"]


async def test_a_line_secret_that_nobody_needs_goes_when_it_is_unset(here: World) -> None:
    await set_secret(here, "shared", app=None, TOKEN="one")
    await here.settle()
    async with here.runtime.db.writing() as tx:
        await intents.unset_secret(ADMIN, tx, here.clock(), "shared", product_line=LINE)
    await here.settle()
    assert held(here, "mcd-line-shared") is None
