"""A real `git push` goes to the real application: what is told, what is stored, what is deployed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from mcd.forge.local import LocalForge
from mcd.forge.receive import refs_of
from mcd.model import (
    Action,
    Change,
    ComponentHealth,
    HealthState,
    InventoryEntry,
    Noun,
    Ready,
    Reason,
    Result,
    Role,
    Scope,
    Stalled,
    Waiting,
)
from mcd.objects import Ref
from mcd.store import intents, leases, reads
from tests.api.git_world import APP_YAML, TWO, WRONG, Clone, Site, site
from tests.store.world import ADMIN, World

READY = Result(Ready("it runs"))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


async def carried_out(here: Site, rollout: Result = READY) -> None:
    """What controllers do with a push: the Release becomes ready, then its Rollout has a verdict."""
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, rollout)


async def pushed(here: Site, clone: Clone, *words: str, who: str = "alice") -> list[str]:
    """A push that is deployed; answers what git showed."""
    pushing = asyncio.create_task(clone.tried("push", here.remote(who=who), *(words or ("main",))))
    await carried_out(here)
    said = await pushing
    assert said.code == 0, said.text
    return said.remote


async def refused(here: Site, clone: Clone, *words: str, who: str = "alice", app: str = "shop") -> list[str]:
    """A push that stores nothing; answers what git showed."""
    before = here.kept(), refs_of(here.repositories / f"{app}.git")
    said = await clone.tried("push", here.remote(app, who), *(words or ("main",)))
    assert said.code != 0, said.text
    assert (here.kept(), refs_of(here.repositories / f"{app}.git")) == before
    assert here.left() == []
    assert "Traceback" not in said.text
    assert str(here.folder) not in said.text
    return said.text.splitlines()


async def releases(here: Site) -> list[str]:
    async with here.world.db.reading() as tx:
        return [r.commit for r in (await reads.releases(ADMIN, tx, "shop")).items]


# --- what a push does -------------------------------------------------------------------------------------------------


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
    assert await LocalForge(here.repositories).default_branch("mcd:shop") == "main"
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


async def test_only_the_default_branch_deploys(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.git("checkout", "-q", "-b", "feature/x")
    other = clone.commit({"app.yaml": WRONG})
    said = await clone.tried("push", here.remote(), "feature/x")
    assert said.code == 0
    assert "feature/x: stored, not deployed. Only main deploys." in said.remote
    clone.git("tag", "v1", first)
    assert (await clone.tried("push", here.remote(), "v1")).code == 0
    assert refs_of(here.repositories / "shop.git") == {
        "refs/heads/main": first,
        "refs/heads/feature/x": other,
        "refs/tags/v1": first,
    }
    assert await releases(here) == [first]
    assert (await clone.tried("push", here.remote(), ":feature/x")).code == 0


async def test_the_branch_of_a_first_push_is_the_one_that_deploys(here: Site) -> None:
    clone = here.clone()
    clone.git("checkout", "-q", "-b", "trunk")
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone, "trunk")
    async with here.world.db.reading() as tx:
        assert (await reads.app(ADMIN, tx, "shop")).branch == "trunk"
    assert await LocalForge(here.repositories).default_branch("mcd:shop") == "trunk"


async def test_a_first_push_of_several_branches_without_a_usual_one_is_asked_for_one(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone, "main:one", "main:two")
    assert any("must bring the branch that it is deployed from" in line for line in lines)


async def test_a_tag_in_the_same_push_names_the_release(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    clone.git("tag", "-a", "v1.2", "-m", "x")
    await pushed(here, clone, "main", "v1.2")
    async with here.world.db.reading() as tx:
        assert (await reads.release(ADMIN, tx, "shop")).tag == "v1.2"


async def test_the_default_branch_cannot_be_deleted(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    lines = await refused(here, clone, ":main")
    assert any("main is the branch that is deployed and cannot be deleted" in line for line in lines)


async def test_a_forced_push_is_deployed_and_recorded_as_one(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    clone.commit({"app.yaml": APP_YAML, "x": "x"})
    await pushed(here, clone)
    clone.git("reset", "-q", "--hard", first)
    forced = clone.commit({"app.yaml": APP_YAML, "y": "y"})
    lines = await refused(here, clone)
    assert any("rejected" in line for line in lines)
    await pushed(here, clone, "--force", "main")
    async with here.world.db.reading() as tx:
        events = (await reads.events(ADMIN, tx, app="shop")).items
    assert any(f"{forced[:12]} was pushed by force to main" in e.message for e in events)


async def test_a_branch_that_is_moved_back_deploys_the_old_release_again(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"app.yaml": TWO})
    await pushed(here, clone)
    pushing = asyncio.create_task(clone.tried("push", "--force", here.remote(), f"{first}:main"))
    await here.finished(Noun.ROLLOUT, READY)
    said = await pushing
    assert said.code == 0
    async with here.world.db.reading() as tx:
        live = await reads.live_rollout(ADMIN, tx, "shop")
    assert live is not None
    assert live.release == 1


async def test_a_commit_that_failed_and_is_pushed_again_is_not_judged_by_its_old_verdict(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, Result(Stalled(Reason.BUILD_FAILED, "The image could not be built.")))
    assert "Stalled (BuildFailed)" in (await pushing).text
    clone.commit({"app.yaml": TWO})
    await pushed(here, clone)
    lines = await pushed(here, clone, "--force", f"{first}:main")
    assert not any("Stalled" in line for line in lines), lines
    assert lines[-1].startswith("Ready: ")


async def test_of_two_concurrent_pushes_one_loses_and_is_told_to_fetch(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    other = here.clone("other")
    assert (await other.tried("pull", "-q", here.remote(), "main")).code == 0
    mine = clone.commit({"app.yaml": APP_YAML, "mine": "x"})
    theirs = other.commit({"app.yaml": APP_YAML, "theirs": "x"})
    first = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    second = asyncio.create_task(other.tried("push", here.remote(), "main"))
    await carried_out(here)
    codes = [(await first).code, (await second).code]
    assert sorted(codes) == [0, 1], ((await first).text, (await second).text)
    loser = (await second).text if codes[0] == 0 else (await first).text
    assert "fetch first" in loser
    assert refs_of(here.repositories / "shop.git")["refs/heads/main"] == (mine if codes[0] == 0 else theirs)
    assert len(await releases(here)) == 2
    assert here.left() == []


# --- to which product line --------------------------------------------------------------------------------------------


async def test_a_push_option_chooses_the_product_line_of_a_new_app(here: Site) -> None:
    await here.person("bob", Role.DEVELOPER, line="other", default="demo")
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone, "-o", "product-line=other", "main", who="bob")
    async with here.world.db.reading() as tx:
        assert (await reads.app(ADMIN, tx, "shop")).product_line == "other"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("product-line=other", 'there is no product-line "other" that you can see'),
        ("product-line=none", 'there is no product-line "none" that you can see'),
        ("product-line=", "there is no push option"),
        ("ci.skip", 'there is no push option "ci.skip"'),
    ],
)
async def test_a_push_option_that_cannot_be_followed_refuses_the_push(here: Site, option: str, words: str) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone, "-o", option, "main")
    assert any(words in line for line in lines), lines


async def test_the_hint_in_app_yaml_only_warns(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML + "product_line: elsewhere\n"})
    lines = await pushed(here, clone)
    assert any("warning" in line and "product_line" in line for line in lines), lines


async def test_another_name_in_app_yaml_is_told(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML.replace("appname: shop", "appname: hello")})
    lines = await pushed(here, clone)
    assert 'app.yaml says appname: hello; it is deployed as App "shop".' in lines


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_a_token_is_needed_and_asked_for_in_the_way_git_understands(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    said = await clone.tried("push", f"{here.url}/git/shop.git", "main")
    assert said.code == 128
    here.tokens["wrong"] = here.tokens["alice"][:-1] + ("A" if here.tokens["alice"][-1] != "A" else "B")
    lines = await refused(here, clone, who="wrong")
    assert any("Authentication failed" in line for line in lines)


async def test_a_token_for_reading_cannot_push_and_may_clone(here: Site) -> None:
    await here.person("reader", Role.DEVELOPER, Scope.READ)
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone, who="reader")
    assert any("your token is only for read" in line for line in lines), lines
    await pushed(here, clone)
    other = here.clone("other")
    assert (await other.tried("pull", here.remote(who="reader"), "main")).code == 0
    assert other.git("rev-parse", "HEAD") == commit


async def test_a_viewer_cannot_push(here: Site) -> None:
    await here.person("viewer", Role.VIEWER)
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"app.yaml": TWO})
    lines = await refused(here, clone, who="viewer")
    assert any("you may not deploy to" in line for line in lines), lines


async def test_what_may_not_be_seen_answers_like_what_is_not_there(here: Site) -> None:
    await here.person("mallory", Role.DEVELOPER, line="other")
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    async with httpx.AsyncClient(auth=("x", here.tokens["mallory"]), base_url=here.url) as client:
        bodies = []
        for app in ("shop", "none"):
            for path in ("info/refs?service=git-upload-pack",):
                answer = await client.get(f"/git/{app}.git/{path}")
                bodies.append((answer.status_code, answer.text.replace(app, "APP")))
            answer = await client.post(
                f"/git/{app}.git/git-upload-pack", content=b"0000",
                headers={"Content-Type": "application/x-git-upload-pack-request"},
            )  # fmt: skip
            bodies.append((answer.status_code, answer.text.replace(app, "APP")))
    assert bodies[:2] == bodies[2:]
    assert {status for status, _ in bodies} == {404}
    stolen = here.clone("stolen")
    stolen.commit({"app.yaml": APP_YAML})
    lines = await refused(here, stolen, "-f", "main", who="mallory")
    assert any('the name "shop" is taken' in line for line in lines), lines
    assert not any("demo" in line or "alice" in line for line in lines)


async def test_a_clone_has_what_was_pushed(here: Site) -> None:
    clone = here.clone()
    for number in range(5):
        clone.commit({"app.yaml": APP_YAML, "f": f"{number}\n" * 1000})
    await pushed(here, clone)
    said = await clone.tried("clone", "-q", here.remote(), str(here.folder / "copy"))
    assert said.code == 0, said.text
    copy = Clone(here.folder / "copy")
    assert copy.git("log", "--format=%H") == clone.git("log", "--format=%H")
    assert copy.git("rev-parse", "--abbrev-ref", "HEAD") == "main"
    for version in ("0", "1", "2"):
        again = await clone.tried("-c", f"protocol.version={version}", "ls-remote", here.remote())
        assert "refs/heads/main" in again.text
    shallow = await clone.tried("clone", "-q", "--depth", "1", here.remote(), str(here.folder / "shallow"))
    assert shallow.code == 0, shallow.text


async def test_an_app_without_commits_says_so_to_who_may_see_it(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.runtime.now(), "empty", product_line="demo")
    said = await here.clone().tried("clone", here.remote("empty"), "x")
    assert "empty has no commits here yet" in said.text


async def test_the_repository_of_a_deleted_app_is_not_its_successors(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML, "secret": "of the old one"})
    await pushed(here, clone)
    async with here.world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, here.runtime.now(), "shop")
    lines = await refused(here, clone, "-f", "main:main", "main:x")
    assert any("is being deleted" in line for line in lines), lines
    await here.finished(Noun.ROLLOUT, replace(READY, gone=True, inventory=()))
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.runtime.now(), "shop", product_line="demo")
    said = await clone.tried("clone", here.remote(), "x")
    assert "no commits here yet" in said.text
    fresh = here.clone("fresh")
    tip = fresh.commit({"app.yaml": APP_YAML})
    await pushed(here, fresh)
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": tip}


async def test_an_app_from_elsewhere_takes_no_pushes(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.runtime.now(), "shop", product_line="demo", repository="file:shop")
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone)
    assert any("shop is deployed from file:shop" in line for line in lines), lines
