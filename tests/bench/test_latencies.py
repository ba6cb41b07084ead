"""What the benchmarks of latencies are made of: a relay that hangs, refuses and is well again, a witness that waits for
what it has not seen, targets that a late, unfair or wrong deployer misses. The runs themselves need API servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench import away, commit, drift, fairness, fleet, report
from bench.bulk import Turn
from bench.relay import Health, Relay
from bench.witness import Witness

BROKEN_OFF = (ConnectionError, asyncio.IncompleteReadError)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """Before a server that sends back what it gets."""

    under_way: set[asyncio.Task[None]] = set()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                writer.write(data)
        writer.transport.abort()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Relay(server.sockets[0].getsockname()[1]).running() as made:
        yield made
    server.close()
    await asyncio.gather(*under_way)


async def echoed(relay: Relay, seconds: float = 5.0) -> bytes:
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        try:
            writer.write(b"hello")
            return await reader.read(5)
        finally:
            writer.transport.abort()


async def test_a_relay_passes_bytes_holds_them_back_and_refuses(relay: Relay) -> None:
    assert await echoed(relay) == b"hello"
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"one")
    assert await reader.read(3) == b"one"
    await relay.become(Health.HUNG)
    with pytest.raises(TimeoutError):
        await echoed(relay, 0.2)
    writer.write(b"two")
    await relay.become(Health.WELL)
    assert await reader.read(3) == b"two", "what was held back arrives when it is well again"
    await relay.become(Health.DEAD)
    with pytest.raises(ConnectionError):
        await echoed(relay)
    with pytest.raises(BROKEN_OFF):
        await reader.readexactly(1)
    writer.transport.abort()
    await relay.become(Health.WELL)
    assert await echoed(relay) == b"hello"


async def test_a_relay_that_hangs_up_takes_new_connections(relay: Relay) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"one")
    assert await reader.read(3) == b"one"
    relay.hang_up()
    with pytest.raises(BROKEN_OFF):
        await reader.readexactly(1)
    writer.transport.abort()
    assert await echoed(relay) == b"hello"


async def test_a_witness_waits_for_the_event_that_is_meant() -> None:
    seen = Witness()
    key = ("c00", "Deployment", "m-web")
    waiting = asyncio.create_task(seen.saw(key, lambda each: each.image == "x:2"))
    for at, image in ((1.0, "x:1"), (2.0, "x:2"), (3.0, "x:2")):
        seen.take([at, "c00", "MODIFIED", "Deployment", "c00-l0", "m-web", "7", 1, image])
        await asyncio.sleep(0)
    assert await waiting == 2.0
    other = ("c00", "Service", "m-web")
    last = asyncio.create_task(seen.saw_all([key, other]))
    seen.take([9.0, "c00", "ADDED", "Service", "c00-l0", "m-web", "8", 0, ""])
    assert await last == 9.0
    with pytest.raises(RuntimeError, match="not seen in 0 s: c00/Service/n-web"):
        await seen.saw(("c00", "Service", "n-web"), lambda _each: True, 0.01)


def fleet_turn(each: tuple[float, ...], verified: int = 120) -> Turn:
    cpu = {"bound": 0.5, "bound all": 6.0, "mcd": 1.5, "mcd all": 8.0}
    return Turn(100, 100, 90, 0, cpu, {"PATCH": 120}, 4, verified, (0.2, 1.0), each)


def test_a_fleet_with_one_slow_cluster_or_one_wrong_object_misses_its_target() -> None:
    good = fleet.Result(20, 2, (fleet_turn((9.0, 10.0)),), 0.1)
    assert good.ok
    assert "**1.11 times** the bound's seconds" in fleet.table(good)
    assert not fleet.Result(20, 2, (fleet_turn((4.0, 10.0)),), 0.1).ok
    wrong = fleet.Result(20, 2, (fleet_turn((9.0, 10.0), 119),), 0.1)
    assert not wrong.ok
    assert "**1 objects are not as rendered.**" in fleet.table(wrong)


def test_an_ill_cluster_is_judged_by_the_upper_end_of_what_the_pairs_say() -> None:
    even: dict[str, tuple[away.Pair, ...]] = {health: (away.Pair(100.0, 105.0),) * 20 for health in away.ILL}
    assert away.Result(10, 3, 20, even, 0.1).ok
    assert not away.Result(10, 3, 20, even, 0.1, wrong=1).ok
    pairs = (away.Pair(100.0, 100.0),) * 12 + (away.Pair(100.0, 140.0),) * 8
    one = away.Result(10, 3, 20, {**even, "hung": pairs}, 0.1)
    assert one.ratio("hung").median == 1.0
    assert not one.ok
    assert "| hung | 100 ms | 100 ms | **1.00** (1.00 to 1.40) |" in away.table(one)


def test_a_commit_that_is_slower_than_half_the_shell_or_wrong_misses_its_target() -> None:
    quick = tuple(commit.Turn(40.0, 100.0, 20.0, 20.0) for _ in range(9))
    assert commit.Result(quick, 0, 0.1).ok
    assert not commit.Result(quick, 1, 0.1).ok
    slow = tuple(commit.Turn(60.0, 100.0, 20.0, 20.0) for _ in range(9))
    assert not commit.Result(slow, 0, 0.1).ok
    assert "**0.60 (0.60 to 0.60)** times the shell" in commit.table(commit.Result(slow, 0, 0.1))


def test_drift_is_judged_beside_a_bare_client_and_only_when_all_is_right_again() -> None:
    took = {word: [10.0 if "bare" in word else 30.0] for word in drift.WORDS}
    assert drift.Result(10, 0.1, took).ok
    assert not drift.Result(10, 0.1, took, wrong=1).ok
    late = drift.Result(10, 0.1, {**took, "seen": [33.0]})
    assert not late.ok
    assert "Seen within **3.3 times**" in drift.table(late)


def test_a_line_that_waits_for_another_misses_the_target() -> None:
    fair = fairness.Result(100, (50.0, 60.0), (70.0, 110.0), 20.0, 0, 0.1)
    assert fair.ok
    unfair = fairness.Result(100, (50.0, 60.0), (70.0, 130.0), 20.0, 0, 0.1)
    assert not unfair.ok
    assert "**2.2 times** what it is alone" in fairness.table(unfair)


@pytest.mark.parametrize(
    "name", ["fleet", "away", "commit", "drift", "fairness", "memory", "bulk", "noop", "coldstart"]
)
def test_the_page_has_a_place_for_each_of_the_engine(name: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(report.PAGE.read_text("utf-8"))
    report.write_page(name, "a table", report.machine(), page)
    assert "a table" in page.read_text("utf-8")
