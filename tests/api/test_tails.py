"""Following logs across what breaks: nothing is lost, nothing is told twice, and nobody is asked more than needed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx
import pytest

from mcd.api import log_marks, tails
from mcd.api.portal.routes.app_logs import CHARACTERS
from mcd.api.portal.views.app_logs import LONGEST, line_of
from mcd.api.tails import Options, Source
from mcd.api.taps import Taps
from mcd.errors import Code, McdError
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.memory import MemoryCluster
from mcd.objects import Ref
from tests.api.client import Api
from tests.api.serving import Stream, serving
from tests.controllers.world import HELLO

WAIT = 10.0
BROKEN = KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the connection broke.", "It is opened again.")


@dataclass
class Talker(MemoryCluster):
    """One container that talks; it counts how often it is asked for what it said."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    away: McdError | None = None
    said: list[bytes] = field(default_factory=list)

    def logs(self, *which: str, **how: Any) -> AsyncIterator[bytes]:
        self.asked.append(how)
        return super().logs(*which, **how)

    def runs(self, going: bool = True, restarts: int = 0) -> None:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "demo"}}
        ref = Ref("v1", "Pod", "demo", "web-0")
        if ref not in self.objects():
            self.person({**pod, "spec": {"containers": [{"name": "web"}]}})
        state: dict[str, Any] = {"running" if going else "terminated": {}}
        status = {"containerStatuses": [{"name": "web", "restartCount": restarts, "state": state}]}
        self.set_status(ref, status)

    def say(self, *lines: bytes) -> None:
        self.said += lines
        self.set_logs("demo", "web-0", "web", self.said)

    async def find(self) -> Sequence[Source]:
        if self.away is not None:
            raise self.away
        status = self.objects()[Ref("v1", "Pod", "demo", "web-0")]["status"]["containerStatuses"][0]
        running = "running" in status["state"]
        return [Source("web-0", "u", "web", status["restartCount"], running=running)]


@pytest.fixture
def talker() -> Talker:
    made = Talker()
    made.add_namespace("demo")
    made.runs()
    return made


@asynccontextmanager
async def followed(talker: Talker, **options: Any) -> AsyncIterator[AsyncIterator[bytes]]:
    given = Options(follow=True, look_again=0.01, **options)
    async with aclosing(tails.lines(talker, "demo", talker.find, given)) as lines:  # type: ignore[type-var]
        yield lines


