"""What the benchmarks of the engine are made of: a bound that knows nothing of MCD, requests of one length for every
App, and a comparison that a wrong deployer does not pass. The runs themselves need API servers: `make bench-engine`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench import bulk, change, coldstart, memory, meter, noop, peers, rules
from bench.engine import contains
from bench.servers import between, without_watches
from bench.templates import Templates


@pytest.mark.parametrize("file", ["bound.py", "watcher.py"])
def test_what_is_bare_is_short_and_knows_nothing_of_mcd(file: str) -> None:
    text = Path(peers.__file__).with_name(file).read_text()
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}
    assert not {name for name in names if name.split(".")[0] in ("mcd", "bench", "scripts")}
    assert len(text.splitlines()) <= 80


def test_every_app_of_the_bound_is_as_long_as_ours_and_no_watch_selects_it(tmp_path: Path) -> None:
    sent = b'/api/v1/namespaces/c00-l0/services/w0-0000-web\t{"name":"w0-0000-web"}'
    made = Templates(tmp_path, ("c00-l0", "c01-l0"), dict.fromkeys(("c00-l0", "c01-l0"), ("w0-0000", sent)))
    files = made.files("a0", 5)
    lines = {name: file.read_bytes().splitlines() for name, file in files.items()}
    assert {name: len(found) for name, found in lines.items()} == {"c00": 3, "c01": 2}
    every = [line for found in lines.values() for line in found]
    assert {len(line) for line in every} == {len(sent)}
    assert len(set(every)) == 5


@pytest.mark.parametrize(
    ("live", "right"),
    [
        ({"spec": {"replicas": 2, "more": 1}, "status": {}}, True),
        ({"spec": {"replicas": 3}}, False),
        ({"spec": {}}, False),
        (None, False),
    ],
)
def test_what_is_live_has_to_have_all_that_was_rendered(live: object, right: bool) -> None:
    assert contains(live, {"spec": {"replicas": 2}}) is right
    assert contains({"ports": [{"port": 80, "protocol": "TCP"}]}, {"ports": [{"port": 80}]})
    assert not contains({"ports": [{"port": 80}, {"port": 81}]}, {"ports": [{"port": 80}]})


def test_requests_are_counted_between_two_looks_and_watches_apart() -> None:
    found = between({"GET": 3, "PATCH": 1}, {"GET": 3, "PATCH": 7, "WATCH": 2})
    assert found == {"PATCH": 6, "WATCH": 2}
    assert without_watches(found) == 6


def turn(ours: float, verified: int = 600) -> bulk.Turn:
    cpu = {"bound": 0.5, "bound all": 6.0, "mcd": 1.5, "mcd all": 8.0, "kubectl": 2.0, "kubectl all": 8.0}
    return bulk.Turn(100, 120, ours, 40, cpu, {"PATCH": 600}, 16, verified, (0.2, 1.0))


def test_a_fast_deployer_that_is_wrong_misses_the_target() -> None:
    assert bulk.Result(100, [turn(100)]).ok
    assert not bulk.Result(100, [turn(100, verified=599)]).ok
    assert not bulk.Result(100, [turn(90)]).ok, "0.82 of the bound"
    assert "**1 objects are not as rendered.**" in bulk.table(bulk.Result(100, [turn(100, verified=599)]))
    assert "0.75** of MCD's" in bulk.table(bulk.Result(100, [turn(100)]))


def test_tables_say_what_was_measured() -> None:
    rest = noop.Result(149, noop.Look(0.02, {"WATCH": 3}), noop.Look(1.0, {}), 3.0, peers.Sent(894, 3.0, 0.3, 4.0))
    assert (round(rest.for_all(rest.resync), 2), rest.ok) == (0.2, True)
    assert "| one resync | **0.20 s** | 0 |" in noop.table(rest)
    asked = noop.Result(149, noop.Look(0.02, {"LIST": 1}), rest.woken, 3.0, rest.again)
    assert not asked.ok
    changed = change.Result(10, (change.Change("another image", 10, 20, {"GET": 10, "PATCH": 10}),))
    assert not changed.ok
    assert "| another image | 10 | 20 | 10 GET, 10 PATCH |" in change.table(changed)
    cold = coldstart.Result(10, 1, [2.0], [1.0], [1.5], [0.5], 0.1, {"LIST": 20, "PATCH": 1}, 2**20)
    assert (cold.ratio, cold.work, cold.writes, cold.ok) == (2.0, 3.0, 1, False)
    assert "**2.00 times** the bare client, **3.00** in processor time" in coldstart.table(cold)
    held = memory.Result(memory.Held(100, 100 * 2**20, 0), memory.Held(300, 112 * 2**20, 2**20))
    assert (round(held.each), held.ok) == (10486, True)
    assert not memory.Result(held.few, memory.Held(300, 140 * 2**20, 0)).ok
    assert "**10.2 KiB**" in memory.table(held)


def grown(an_hour: float) -> memory.Result:
    """Looked at every minute, with noise of a tenth of a MiB."""
    points = [(60.0 * n, 100 * 2**20 + an_hour * n / 60 + (-1) ** n * 2**20 / 10) for n in range(60)]
    return memory.Result(memory.Held(100, 100 * 2**20, 0), memory.Held(300, 110 * 2**20, 0), tuple(points), 3600)


def test_memory_that_grows_by_less_than_a_mebibyte_an_hour_is_told_from_more() -> None:
    slow, fast = grown(0.2 * 2**20), grown(3.0 * 2**20)
    assert slow.slope is not None
    assert fast.slope is not None
    assert slow.slope.low <= 0.2 * 2**20 <= slow.slope.high
    assert fast.slope.low <= 3.0 * 2**20 <= fast.slope.high
    assert (slow.ok, fast.ok) == (True, False)
    assert "with 3,600 changes" in memory.table(fast)
    with pytest.raises(ValueError, match="five points"):
        meter.slope_of([(0.0, 1.0)] * 4)


def test_a_run_on_a_busy_machine_is_void_and_says_why() -> None:
    assert rules.void(0.4, 0.09) == ()
    assert rules.void(0.9, clusters=20) == ()
    assert rules.void(0.9, clusters=1) == ("load 0.9 at the start, 0.5 is the most",)
    assert "the bound moved by 41%, 10% is the most" in rules.told(rules.void(0.2, 0.41))
    busy = bulk.Result(100, [turn(100)], load=12.0)
    assert busy.ok
    assert len(busy.void) == 2, "the load, and a bound of 100 and then 120"
