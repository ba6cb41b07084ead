"""`{generate: secret}` on the live path: made once, right before it is sent, kept, and replaced when a person asks."""

from __future__ import annotations

import io
import re

import pytest

from mcd.controllers.loop import Loop
from mcd.kube.memory import Died, Faults
from mcd.model import Trigger
from mcd.objects import Ref
from mcd.store import intents, reads, secrets
from tests.controllers.test_secret_values import forms, lines
from tests.controllers.test_secrets import held, later, pods
from tests.controllers.world import ADMIN, LINE, World

assert lines

NAME = "hello-generated"
TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1", env: {SESSION_KEY: {generate: secret, length: 40}}}
  worker: {type: daemon, image: "registry.test/worker:1", env: {SEED: {generate: secret}}}
  idle: {type: daemon, image: "registry.test/idle:1"}
"""
WITHOUT = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
  idle: {type: daemon, image: "registry.test/idle:1"}
"""


async def rotate(here: World, variable: str) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.rotate_generated(ADMIN, tx, here.clock(), "hello", variable)


async def made(here: World) -> dict[str, str]:
    await here.push(TWO)
    await here.settle()
    found = held(here, NAME)
    assert found is not None, await here.said()
    return found


async def test_it_is_made_for_the_pods_that_read_it(here: World) -> None:
    found = await made(here)
    assert (await here.ready()).status, await here.said()
    assert re.fullmatch(r"[A-Za-z0-9]{40}", found["SESSION_KEY"])
    assert re.fullmatch(r"[A-Za-z0-9]{32}", found["SEED"])
    env = here.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]["containers"][0]["env"]
    named = next(e for e in env if e["name"] == "SESSION_KEY")["valueFrom"]["secretKeyRef"]
    assert named == {"name": NAME, "key": "SESSION_KEY"}
    wrote = here.writes_since(0)
    assert wrote.index(f"apply Secret/{NAME}") < wrote.index("apply Deployment/hello-web")


async def test_a_second_look_writes_nothing_and_restarts_nobody(here: World) -> None:
    await made(here)
    running, before = pods(here, "web"), here.written
    await later(here)
    assert here.writes_since(before) == []
    assert pods(here, "web") == running


async def test_it_stays_over_deploys_and_another_length_and_a_component_with_another_name(here: World) -> None:
    first = await made(here)
    await here.push(TWO.replace("hello:1", "hello:2").replace("length: 40", "length: 64").replace("worker:", "w2:"))
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert held(here, NAME) == first


async def test_it_is_the_same_when_it_comes_back(here: World) -> None:
    first = await made(here)
    await here.push(WITHOUT)
    await here.settle()
    assert held(here, NAME) is None, "nothing reads it"
    await here.push(TWO)
    await here.settle()
    assert held(here, NAME) == first


async def test_a_rollback_keeps_what_a_person_replaced(here: World) -> None:
    first = await made(here)
    release = await here.live()
    assert release is not None
    await here.push(TWO.replace("hello:1", "hello:2"))
    await here.settle()
    await rotate(here, "SEED")
    await here.settle()
    second = held(here, NAME)
    async with here.runtime.db.writing() as tx:
        await intents.request_rollout(
            ADMIN, tx, here.clock(), "hello",
            release=release.release, settings_revision=release.settings, trigger=Trigger.ROLLBACK,
        )  # fmt: skip
    await here.settle()
    assert held(here, NAME) == second != first
    image = here.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith("hello:1"), "it did go back"


async def test_a_new_value_restarts_who_reads_it_and_nobody_else(here: World) -> None:
    first = await made(here)
    before = {name: pods(here, name) for name in ("web", "worker", "idle")}
    await rotate(here, "SEED")
    await here.settle()
    second = held(here, NAME)
    assert second is not None
    assert second["SEED"] != first["SEED"]
    assert second["SESSION_KEY"] == first["SESSION_KEY"]
    after = {name: pods(here, name) for name in before}
    assert after["worker"].isdisjoint(before["worker"])
    assert (after["web"], after["idle"]) == (before["web"], before["idle"])
    assert (await here.ready()).status
    wrote = here.writes_since(0)[::-1]
    assert wrote.index("apply Deployment/hello-worker") < wrote.index(f"apply Secret/{NAME}")


async def test_an_object_that_a_hand_changed_or_deleted_is_back_with_the_same_values(here: World) -> None:
    first = await made(here)
    here.kube.person_deletes(Ref("v1", "Secret", LINE, NAME))
    await later(here)
    assert held(here, NAME) == first


async def stored(here: World) -> dict[str, str]:
    async with here.runtime.db.reading() as tx:
        app = await reads.app(ADMIN, tx, "hello")
        found = await secrets.made_values(tx, app.id, ["SEED", "SESSION_KEY"])
    return {name: value.reveal() for name, value in found.items()}


@pytest.mark.parametrize("side", ["die_before", "die_after"])
async def test_a_process_that_dies_at_the_write_leaves_a_value_that_the_next_one_sends(here: World, side: str) -> None:
    await here.push(TWO)

    def dies_here(verb: str, ref: Ref) -> None:
        if (verb, ref.name) == ("apply", NAME):
            setattr(here.kube.faults, side, here.kube.counted)

    here.kube.faults = Faults(before_write=dies_here)
    with pytest.raises(Died):
        await here.settle()
    here.loop = Loop(here.runtime, "next")
    first = await stored(here)
    assert set(first) == {"SEED", "SESSION_KEY"}
    assert (held(here, NAME) is None) == (side == "die_before"), "it died at the Secret"
    here.kube.faults = Faults()
    await here.settle()
    assert held(here, NAME) == first
    assert (await here.ready()).status, await here.said()


async def test_a_value_is_nowhere_but_in_its_secret_object(here: World, lines: io.StringIO) -> None:
    values = list((await made(here)).values())
    await rotate(here, "SEED")
    await here.settle()
    values += (held(here, NAME) or {}).values()
    async with here.runtime.db.reading() as tx:
        page = await reads.events(ADMIN, tx, after=0)
    places = {str(path): path.read_bytes() for path in here.runtime.settings.data.rglob("*") if path.is_file()}
    places |= {"logs": lines.getvalue().encode(), "events": repr(page.items).encode()}
    places |= {str(ref): repr(obj).encode() for ref, obj in here.kube.objects().items() if ref.kind != "Secret"}
    assert len(set(values)) == 3
    for value in values:
        for form in forms(value):
            assert not [where for where, content in places.items() if form in content], "found"
