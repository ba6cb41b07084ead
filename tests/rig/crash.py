"""`python -m tests.rig crash`: MCD is killed before and after each write and each commit of each workload, and starts
again.

A real process, a real API server, SIGKILL. The undisturbed run of a workload counts its writes and commits and keeps
the end; every point after that must end the same. A third side of a write is that its answer is lost. It must not
decide what is right: `oracles.py` does.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.witness import Fact
from tests.rig import oracles
from tests.rig.lane import TREE, Lane, Unsettled, lane
from tests.rig.oracles import End, Verdict
from tests.rig.rules import DropAnswer, Kill, Rule, Side
from tests.rig.workloads import SHAPES, WORKLOADS, Shape, Workload

OUT = TREE / "out" / "rig"
_POINT = re.compile(r"([\w-]+)/(\w+)/(write|commit)/(\d+)/(before|after|lost)")


@dataclass(frozen=True, slots=True)
class Point:
    """One death: in which change, of which App, at which write or commit, on which side of it."""

    workload: str
    shape: str
    at: str
    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.workload}/{self.shape}/{self.at}/{self.number}/{self.side}"

    @classmethod
    def read(cls, text: str) -> Point:
        found = _POINT.fullmatch(text)
        if found is None or found[1] not in WORKLOADS or found[2] not in SHAPES:
            raise argparse.ArgumentTypeError(f"{text}: write it like W2-change/mixed/write/3/after")
        return cls(found[1], found[2], found[3], int(found[4]), Side(found[5]))

    @property
    def replay(self) -> str:
        return f"python -m tests.rig crash --point {self}"


@dataclass(frozen=True)
class Reference:
    """The undisturbed run: how many writes and commits the change has, what they were, and how it ended."""

    writes: tuple[str, ...]
    commits: tuple[str, ...]
    end: End
    facts: Sequence[Fact]

    def points(self, workload: str, shape: str) -> Iterable[Point]:
        for number in range(1, len(self.writes) + 1):
            for side in Side:
                yield Point(workload, shape, "write", number, side)
        for number in range(1, len(self.commits) + 1):
            for side in (Side.BEFORE, Side.AFTER):
                yield Point(workload, shape, "commit", number, side)


@dataclass
class Outcome:
    """What became of one point. `reached` is false when the change ended before its number came."""

    point: str
    reached: bool
    what: str
    recovery_s: float
    seconds: float
    bad: list[str]


@dataclass
class Begun:
    """Where a change begins: in the audit log, in the journal, and how the objects of others stood."""

    mark: int
    people: dict[str, str]
    journal: int


# --- one run of a workload --------------------------------------------------------------------------------------------


async def base(one: Lane, workload: Workload, shape: Shape, times: Mapping[str, Any] | None = None) -> Begun:
    """Everything up to the change, in peace; from here on it is counted."""
    await one.fresh()
    one.times.update(times or {})
    if not workload.cold:
        await one.start()
        await one.settled()
        if workload.foreign:
            await oracles.people(one)
        for wish in workload.base:
            await wish(one, shape)
            await one.settled()
    people = oracles.untouched(await oracles.everything(one))
    await one.proxy.quiet()
    return Begun(one.witness.mark(), people, len(one.proxy.journal))


async def _changed(one: Lane, workload: Workload, shape: Shape) -> None:
    await workload.change(one, shape)
    if workload.cold:
        await one.start()


def _writes(one: Lane, since: int) -> tuple[str, ...]:
    return tuple(str(e.asked) for e in one.proxy.journal[since:] if e.asked.is_write)


async def reference(one: Lane, name: str, shape: str) -> Reference:
    """Runs a workload without a fault. Raises Unsettled, and AssertionError when even that is not right."""
    workload, verdict = WORKLOADS[name], Verdict()
    begun = await base(one, workload, SHAPES[shape])
    before = len(one.commits)
    one.board.arm()
    await _changed(one, workload, SHAPES[shape])
    await one.settled()
    one.board.disarm()
    writes, commits = _writes(one, begun.journal), tuple(one.commits[before:])
    facts = oracles.by_us(one, begun.mark)
    found = await oracles.end(one)
    await oracles.judged_others(one, verdict, begun.people)
    oracles.agree(one, verdict, facts, begun.journal)
    await oracles.quiet(one, verdict, 3)
    if verdict.bad:
        raise AssertionError(f"{name}/{shape} without a fault: {verdict.bad}")
    return Reference(writes, commits, found, facts)


async def trial(one: Lane, point: Point, calm: Reference) -> Outcome:
    """One death and what follows."""
    began = time.monotonic()
    outcome = Outcome(str(point), True, "", 0.0, 0.0, [])
    verdict = Verdict(outcome.bad)
    try:
        await _trial(one, point, calm, outcome, verdict)
    except (Unsettled, TimeoutError) as error:
        verdict.must(False, f"G4: {error or 'it did not die in time'}")
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome


async def _trial(one: Lane, point: Point, calm: Reference, outcome: Outcome, verdict: Verdict) -> None:
    workload, shape = WORKLOADS[point.workload], SHAPES[point.shape]
    begun = await base(one, workload, shape)
    before = len(one.commits)
    rule = _armed(one, point)
    await _changed(one, workload, shape)
    outcome.reached = await _met(one, point, rule)
    seen = _writes(one, begun.journal) if point.at == "write" else one.commits[before:]
    outcome.what = seen[point.number - 1] if len(seen) >= point.number else ""
    if outcome.reached and point.side is not Side.LOST:
        await one.died()
        one.board.disarm()
        await oracles.named_before_made(one, verdict)
        again = time.monotonic()
        await one.start()
        await one.settled()
        outcome.recovery_s = round(time.monotonic() - again, 2)
    else:
        await one.settled()
    facts = oracles.by_us(one, begun.mark)
    await oracles.judged_end(one, verdict, calm.end)
    oracles.judged_writes(one, verdict, facts, calm.facts)
    oracles.agree(one, verdict, facts, begun.journal)
    await oracles.judged_others(one, verdict, begun.people)
    await oracles.quiet(one, verdict)


def _armed(one: Lane, point: Point) -> Rule | None:
    if point.at == "commit":
        one.board.arm(point.number, after=point.side is Side.AFTER)
        return None
    action = DropAnswer() if point.side is Side.LOST else Kill(one.kill, after=point.side is Side.AFTER)
    return one.proxy.rule(Rule(action, verb="write", nth=point.number))


async def _met(one: Lane, point: Point, rule: Rule | None) -> bool:
    """Waits until the point came, or everything rests without it."""

    def came() -> bool:
        return rule.fired.is_set() if rule is not None else not one.alive or one.board.count >= point.number

    async def look() -> bool:
        return came() or one.resting(1.0)

    await one.until(look, 60.0, f"{point}")
    # What comes later than rest comes to nothing: from here on nobody dies.
    one.proxy.clear()
    if point.at == "commit":
        one.board.disarm()
    return came()


# --- the campaign -----------------------------------------------------------------------------------------------------


@dataclass
class Campaign:
    """Which points, in which order, and what was found so far."""

    seed: int
    most: int
    seconds: float
    file: Path
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    ran: int = 0

    def resume(self) -> None:
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                row = json.loads(line)
                if row.get("seed") == self.seed and "point" in row:
                    self.done[row["point"]] = row

    def keep(self, outcome: Outcome) -> None:
        self.ran += 1
        row = {"seed": self.seed, "commit": commit_of(), **dataclasses.asdict(outcome)}
        self.done[outcome.point] = row
        with self.file.open("a") as file:
            file.write(json.dumps(row) + "\n")

    @property
    def points(self) -> int:
        return sum(row["reached"] for row in self.done.values())

    @property
    def bad(self) -> list[str]:
        return [row["point"] for row in self.done.values() if row["bad"]]

    def line(self) -> str:
        worst = max((row["recovery_s"] for row in self.done.values()), default=0.0)
        return f"crash points={self.points} bad={len(self.bad)} worst_recovery_s={worst:.1f} seed={self.seed}"


def commit_of() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=TREE, capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def pairs(workloads: Sequence[str] = (), shapes: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Every workload with every shape, or those that are named. A line whose Apps leave data behind does not go."""
    every = [(w, s) for s in (shapes or SHAPES) for w in (workloads or WORKLOADS)]
    return [each for each in every if each != ("W9-line-deleted", "stored")]


