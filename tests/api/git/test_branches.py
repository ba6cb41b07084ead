"""Which of the refs that are pushed deploys, by force and side by side."""

from __future__ import annotations

import asyncio

import httpx

from mcd.forge.receive import refs_of
from mcd.model import EventKind, Noun, Reason, Result, Stalled
from mcd.store import reads
from tests.api.git.world import APP_YAML, READY, TWO, WRONG, Site, carried_out, pushed, refused, releases
from tests.store.world import ADMIN


async def test_only_the_default_branch_deploys(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.git("checkout", "-q", "-b", "feature/x")
    other = clone.commit({"app.yaml": WRONG})
    said = await clone.tried("push", here.remote(), "feature/x")
    assert said.code == 0
    why = "branch feature/x is not the default branch (main)."
    how = "Deploy it all the same: mcd deploy shop --release 2"
    assert said.remote == [f"feature/x: stored, not deployed: {why} {how}"]
    clone.git("tag", "v1", first)
    assert (await clone.tried("push", here.remote(), "v1")).code == 0
    assert refs_of(here.repositories / "shop.git") == {
        "refs/heads/main": first,
        "refs/heads/feature/x": other,
        "refs/tags/v1": first,
    }
    assert await releases(here) == [other, first]
    assert (await clone.tried("push", here.remote(), ":feature/x")).code == 0


async def test_the_branch_of_a_first_push_is_the_one_that_deploys(here: Site) -> None:
    clone = here.clone()
    clone.git("checkout", "-q", "-b", "trunk")
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone, "trunk")
    async with here.world.db.reading() as tx:
        assert (await reads.app(ADMIN, tx, "shop")).branch == "trunk"
    assert (here.repositories / "shop.git" / "HEAD").read_text() == "ref: refs/heads/trunk\n"


async def test_a_first_push_of_several_branches_without_a_usual_one_is_asked_for_one(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone, "main:one", "main:two")
    assert any("must bring the branch that it is deployed from" in line for line in lines)


async def test_a_deploy_of_a_commit_of_another_branch_is_not_told_as_a_push_to_the_one_that_deploys(here: Site) -> None:
    clone = here.clone()
    old = clone.commit({"app.yaml": APP_YAML})
    clone.commit({"app.yaml": APP_YAML, "x": "x"})
    await pushed(here, clone)
    clone.git("checkout", "-q", "-b", "feature/x")
    between = clone.commit({"app.yaml": TWO})
    tip = clone.commit({"app.yaml": TWO, "y": "y"})
    assert (await clone.tried("push", here.remote(), "feature/x")).code == 0
    headers = {"Authorization": f"Bearer {here.tokens['alice']}"}
    async with httpx.AsyncClient(base_url=here.url, headers=headers) as client:
        for commit in (tip, between, old):
            answer = await client.post("/api/v1/apps/shop/rollouts", json={"commit": commit})
            assert answer.status_code == 202, answer.text
    async with here.world.db.reading() as tx:
        made = {r.commit: (r.number, r.branch) for r in (await reads.releases(ADMIN, tx, "shop")).items}
        told = (await reads.events(ADMIN, tx, app="shop", noun=Noun.RELEASE)).items
    assert (made[tip], made[between], made[old]) == ((2, "feature/x"), (3, ""), (4, "main"))
    pushes = [e.message for e in told if e.kind is EventKind.PUSHED]
    assert sum("Not deployed:" not in message for message in pushes) == 1, "one push deployed"
    said = {e.message for e in told if e.kind is EventKind.CREATED}
    assert said == {
        f"Release 3 was made from commit {between[:12]} by alice: a commit",
        f"Release 4 was made from commit {old[:12]} of main by alice: a commit",
    }


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
