"""A real `git push` goes to the real application: what is told, what is stored, what is deployed."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime

from mcd.forge.receive import refs_of
from mcd.model import (
    Action,
    Change,
    ComponentHealth,
    HealthState,
    InventoryEntry,
    Noun,
    Reason,
    Result,
    Stalled,
    Waiting,
)
from mcd.objects import Ref
from mcd.store import leases, liveness, reads
from tests.api.git.world import APP_YAML, READY, TWO, WRONG, Site, carried_out, pushed, refused, releases
from tests.store.world import ADMIN, World


async def test_a_first_push_makes_the_app_and_tells_until_it_is_ready(here: Site) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML}, "the first one")
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, replace(READY, changes=(Change(ref("shop-web"), Action.CREATED),)))
    said = await pushing
    assert said.code == 0
    assert "[new branch]" in said.text
    lines = said.remote
    assert lines[0] == "app.yaml is fine: web."
    assert 'App "shop" was made in product line "demo".' in lines
    assert f"Release 1 of shop: {commit[:12]} the first one" in lines
    assert "Deployment/shop-web created" in lines
    assert lines[-1].startswith("Ready: http://shop.")
    assert ":8081/ in " in lines[-1]
    async with here.world.db.reading() as tx:
        app = await reads.app(ADMIN, tx, "shop")
        release = await reads.release(ADMIN, tx, "shop")
        events = await reads.events(ADMIN, tx, app="shop")
    assert (app.repository, app.branch, app.product_line) == ("mcd:shop", "main", "demo")
    assert (release.commit, release.app_yaml, release.created_by) == (commit, APP_YAML, "alice")
    assert release.author == "Li Lei <li@example.com>"
    assert any("was pushed to main as Release 1" in e.message and e.actor == "alice" for e in events.items)
    assert (here.repositories / "shop.git" / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert here.left() == []


async def test_a_second_push_deploys_the_next_commit(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    second = clone.commit({"app.yaml": APP_YAML, "more": "x"})
    lines = await pushed(here, clone)
    assert await releases(here) == [second, first]
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": second}
    assert not any("was made" in line for line in lines)


async def test_problems_of_app_yaml_are_told_with_their_place_and_nothing_is_stored(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": WRONG})
    lines = await refused(here, clone)
    told = [line.strip() for line in lines if line.startswith("remote: app.yaml:3:")]
    assert len(told) == 2
    assert any("components.web.port" in line for line in told)
    assert any('Did you mean "replicas"?' in line for line in told)
    assert any("[remote rejected] main -> main (app.yaml has 2 problems)" in line for line in lines)
    async with here.world.db.reading() as tx:
        assert (await reads.apps(ADMIN, tx)).items == ()


async def test_a_refused_push_leaves_the_running_app_as_it_was_and_is_in_its_timeline(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"app.yaml": WRONG})
    await refused(here, clone)
    assert await releases(here) == [first]
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": first}
    async with here.world.db.reading() as tx:
        events = (await reads.events(ADMIN, tx, app="shop")).items
    assert events[0].message == "A push to shop was refused: app.yaml has 2 problems."
    mended = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    assert await releases(here) == [mended, first]


async def test_deletes_that_a_push_names_are_wished_and_told(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": TWO})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, World.built())
    data = Ref("v1", "PersistentVolumeClaim", "demo", "shop-data")
    there = tuple(InventoryEntry(r, "uid") for r in (ref("shop-worker"), ref("shop-web"), data))
    await here.finished(Noun.ROLLOUT, replace(READY, inventory=there))
    await pushing
    clone.commit({"app.yaml": APP_YAML})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, World.built())
    here.world.now = here.runtime.now()
    (lease,) = await here.world.take(Noun.ROLLOUT)
    wished = lease.item.wished_deletes  # type: ignore[union-attr]
    assert ref("shop-worker") in wished
    assert ref("shop-web") not in wished
    assert data not in wished, "what holds data is never wished away by a push"
    await here.world.record(lease, READY)
    said = await pushing
    (told,) = [line for line in said.remote if line.startswith("This push deletes: ")]
    assert "Deployment/shop-worker" in told
    assert "shop-data" not in told


def ref(name: str) -> Ref:
    return Ref("apps/v1", "Deployment", "demo", name)


async def test_a_failed_rollout_is_told_with_its_evidence_and_the_push_stands(here: Site) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    health = ComponentHealth("web", HealthState.FAILED, Reason.OOM_KILLED, "out of memory", evidence=("boom \x1b[31m",))
    await carried_out(here, Result(Stalled(Reason.OOM_KILLED, "web: out of memory at 64Mi."), health=(health,)))
    said = await pushing
    assert said.code == 0
    assert "Stalled (OOMKilled): web: out of memory at 64Mi." in said.remote
    assert any("boom" in line and "\x1b[31m" not in line for line in said.remote)
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": commit}


async def test_a_failed_build_is_told_with_its_log_and_how_to_try_again(here: Site) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await until_there(here, commit)
    async with here.world.db.reading() as tx:
        release = await reads.release(ADMIN, tx, "shop")
    async with here.world.db.writing() as tx:
        await leases.append_build_log(tx, release.id, ["STEP 1: FROM x", "no such image"])
    await here.finished(Noun.RELEASE, Result(Stalled(Reason.BUILD_FAILED, "The image could not be built.")))
    said = await pushing
    assert "| no such image" in said.remote
    assert "Stalled (BuildFailed): The image could not be built." in said.remote
    assert said.remote[-1] == f"To try the same commit again: mcd deploy shop --commit {commit[:12]}"


async def until_there(here: Site, commit: str) -> None:
    """Until the push was stored."""
    deadline = asyncio.get_running_loop().time() + 30
    while refs_of(here.repositories / "shop.git").get("refs/heads/main") != commit:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


async def test_going_away_stops_the_watching_and_not_the_deploy(here: Site) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    process = await clone.start("push", here.remote(), "main")
    await until_there(here, commit)
    os.killpg(process.pid, signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 10)
    await carried_out(here, Result(Waiting(Reason.PROGRESSING, "1 of 2", 5)))
    async with here.world.db.reading() as tx:
        live = await reads.live_rollout(ADMIN, tx, "shop")
    assert live is not None
    assert live.release == 1


async def test_a_push_that_no_controller_will_take_up_says_so_in_one_line_and_is_stored(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await liveness.stopped(tx, "test", datetime.now(UTC))
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    said = await pushed(here, clone)
    told = [line for line in said if "controller" in line]
    assert len(told) == 1
    assert told[0].startswith("It is stored, and nobody works on it now: no controller of MCD has run since ")
    assert told[0].endswith("It goes on when an admin starts `mcd serve`.")
    assert said.index(told[0]) == said.index(f"Release 1 of shop: {commit[:12]} a commit") + 1
    assert await releases(here) == [commit]
