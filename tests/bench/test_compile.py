"""The benchmark of the compiler measures what it says, and notices when the compiler collapses.

The targets are judged by `make bench` on a quiet machine; here stand only limits that no busy machine reaches.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import meter, report
from bench.compile import CALLS, NAMES, Memory, memory, read

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_input_is_an_app_that_is_accepted(name: str) -> None:
    one = read(name)
    made = one.compile()
    assert len(one.hashed()) == len(made.objects) > 4
    assert one.rendered().count("\n---\n") == len(made.objects) - 1


def test_the_typical_app_has_what_real_ones_have() -> None:
    kinds = {obj["kind"] for obj in read("typical").compile().objects}
    assert kinds >= {
        "Deployment", "CronJob", "Service", "HTTPRoute", "ConfigMap", "PersistentVolumeClaim",
        "HorizontalPodAutoscaler",
        "PrometheusRule", "PodMonitor", "PodDisruptionBudget",
    }  # fmt: skip


def test_compiling_costs_no_ten_times_what_reading_the_text_alone_does() -> None:
    one = read("typical")
    assert meter.paired(one.hashed, one.read_only, turns=5, seconds=0.1).ratio.median < 10


def test_compiling_calls_no_three_times_as_many_functions_as_reading_the_text_alone_does() -> None:
    one = read("typical")
    assert meter.calls(one.hashed) <= CALLS * meter.calls(one.read_only)


def test_calls_are_counted_whether_they_are_pythons_or_not() -> None:
    def two() -> None:
        len("a")
        len("b")

    assert meter.calls(two) == 4, "itself, len twice, and the end of counting"


def test_a_ratio_is_the_median_of_turns_and_knows_how_sure_it_is() -> None:
    def busy(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    found = meter.paired(lambda: busy(0.004), lambda: busy(0.002), turns=9, seconds=0.02)
    assert 1.8 < found.ratio.median < 2.2
    assert found.ratio.low <= found.ratio.median <= found.ratio.high
    assert meter.ratio_of([1.0, 2.0, 100.0]).median == 2.0


def test_memory_is_flat_over_many_compiles_and_a_leak_shows() -> None:
    one = read("web")
    assert memory(one, 300).flat
    assert not Memory(300, 10 * 2**20, 12 * 2**20).flat


def test_the_command_prints_a_table_and_keeps_the_result(tmp_path: Path) -> None:
    words = ["--turns", "3", "--seconds", "0.02", "--compiles", "50", "--no-peer", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "compile", *words], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=200,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert all(f"| {name} |" in done.stdout for name in NAMES)
    (file,) = tmp_path.glob("*/compile.json")
    kept = json.loads(file.read_text())
    assert kept["metric"] == "P8"
    assert [cost["name"] for cost in kept["costs"]] == list(NAMES)
    assert kept["ok"] is False  # without the peer nobody knows


def test_a_table_is_put_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "benchmarks.md").read_text())
    facts = {"commit": "abc", "at": "2026-11-23T00:00:00Z", "python": "3.11.7", "cpu": "x"}
    report.write_page("compile", "| a |", facts, page)
    once = page.read_text()
    assert "| a |" in once
    report.write_page("compile", "| b |", facts, page)
    assert page.read_text() == once.replace("| a |", "| b |")
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        report.write_page("compile", "| a |", facts, page)
