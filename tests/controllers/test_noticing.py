"""What an operator is told: how everything stands in numbers, a line for each turn, none for a pass like the last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from structlog.testing import LogCapture

from mcd.controllers.loop import BuildLog, LeaseFence, Loop, noticing
from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.model import Noun
from mcd.objects import Ref
from mcd.observability import metrics
from tests.controllers.world import HELLO, LINE, World
from tests.store.world import taken


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Log lines, newest last."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.reset_defaults()


def named(lines: list[Any], *events: str) -> list[Any]:
    return [line for line in lines if line["event"] in events]


def value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)


def unreachable(verb: str, ref: Ref) -> KubeError:
    return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster cannot be reached: no route.")


async def test_a_cluster_that_is_away_is_a_zero_with_the_time_of_its_last_answer(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    await here.loop.measure()
    assert value("mcd_cluster_up", cluster="local") == 1
    assert value("mcd_apps", state="ready") == 1
    seen = value("mcd_cluster_last_seen_timestamp_seconds", cluster="local")
    here.kube.faults.refuse = unreachable
    here.clock.forward(120)
    await here.turn()
    await here.loop.measure()
    assert value("mcd_cluster_up", cluster="local") == 0
    assert (value("mcd_apps", state="ready"), value("mcd_apps", state="unknown")) == (0, 1)
    assert value("mcd_cluster_last_seen_timestamp_seconds", cluster="local") == seen
    assert seen is not None
    assert seen < here.clock().timestamp() - 100


async def test_the_first_pass_that_is_refused_makes_the_cluster_away(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.kube.faults.refuse = unreachable
    here.clock.forward(3)
    await here.push(HELLO.replace("hello:1", "hello:2"))
    for _ in range(3):
        await here.turn()
    await here.loop.measure()
    assert value("mcd_cluster_up", cluster="local") == 0, "its own turn is a minute away"


async def test_an_app_that_is_refused_by_a_cluster_that_is_away_asks_for_no_look(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.kube.faults.refuse = unreachable
    here.clock.forward(120)
    await here.turn()
    dues = []
    for _ in range(2):
        await here.turn()
        async with here.runtime.db.reading() as tx:
            dues.append(await tx.value(text("select next_run_at from cluster")))
    assert dues[0] == dues[1]


async def test_what_is_counted_is_every_app_once(here: World) -> None:
    await here.push(HELLO)
    await here.push(HELLO.replace("hello", "second"), "second")
    await here.loop.measure()
    assert value("mcd_apps", state="undeployed") == 2
    await here.settle()
    await here.loop.measure()
    assert value("mcd_apps", state="undeployed") == 0
    assert value("mcd_apps", state="ready") == 2


async def test_an_app_that_is_held_is_counted_and_told_once_with_its_reason(here: World, lines: list[Any]) -> None:
    named_so = {"name": "hello-web", "namespace": LINE}
    spec = {"ports": [{"name": "http", "port": 81}]}
    foreign = {"apiVersion": "v1", "kind": "Service", "metadata": named_so, "spec": spec}
    here.kube.person(foreign, manager="kubectl-create")
    await here.push(HELLO)
    await here.settle()
    for _ in range(3):
        here.clock.forward(700)
        await here.turn()
    await here.loop.measure()
    assert value("mcd_apps", state="held") == 1
    assert value("mcd_stalled", noun="rollout", reason="NotOurs") == 1
    (told,) = named(lines, "rollout_held")
    assert (told["app"], told["rollout"], told["reason"], told["log_level"]) == ("hello", 1, "NotOurs", "warning")
    assert told["product_line"] == LINE
    assert "hello-web" in told["message"]


async def test_a_cluster_going_away_and_coming_back_is_two_lines(here: World, lines: list[Any]) -> None:
    await here.push(HELLO)
    await here.settle()
    here.kube.faults.refuse = unreachable
    here.clock.forward(61)
    for _ in range(20):
        await here.turn()
        here.clock.forward(6)
    here.kube.faults.refuse = None
    await here.settle()
    turns = named(lines, "cluster_away", "cluster_up")
    assert [line["event"] for line in turns] == ["cluster_away", "cluster_up"]
    assert (turns[0]["cluster"], turns[0]["reason"]) == ("local", "Unreachable")
    assert "no route" in turns[0]["message"]
    assert 60 < turns[1]["away_seconds"] < 240
    # Its Apps ran on all the time; nobody is told that each of them is well again.
    assert [line["app"] for line in named(lines, "rollout_ready")] == ["hello"]


async def test_a_pass_like_the_last_says_nothing(here: World, lines: list[Any]) -> None:
    await here.push(HELLO)
    await here.settle()
    said = len(lines)
    here.clock.forward(3600)
    await here.settle()
    assert lines[said:] == []


async def test_a_lease_taken_over_names_who_let_it_run_out(here: World, lines: list[Any]) -> None:
    await here.push(HELLO)
    dead = Loop(here.runtime, "dead-one")
    await dead.take(Noun.RELEASE, 10)
    for fence in dead.fences:
        fence.lost = True
    here.clock.forward(3600)
    await dead.idle()
    await here.loop.take(Noun.RELEASE, 10)
    await here.loop.idle()
    (told,) = named(lines, "lease_taken_over")
    assert (told["taken_from"], told["app"], told["release"]) == ("dead-one", "hello", 1)
    assert told["product_line"] == LINE


async def test_every_line_about_an_app_says_its_product_line(here: World, lines: list[Any]) -> None:
    await here.push(HELLO)
    await here.settle()
    await here.push("appname: hello\ncomponents: {web: {type: web, port: 99999, image: 'x/y:1'}}\n")
    await here.settle()
    await here.push(HELLO.replace(":1", ":2"))
    (lease,) = await taken(here.runtime.db, Noun.RELEASE, "other", here.clock())
    fence = LeaseFence(here.runtime, replace(lease, ttl=0.003), 0)
    await query_only(here)
    keeper = asyncio.create_task(fence.keep())
    async with asyncio.timeout(30), BuildLog(here.runtime, lease.row_id, noticing.called(lease.item)) as log:
        await log.line("a line")
        while not named(lines, "lease_not_extended"):
            await asyncio.sleep(0)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    await writable(here)
    about = [line for line in lines if "app" in line or "release" in line or "rollout" in line]
    assert {"rollout_ready", "release_ready", "release_stalled", "lease_not_extended", "build_log_not_written"} <= {
        line["event"] for line in about
    }
    assert {(line["product_line"], line["app"]) for line in about} == {(LINE, "hello")}
    assert all("row" not in line for line in lines), "a line names a row by its id"


async def query_only(here: World) -> None:
    """Nothing can be written from now on, as on a full disk: what is there can still be read."""
    async with here.runtime.db.writing() as tx:
        await tx.run(text("PRAGMA query_only = ON"))


async def writable(here: World) -> None:
    await here.runtime.db._writer.dispose()


async def test_a_database_that_takes_no_writes_is_a_line_now_and_then_and_one_at_its_end(
    here: World, lines: list[Any]
) -> None:
    stop = asyncio.Event()
    stop.set()
    await here.push(HELLO)
    await query_only(here)
    for _ in range(300):
        await here.loop._turn(stop)
        here.clock.forward(1)
    told = named(lines, "database", "database_answers")
    assert {line["event"] for line in told} == {"database"}, "its end was told before it came"
    assert told[0]["failed_so_before"] == 0
    assert "cannot be written" in told[0]["error"]
    assert 4 <= len(told) <= 6
    assert sum(line["failed_so_before"] + 1 for line in told) > 200
    await writable(here)
    await here.loop._turn(stop)
    (end,) = named(lines, "database_answers")
    assert (end["failed"], end["seconds"]) == (300, 299)
    await here.loop.idle()
    for _ in range(3):
        await here.loop._turn(stop)
        await here.loop.idle()
    assert len(named(lines, "database", "database_answers")) == len(told) + 1


async def test_trouble_that_is_over_without_a_write_is_told_a_minute_later(here: World, lines: list[Any]) -> None:
    stop = asyncio.Event()
    stop.set()
    await here.settle()
    file = here.runtime.settings.data / "mcd.db"
    file.rename(file.with_suffix(".away"))
    await here.loop._turn(stop)
    file.with_suffix(".away").rename(file)
    for _ in range(5):
        here.clock.forward(1)
        await here.loop._turn(stop)
    assert named(lines, "database_answers") == [], "nothing was written yet, and that may be what fails"
    for _ in range(100):
        here.clock.forward(1)
        await here.loop._turn(stop)
    await here.loop.idle()
    assert [line["event"] for line in named(lines, "database", "database_answers")] == ["database", "database_answers"]
