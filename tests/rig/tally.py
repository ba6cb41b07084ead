"""What a campaign has done so far, kept on disk so that it can go on tomorrow or beside another one.

It must not run anything.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.rig.inputs import Input
from tests.rig.judge import Verdict

_BIN = 0.0005
_BINS = 400
"""Times are counted in half milliseconds up to 200 ms; the last bin is everything above."""


@dataclass
class Tally:
    """Counts of one shard. `ways`: how an input was made → how many, and how many of them came to render. `found`: what
    is wrong → how often, and the folder of the first; `mended`: what was wrong, and is not any more."""

    inputs: int = 0
    reached: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    edges: int = 0
    features: int = 0
    ways: dict[str, list[int]] = field(default_factory=dict)
    times: list[int] = field(default_factory=lambda: [0] * (_BINS + 1))
    found: dict[str, list[Any]] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, one: Input, verdict: Verdict) -> None:
        self.inputs += 1
        self.reached += verdict.reached
        self.refused += not verdict.reached
        self.seconds += verdict.seconds
        self.slowest = max(self.slowest, verdict.seconds)
        self.times[min(int(verdict.seconds / _BIN), _BINS)] += 1
        way = self.ways.setdefault(one.way, [0, 0])
        way[0] += 1
        way[1] += verdict.reached

    @property
    def share(self) -> float:
        """Of all inputs, those that came to render."""
        return self.reached / self.inputs if self.inputs else 0.0

    @property
    def p99(self) -> float:
        """Seconds within which 99 of 100 were done; the upper end of their bin."""
        left = self.inputs * 0.99
        for number, count in enumerate(self.times):
            left -= count
            if left <= 0:
                return (number + 1) * _BIN
        return self.slowest

    def note(self, what: str, folder: str) -> None:
        entry = self.found.setdefault(what, [0, folder])
        entry[0] += 1

    def save(self, file: Path) -> None:
        """Whole or not at all."""
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)))
        part.replace(file)


def load(file: Path) -> Tally:
    """The tally of a file; an empty one where there is none."""
    return Tally(**json.loads(file.read_text())) if file.exists() else Tally()


def together(tallies: list[Tally]) -> Tally:
    """The sum over shards."""
    whole = Tally()
    for each in tallies:
        whole.inputs += each.inputs
        whole.reached += each.reached
        whole.refused += each.refused
        whole.seconds += each.seconds
        whole.slowest = max(whole.slowest, each.slowest)
        whole.edges, whole.features = max(whole.edges, each.edges), max(whole.features, each.features)
        whole.times = [a + b for a, b in zip(whole.times, each.times, strict=True)]
        whole.runs += each.runs
        for way, (count, reached) in each.ways.items():
            mine = whole.ways.setdefault(way, [0, 0])
            mine[0] += count
            mine[1] += reached
        for what, (count, folder) in each.found.items():
            whole.note(what, folder)
            whole.found[what][0] += count - 1
        for what, count in each.mended.items():
            whole.mended[what] = whole.mended.get(what, 0) + count
    return whole


def keep(one: Input, what: str, found: Path) -> Path:
    """Writes a finding as the folder of a case: app.yaml, context.yaml if there is one, and what is wrong with it."""
    kind = hashlib.sha256(what.encode()).hexdigest()[:8]
    folder = found / f"{what.split()[0].strip(':')}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "app.yaml").exists() or len((folder / "app.yaml").read_bytes()) > len(one.text):
        # The shortest of a kind is the one that a person reads.
        (folder / "app.yaml").write_bytes(one.text)
        if one.platform.text:
            (folder / "context.yaml").write_bytes(one.platform.text)
        else:
            (folder / "context.yaml").unlink(missing_ok=True)
        said = f"{what}\n\npython -m tests.rig fuzz appyaml --replay {os.path.relpath(folder)}\n"
        (folder / "found.txt").write_text(said)
    return folder
