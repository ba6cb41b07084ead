"""P15: /metrics at the full data set, beside a bare text exposition of as many series.

Every label has every value that it may have: no process of a real installation tells more. It must not know what a
metric is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from bench import data, meter
from mcd.api.app import description
from mcd.model import Reason
from mcd.observability import metrics
from mcd.store.gauges import Gauges
from mcd.store.session import Database

TARGET, GUARD_SECONDS, MOST_SERIES = 2.0, 0.050, 20_000
SOME = 3
"""Values of a label that is bounded by something else than words: versions that run beside each other."""


@dataclass(frozen=True)
class Result:
    apps: int
    series: int
    series_of_few: int
    """Series when there is a tenth of the Apps."""
    bytes: int
    text: meter.Ratio
    """The text alone, with numbers that were measured just now, beside the bare one."""
    whole: meter.Ratio
    """With all gauges measured anew, as when nobody measured for five seconds."""
    text_seconds: float
    whole_seconds: float
    bare_seconds: float
    """Seconds of processor time, the median."""
    drift: float

    @property
    def ok(self) -> bool:
        fits = self.series <= MOST_SERIES and self.series == self.series_of_few
        return fits and self.text.median <= TARGET and self.whole_seconds <= GUARD_SECONDS

    def facts(self) -> dict[str, object]:
        return {
            "metric": "P15", "apps": self.apps, "series": self.series, "bytes": self.bytes, "ok": self.ok,
            "ours": {"text_ms": self.text_seconds * 1e3, "whole_ms": self.whole_seconds * 1e3},
            "bound": {"text_ms": self.bare_seconds * 1e3},
            "ratio": {"text": self.text.median, "whole": self.whole.median}, "target": TARGET,
            "guard": {"ms": GUARD_SECONDS * 1e3, "series": MOST_SERIES}, "drift": self.drift,
        }  # fmt: skip


Flat = list[tuple[str, dict[str, str], float]]


def bare(flat: Flat) -> bytes:
    """A text exposition by hand: what it takes to write so many lines at all."""
    out = []
    for name, labels, value in flat:
        inside = ",".join([f'{label}="{word}"' for label, word in labels.items()])
        out.append(f"{name}{{{inside}}} {value!r}\n")
    return "".join(out).encode()


def fill(clusters: tuple[str, ...]) -> None:
    """Gives every metric every combination of labels that a process can come to tell."""
    routes = [(method.upper(), path) for path, item in description()["paths"].items() for method in item]
    for name, family in metrics.FAMILIES.items():
        made, labels = family.made, dict(family.labels)
        if "route" in labels:
            for (method, path), code in itertools.product([*routes, ("other", "none")], metrics.CODES):
                _touch(made, (method, path, code))
        elif labels:
            words = [_words(name, label, values, clusters) for label, values in labels.items()]
            for chosen in itertools.product(*words):
                _touch(made, chosen)


def _words(name: str, label: str, values: metrics.Values, clusters: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(values, str):
        return values
    if label == "cluster":
        return clusters
    if label == "reason":
        return tuple(reason.value for reason in Reason)
    return tuple(f"{name}-{number}" for number in range(SOME))


def _touch(made: MetricWrapperBase, chosen: tuple[str, ...]) -> None:
    child = made.labels(*chosen)
    if isinstance(child, Histogram):
        child.observe(0.0123)


def flat_of(text: bytes) -> Flat:
    families = text_string_to_metric_families(text.decode())
    return [(s.name, dict(s.labels), float(s.value)) for family in families for s in family.samples]


@dataclass
class _Told:
    """An installation that is open, in an event loop of its own, and what its processes tell."""

    runner: asyncio.Runner
    place: data.Installation
    db: Database

    def whole(self) -> bytes:
        """What a scrape costs when nobody measured in the last seconds."""
        self.runner.run(Gauges().measure(self.db, datetime.now(UTC)))
        return metrics.exposition()


@contextlib.contextmanager
def told(folder: Path, apps: int, lines: int, clusters: int) -> Iterator[_Told]:
    with asyncio.Runner() as runner:
        place = runner.run(data.installation(folder, apps, lines, clusters))
        fill(place.clusters)
        db = data.database(place)
        try:
            yield _Told(runner, place, db)
        finally:
            runner.run(db.close())


def run(folder: Path, *, apps: int = data.APPS, turns: int = 21, seconds: float = 0.2) -> Result:
    """Makes the data sets under `folder`, or takes those that are there."""
    lines = max(10, apps // 14)
    with told(folder / "few", max(lines, apps // 10), lines, data.CLUSTERS) as few:
        series_of_few = len(flat_of(few.whole()))
    with told(folder / "many", apps, lines, data.CLUSTERS) as many:
        text = many.whole()
        flat = flat_of(text)
        ours = meter.paired(metrics.exposition, lambda: bare(flat), turns=turns, seconds=seconds)
        whole = meter.paired(many.whole, lambda: bare(flat), turns=turns, seconds=seconds)
    return Result(
        apps, len(flat), series_of_few, len(text), ours.ratio, whole.ratio, statistics.median(ours.ours),
        statistics.median(whole.ours), statistics.median(ours.bound), drift=max(ours.drift, whole.drift),
    )  # fmt: skip