async def sweep(
    one: Lane, campaign: Campaign, chosen: Sequence[tuple[str, str]], per_pair: int = 0, *, loud: bool = True
) -> None:
    """Runs the points of these pairs, `per_pair` of each at the most, until the campaign has enough."""
    draw, deadline = random.Random(campaign.seed), time.monotonic() + campaign.seconds
    order = list(chosen)
    draw.shuffle(order)
    for workload, shape in order:
        if campaign.points >= campaign.most or time.monotonic() > deadline:
            return
        calm = await reference(one, workload, shape)
        points = list(calm.points(workload, shape))
        draw.shuffle(points)
        for point in points[: per_pair or len(points)]:
            if campaign.points >= campaign.most or time.monotonic() > deadline:
                return
            if str(point) in campaign.done:
                continue
            outcome = await trial(one, point, calm)
            campaign.keep(outcome)
            if outcome.bad:
                _kept(one, point)
                for said in outcome.bad:
                    print(f"BAD {point}: {said}", flush=True)
                print(f"    {point.replay} --seed {campaign.seed}", flush=True)
        if loud:
            print(f"{workload}/{shape}: {len(calm.writes)} writes, {len(calm.commits)} commits; {campaign.line()}",
                  flush=True)  # fmt: skip


def _kept(one: Lane, point: Point) -> None:
    """The database, the log and the journal of a bad point stay for whoever looks for its cause."""
    target = OUT / "bad" / str(point).replace("/", "_")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(one.data, target)
    lines = [f"{e.at:.3f} {e.asked} {e.code} {e.told} {e.did}" for e in one.proxy.journal]
    (target / "journal.txt").write_text("\n".join(lines) + "\n")