async def some(lines: AsyncIterator[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(WAIT):
        return [await anext(lines) for _ in range(count)]


@pytest.mark.parametrize("error", [None, BROKEN], ids=["in order", "broken"])
@pytest.mark.parametrize("timestamps", [False, True])
async def test_what_is_said_after_a_break_comes_and_nothing_comes_twice(
    talker: Talker, error: KubeError | None, timestamps: bool
) -> None:
    talker.say(b"one", b"two")
    async with followed(talker, timestamps=timestamps) as lines:
        told = await some(lines, 2)
        talker.end_logs(error)
        talker.say(b"three")
        if error is not None:
            assert await some(lines, 1) == [b"mcd: web-0 web: the connection broke. It is opened again.\n"]
        told += await some(lines, 1)
        talker.say(b"four")
        told += await some(lines, 1)
    assert [line.rpartition(b" ")[2] if timestamps else line for line in told] == [
        b"one\n", b"two\n", b"three\n", b"four\n"
    ]  # fmt: skip


async def test_who_wants_no_old_line_is_told_all_that_is_said_during_a_break(talker: Talker) -> None:
    talker.say(b"old")
    async with followed(talker, tail=0) as lines:
        waiting = asyncio.create_task(some(lines, 1))
        async with asyncio.timeout(WAIT):
            while not talker.asked:
                await asyncio.sleep(0)
        talker.end_logs()
        talker.say(b"old", b"new")
        # What was said in the second of the beginning may come too: better than to lose one.
        while await waiting != [b"new\n"]:
            waiting = asyncio.create_task(some(lines, 1))


async def test_a_cluster_or_a_database_that_is_away_ends_nothing_and_is_told_once(talker: Talker) -> None:
    async with followed(talker) as lines:
        waiting = asyncio.create_task(some(lines, 2))
        async with asyncio.timeout(WAIT):
            while not talker.asked:
                await asyncio.sleep(0)
        talker.away = McdError(Code.UNAVAILABLE, "the database is away.")
        talker.say(b"here")
        assert await waiting == [b"here\n", b"mcd: the database is away.\n"]
        talker.away = None
        talker.say(b"still")
        assert await some(lines, 1) == [b"still\n"]
        talker.away = McdError(Code.FORBIDDEN, "you may not read this any more.")
        assert await some(lines, 1) == [b"mcd: you may not read this any more.\n"]
        with pytest.raises(StopAsyncIteration):
            await some(lines, 1)


async def test_a_container_that_ended_is_read_to_its_end_and_its_next_run_from_its_beginning(talker: Talker) -> None:
    talker.say(b"one")
    async with followed(talker) as lines:
        assert await some(lines, 1) == [b"one\n"]
        talker.end_logs()
        # It said something after the stream was cut and before anybody saw that it ended.
        talker.say(b"fatal")
        talker.runs(False)
        assert await some(lines, 1) == [b"fatal\n"]
        talker.said = []
        talker.say(b"again")
        talker.runs(True, 1)
        assert await some(lines, 1) == [b"again\n"]


async def test_a_container_that_never_started_is_told_once_and_read_when_it_did(talker: Talker) -> None:
    waits: list[McdError | None] = [McdError(Code.INVALID, "it has not started: ErrImagePull.")]

    async def find() -> Sequence[Source]:
        return [Source("web-0", "u", "web", 0, waits=waits[0])]

    given = Options(follow=True, look_again=0.01)
    async with aclosing(tails.lines(talker, "demo", find, given)) as lines:  # type: ignore[type-var]
        assert await some(lines, 1) == [b"mcd: web-0 web: it has not started: ErrImagePull.\n"]
        assert not talker.asked, "a cluster has no lines of what never started"
        talker.runs(going=False)
        talker.say(b"over already")
        waits[0] = None
        assert await some(lines, 1) == [b"over already\n"]


async def test_a_container_that_ended_is_not_asked_again_and_again(talker: Talker) -> None:
    talker.say(b"one")
    talker.runs(False)
    looks = 0

    async def find() -> Sequence[Source]:
        nonlocal looks
        looks += 1
        if looks > 20:
            raise McdError(Code.FORBIDDEN, "enough.")
        return await Talker.find(talker)

    lines = tails.lines(talker, "demo", find, Options(follow=True, look_again=0.001))
    async with asyncio.timeout(WAIT):
        assert [line async for line in lines] == [b"one\n", b"mcd: enough.\n"]
    assert len(talker.asked) == 1


def test_a_place_in_the_logs_is_read_as_it_was_written_and_nothing_else_is() -> None:
    marks = {bytes([n]) * log_marks.KEY: 1_777_777_777_000_000_000 + n for n in range(log_marks.MOST + 50)}
    text = log_marks.written(marks)
    assert len(text) <= log_marks.LONGEST
    assert log_marks.read(text) == dict(list(marks.items())[50:]), "the newest are kept"
    assert log_marks.read(log_marks.written({})) == {}
    for wrong in ("x", "1777777777000000", "a" * (log_marks.LONGEST + 1), "ü", "!" * 20, text + "="):
        with pytest.raises(McdError, match="Open the page of the log again"):
            log_marks.read(wrong)


@pytest.mark.parametrize("begin", ["address", "id"])
async def test_the_clock_of_one_node_takes_no_line_of_another(live: Api, begin: str) -> None:
    """The page has read `ahead`, whose node is five minutes ahead; `behind` says something now."""
    await live.deployed(HELLO.replace('hello:1"', 'hello:1", replicas: 2'))
    kube = live.world.kube
    ahead, behind = sorted(ref.name for ref in kube.objects("Pod"))
    kube.set_logs("demo", ahead, "web", [b"2026-05-03T10:05:00.000000001Z ahead"])
    kube.set_logs("demo", behind, "web", [b"2026-05-03T10:00:00.000000001Z before"])
    page = (await live.get("/apps/hello/logs", headers={"Accept": "text/html"})).text
    found = re.search(r'data-stream="([^"]+)"', page)
    assert found
    address = unescape(found[1])
    assert "after=" in address
    more: dict[str, str] = {}
    async with serving(live.app) as url, httpx.AsyncClient(base_url=url, timeout=WAIT) as client:
        bearer = {"Authorization": f"Bearer {live.tokens['dora']}"}
        if begin == "id":
            bare = address.partition("?")[0]
            async with client.stream("GET", bare, headers=bearer) as opened:
                stream, told = Stream(opened), 0
                while told < 2:
                    message = await stream.next()
                    told += len(json.loads(message["data"]))
            address, more = bare, {"Last-Event-ID": message["id"]}
        async with client.stream("GET", address, headers={**bearer, **more}) as opened:
            kube.set_logs(
                "demo", behind, "web",
                [b"2026-05-03T10:00:00.000000001Z before", b"2026-05-03T10:00:00.000000002Z CRASH"],
            )  # fmt: skip
            message = await Stream(opened).next()
            assert [line[1:4] for line in json.loads(message["data"])] == [[behind, "web", "CRASH"]]


def test_a_line_that_is_no_text_is_cut_before_it_is_made_harmless() -> None:
    line = line_of(b"pod web 2026-05-03T10:00:00Z " + b"\x00" * 65_536)
    assert line.text == "\\x00" * LONGEST + f"… (+{65_536 - LONGEST})"


async def test_a_page_of_a_log_holds_the_newest_lines_and_no_more_than_it_can_show(live: Api) -> None:
    await live.deployed()
    (pod,) = (ref.name for ref in live.world.kube.objects("Pod"))
    said = [b"%04d" % n + b"x" * 3990 for n in range(800)]
    live.world.kube.set_logs("demo", pod, "web", said)
    page = (await live.get("/apps/hello/logs?tail=5000", headers={"Accept": "text/html"})).text
    assert len(page) < CHARACTERS * 1.2
    assert "0799x" in page
    assert "0000x" not in page
    assert f"{800 - CHARACTERS // 3994} older lines are left out here" in page


@pytest.mark.parametrize("follow", [False, True])
async def test_a_bug_while_a_log_is_read_is_raised_and_nobody_waits_for_ever(talker: Talker, follow: bool) -> None:
    class Odd(Talker):
        async def logs(self, *_: str, **how: Any) -> AsyncIterator[bytes]:
            if how:
                raise TimeoutError("nobody thought of this")
            yield b""

    for cluster in (Odd(), Taps().over(Odd(), "c")):
        lines = tails.lines(cluster, "demo", talker.find, Options(follow=follow, timestamps=True))
        with pytest.raises(TimeoutError, match="nobody thought of this"):
            await some(lines, 1)


async def test_lines_that_nobody_reads_hold_few_bytes(talker: Talker) -> None:
    given = 0

    class Loud(Talker):
        async def logs(self, *_: str, **__: Any) -> AsyncIterator[bytes]:
            nonlocal given
            while given < 200:
                given += 1
                yield b"x" * 65_536

    async with aclosing(tails.lines(Loud(), "demo", talker.find, Options())) as lines:  # type: ignore[type-var]
        await some(lines, 1)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert given < 10
