"""A push that waits for pods says so again and again, and says what answers meanwhile."""

from __future__ import annotations

import pytest

from mcd.api.access import Credential
from mcd.api.waiting import spoken, still_waiting
from mcd.api.watching import Watch
from tests.api.client import Api
from tests.api.test_away import cut
from tests.controllers.world import HELLO


@pytest.mark.parametrize("before", [True, False])
async def test_a_push_that_waits_says_so_and_names_the_old_version_only_when_there_is_one(
    live: Api, before: bool
) -> None:
    if before:
        await live.deployed()
    live.world.pods_run = False
    release = await live.world.push(HELLO.replace("hello:1", "hello:2"))
    for _ in range(4):
        await live.world.turn()
    dora = await live.actor("dora")
    watch = Watch(
        live.world.runtime, dora, release, (), Credential("token", live.tokens["dora"]), seconds=0.4, silence=0.0
    )
    said = [line for line in [line async for line in watch.lines()] if line.startswith("still waiting, ")]
    assert said, "the push was silent"
    assert ": web: " in said[-1]
    assert said[-1].endswith(". Ctrl-C stops the watching only.")
    assert ("; the old version answers." in said[-1]) is before


async def test_a_push_with_news_says_no_more_than_the_news(live: Api) -> None:
    await live.deployed()
    dora = await live.actor("dora")
    release = await live.world.push(HELLO.replace("hello:1", "hello:2"))
    await live.world.settle()
    watch = Watch(live.world.runtime, dora, release, (), Credential("token", live.tokens["dora"]))
    lines = [line async for line in watch.lines()]
    assert lines[-1].startswith("Ready in ")
    assert not any("still waiting" in line for line in lines)


async def test_a_push_of_what_runs_is_not_called_ready_while_its_cluster_is_away(live: Api) -> None:
    release = await live.world.push(HELLO)
    await live.world.settle()
    dora, credential = await live.actor("dora"), Credential("token", live.tokens["dora"])
    await cut(live)
    lines = [line async for line in Watch(live.world.runtime, dora, release, (), credential, seconds=0.4).lines()]
    assert not any(line.startswith("Ready") for line in lines), lines
    (said,) = [line for line in lines if "ready when it was seen last" in line]
    assert 'cluster "local" does not answer' in said
    assert lines[-1].startswith("No verdict after")
    live.world.kube.faults.refuse = None
    await live.world.settle()
    lines = [line async for line in Watch(live.world.runtime, dora, release, (), credential).lines()]
    assert lines[-1].startswith("Ready in ")


def test_times_are_said_as_they_are_typed() -> None:
    assert [spoken(s) for s in (0, 7, 60, 90, 600, 3661)] == ["0s", "7s", "1m", "1m30s", "10m", "1h1m1s"]
    assert still_waiting(90, 600, "web: 0/1 ready.", old_answers=True) == (
        "still waiting, 1m30s of at most 10m: web: 0/1 ready; the old version answers. Ctrl-C stops the watching only."
    )
