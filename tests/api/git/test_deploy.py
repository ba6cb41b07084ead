"""`deploy` of the pushed commit decides what a push deploys, what waits, and what is only kept."""

from __future__ import annotations

import asyncio

import httpx

from mcd.model import Actor, ConditionType, EventKind, Noun, Reason, Release, StateWord, state_word
from mcd.store import intents, reads
from tests.api.git.world import APP_YAML, READY, WRONG, Site, carried_out, pushed, refused, releases
from tests.store.world import ADMIN, World

SOURCES = APP_YAML + "deploy: {paths: [src/**]}\n"
BOTH = APP_YAML + 'deploy: {branch: [main, "release/*"], tags: "v*"}\n'
BY_HAND = APP_YAML + "deploy: {auto: false}\n"


async def release(here: Site, number: int) -> Release:
    async with here.world.db.reading() as tx:
        return await reads.release(ADMIN, tx, "shop", number)


async def live(here: Site) -> int | None:
    async with here.world.db.reading() as tx:
        found = await reads.live_rollout(ADMIN, tx, "shop")
    return found.release if found else None


async def idle(here: Site) -> None:
    """No controller has anything to do with a Release."""
    here.world.now = here.runtime.now()
    assert await here.world.take(Noun.RELEASE) == []


async def test_a_push_that_changed_nothing_of_paths_is_kept_and_not_deployed(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": SOURCES, "src/run.py": "1"})
    await pushed(here, clone)
    clone.commit({"docs/read.md": "x"}, "words only")
    said = await clone.tried("push", here.remote(), "main")
    assert said.code == 0, said.text
    why = "nothing of deploy.paths changed (src/**)."
    how = "Deploy it all the same: mcd deploy shop --release 2"
    assert said.remote == [f"main: stored, not deployed: {why} {how}"]
    kept = await release(here, 2)
    assert (kept.ignored, kept.deploys) == (why, False)
    assert state_word(kept.state) is StateWord.IGNORED
    told = kept.state.condition(ConditionType.READY)
    assert told is not None
    assert (told.status, told.reason, told.message) == (False, Reason.IGNORED, why)
    async with here.world.db.reading() as tx:
        events = (await reads.events(ADMIN, tx, app="shop")).items
        assert (await reads.release(ADMIN, tx, "shop")).number == 1, "what is ignored is not the newest"
        only = await reads.releases(ADMIN, tx, "shop", ignored=False)
    assert [r.number for r in only.items] == [1]
    assert events[0].kind is EventKind.PUSHED
    assert events[0].message.endswith(f"was pushed to main as Release 2: words only. Not deployed: {why}")
    assert await live(here) == 1
    await idle(here)


async def test_the_next_push_that_changes_what_counts_brings_all_of_it(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": SOURCES, "src/run.py": "1"})
    await pushed(here, clone)
    clone.commit({"docs/read.md": "x"})
    assert (await clone.tried("push", here.remote(), "main")).code == 0
    clone.commit({"src/deep/er.py": "2"})
    await pushed(here, clone)
    assert await live(here) == 3
    clone.commit({"docs/read.md": "y"})
    clone.git("rm", "-q", "src/run.py")
    clone.commit({"docs/read.md": "z"}, "a file is gone, in the last of two commits")
    await pushed(here, clone)
    assert await live(here) == 4


async def test_app_yaml_itself_always_counts(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": SOURCES})
    await pushed(here, clone)
    clone.commit({"app.yaml": SOURCES + "description: new\n"})
    await pushed(here, clone)
    assert await live(here) == 2


async def test_other_branches_and_tags_deploy_where_the_file_says_so(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": BOTH})
    await pushed(here, clone)
    clone.git("checkout", "-q", "-b", "release/2")
    clone.commit({"app.yaml": BOTH, "x": "x"})
    await pushed(here, clone, "release/2")
    assert (await release(here, 2)).branch == "release/2"
    assert await live(here) == 2
    clone.commit({"y": "y"})
    clone.git("tag", "-a", "v1.4", "-m", "the next")
    lines = await pushed(here, clone, "v1.4")
    assert lines[-1].startswith("Ready: ")
    made = await release(here, 3)
    assert (made.tag, made.branch, made.deploys) == ("v1.4", "", True)
    assert await live(here) == 3


async def test_a_tag_on_a_commit_that_was_only_kept_deploys_it_under_its_tag(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML + 'deploy: {branch: [], tags: "v*"}\n'})
    said = await clone.tried("push", here.remote(), "main")
    assert said.code == 0, said.text
    assert 'App "shop" was made in product line "demo".' in said.remote
    assert any("branch main is not in deploy.branch (none)" in line for line in said.remote)
    assert await live(here) is None
    clone.git("tag", "v1")
    await pushed(here, clone, "v1")
    made = await release(here, 1)
    assert (made.tag, made.branch, made.ignored, made.deploys) == ("v1", "main", "", True)
    assert await live(here) == 1


async def test_a_tag_on_a_commit_that_runs_already_changes_nothing_and_says_so(here: Site) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": BOTH})
    await pushed(here, clone)
    clone.git("tag", "v2")
    said = await clone.tried("push", here.remote(), "v2")
    assert said.code == 0, said.text
    assert f"It was read before v2 named it: MCD_VERSION stays {commit[:12]}." in said.remote
    assert said.remote[-1].startswith("Ready: ")
    assert (await release(here, 1)).tag == ""
    await idle(here)


async def test_a_branch_that_does_not_deploy_may_hold_any_app_yaml_and_one_that_does_may_not(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": BOTH})
    await pushed(here, clone)
    clone.commit({"app.yaml": WRONG})
    assert (await clone.tried("push", here.remote(), "main:wip")).code == 0
    clone.commit({"app.yaml": "- not\n- even: [an app"})
    assert (await clone.tried("push", here.remote(), "main:wip")).code == 0
    clone.git("rm", "-q", "app.yaml")
    clone.commit({"x": "x"})
    said = await clone.tried("push", here.remote(), "main:wip")
    assert said.remote == ["wip: stored, not deployed: branch wip is not the default branch (main)."]
    assert len(await releases(here)) == 3, "what has no app.yaml is no Release"
    clone.commit({"app.yaml": WRONG + "deploy: {branch: 'release/*'}\n"})
    lines = await refused(here, clone, "main:release/1")
    assert any("app.yaml has 2 problems" in line for line in lines)
    assert await live(here) == 1


async def test_a_release_that_waits_for_a_person_is_built_and_then_deployed_by_hand(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": BY_HAND})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, World.built())
    said = await pushing
    assert said.code == 0, said.text
    (how,) = [line for line in said.remote if line.startswith("It is not deployed yet: ")]
    assert how == (
        "It is not deployed yet: branch main is the default branch; deploy.auto is false, so a person deploys it."
        " Deploy it: mcd deploy shop --release 1"
    )
    assert said.remote[-1] == "Built, and waits to be deployed: mcd deploy shop --release 1"
    assert await live(here) is None
    assert await ask(here, {"release": 1}) == 202
    await here.finished(Noun.ROLLOUT, READY)
    assert await live(here) == 1


async def test_what_waits_is_judged_as_what_deploys(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": WRONG + "deploy: {auto: false}\n"})
    assert any("app.yaml has 2 problems" in line for line in await refused(here, clone))


async def ask(here: Site, wish: dict[str, object]) -> int:
    headers = {"Authorization": f"Bearer {here.tokens['alice']}"}
    async with httpx.AsyncClient(base_url=here.url, headers=headers) as client:
        return (await client.post("/api/v1/apps/shop/rollouts", json=wish)).status_code


async def test_an_ignored_release_is_deployed_when_a_person_names_it(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    commit = clone.commit({"x": "x"})
    assert (await clone.tried("push", here.remote(), "main:try")).code == 0
    await idle(here)
    assert await ask(here, {"release": 2}) == 202
    assert (await release(here, 2)).ignored == ""
    assert state_word((await release(here, 2)).state) is StateWord.PROGRESSING
    await carried_out(here)
    assert await live(here) == 2
    # Merged without a new commit: it is what runs already.
    await_nothing = await clone.tried("push", here.remote(), f"{commit}:main")
    assert await_nothing.code == 0
    assert any(line.startswith("Ready: ") for line in await_nothing.remote)
    assert await live(here) == 2


async def test_a_kept_commit_deploys_when_the_branch_that_deploys_comes_to_it(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"x": "x"})
    assert (await clone.tried("push", here.remote(), "main:try")).code == 0
    await pushed(here, clone)
    merged = await release(here, 2)
    assert (merged.branch, merged.ignored, merged.deploys) == ("main", "", True)
    assert await live(here) == 2


async def test_of_several_refs_of_one_push_the_newest_commit_deploys_and_the_others_say_why(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": BOTH})
    await pushed(here, clone)
    clone.git("checkout", "-q", "-b", "release/1")
    clone.commit({"x": "x"})
    clone.git("checkout", "-q", "main")
    clone.commit({"y": "y"})
    clone.git("tag", "other")
    lines = await pushed(here, clone, "main", "release/1", "other")
    assert await live(here) == 3
    assert (await release(here, 3)).branch == "main"
    (beside,) = [line for line in lines if "the same push brought" in line]
    assert "which is newer and deployed instead. Deploy it all the same: mcd deploy shop --release 2" in beside


async def test_a_push_of_many_branches_makes_few_releases(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    for number in range(15):
        clone.git("checkout", "-q", "-b", f"b{number}")
        clone.commit({f"f{number}": "x"})
    said = await clone.tried("push", here.remote(), *(f"b{number}" for number in range(15)))
    assert said.code == 0, said.text
    assert said.remote[-1] == "5 more: stored, not deployed."
    assert len(await releases(here)) == 11


async def test_a_release_that_is_ignored_may_be_tried_like_one_that_failed(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"x": "x"})
    assert (await clone.tried("push", here.remote(), "main:try")).code == 0
    alice: Actor = await here.world.actor("alice")
    async with here.world.db.writing() as tx:
        await intents.retry_release(alice, tx, here.runtime.now(), "shop", 2)
    await carried_out(here)
    assert await live(here) == 2