async def _replayed(point: Point) -> int:
    async with lane() as one:
        calm = await reference(one, point.workload, point.shape)
        outcome = await trial(one, point, calm)
        print(json.dumps(dataclasses.asdict(outcome), indent=1))
        if outcome.bad:
            _kept(one, point)
        return 1 if outcome.bad else 0


async def _ran(campaign: Campaign, chosen: Sequence[tuple[str, str]], per_pair: int) -> None:
    async with lane() as one:
        await sweep(one, campaign, chosen, per_pair)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--points", type=int, default=10**9, help="stop after so many deaths")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop then, at the latest")
    parser.add_argument("--per-pair", type=int, default=0, help="points of each workload and shape; 0: all")
    parser.add_argument("--workload", action="append", default=[], choices=sorted(WORKLOADS))
    parser.add_argument("--shape", action="append", default=[], choices=sorted(SHAPES))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--resume", action="store_true", help="go on with what the last run kept")
    parser.add_argument("--point", type=Point.read, help="play this one point again")


def run(given: argparse.Namespace) -> int:
    """Answers 0 when nothing was bad."""
    OUT.mkdir(parents=True, exist_ok=True)
    if given.point is not None:
        return asyncio.run(_replayed(given.point))
    campaign = Campaign(given.seed, given.points, given.seconds, OUT / "crash.jsonl")
    if given.resume:
        campaign.resume()
    else:
        campaign.file.unlink(missing_ok=True)
    asyncio.run(_ran(campaign, pairs(given.workload, given.shape), given.per_pair))
    print(campaign.line())
    for point in campaign.bad:
        print(f"    {Point.read(point).replay}")
    return 1 if campaign.bad else 0
