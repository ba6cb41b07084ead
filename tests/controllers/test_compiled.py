"""How often app.yaml is compiled for one push: each compile costs as much as two requests to a cluster."""

from __future__ import annotations

from mcd.model import ConditionType
from tests.controllers.world import HELLO, World

PINNED = HELLO.replace("registry.test/hello:1", f"registry.test/hello@sha256:{'a' * 64}")


def compiles(here: World) -> int:
    return sum(child.asked for child in here.runtime.compiler.idle)


async def test_a_push_of_an_image_with_its_digest_is_compiled_once(here: World) -> None:
    before = compiles(here)
    await here.push(PINNED)
    await here.settle()
    rollout = await here.live()
    assert rollout is not None
    assert rollout.state.is_now(ConditionType.READY)
    assert compiles(here) - before == 1


async def test_a_push_that_changes_nothing_but_the_commit_is_compiled_for_what_runs(here: World) -> None:
    """What runs keeps its commit, so that its objects are those of before: a second reading, and no write."""
    await here.push(PINNED)
    await here.settle()
    written = here.written
    await here.push(PINNED)
    await here.settle()
    assert here.written == written
