"""`python -m tests.rig handover`: a controller is stopped between decision and send, and goes on when another has its
work.

SIGSTOP at a commit or after a write of the first; people wish something else, a second one takes the lease over and
makes that true; SIGCONT. From then on no write of the first may have any effect. It must not judge by MCD's word: each
controller is a user of its own at the API server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.rig import oracles
from tests.rig.crash import OUT, Reference, commit_of, reference
from tests.rig.lane import LINE, Lane, Unsettled, lane
from tests.rig.oracles import Verdict
from tests.rig.rules import Asked, Hook, Rule
from tests.rig.workloads import SHAPES, WORKLOADS, Shape, Wish, back, delete, first, second

FIRST, SECOND = "mcd-a", "mcd-b"
LEASE = "2"
INTENDED = 4
"""The commit of a first pass that puts what will be created into the inventory: right after it everything is decided
and nothing was sent."""


@dataclass(frozen=True, slots=True)
class Story:
    """What is settled before, what the first is stopped in, what the second makes true instead, and the workload that
    ends the same."""

    base: tuple[Wish, ...]
    stopped_in: Wish
    instead: Wish
    ends_as: str


STORIES = {
    "back": Story((first,), second, back, "W6-rollback"),
    "gone": Story((first,), second, delete, "W8-delete"),
    "created": Story((), first, delete, "W8-delete"),
}


@dataclass
class Handed:
    """What became of one hand-over."""

    point: str
    reached: bool
    stopped_at: str
    seconds: float
    bad: list[str]


async def handed(one: Lane, name: str, shape: str, number: int, at: str, calm: Reference) -> Handed:
    """One hand-over: the first is stopped at its `number`-th commit, or after its `number`-th write."""
    began, found = time.monotonic(), Handed(f"{name}/{shape}/{at}/{number}", False, "", 0.0, [])
    pids: list[int] = []
    try:
        await _handed(one, (STORIES[name], SHAPES[shape]), (number, at), calm, found, pids)
    except (Unsettled, TimeoutError) as error:
        found.bad.append(f"G4: {error}")
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await one.zygote.ended(pid)
        one.pid = 0
    found.seconds = round(time.monotonic() - began, 2)
    return found


async def _handed(
    one: Lane, of: tuple[Story, Shape], stop: tuple[int, str], calm: Reference, found: Handed, pids: list[int]
) -> None:
    (story, shape), (number, at), verdict = of, stop, Verdict(found.bad)
    await one.fresh()
    one.settings["MCD_LEASE"] = LEASE
    pids.append(await one.start_as(FIRST))
    await one.settled()
    await oracles.people(one)
    for wish in story.base:
        await wish(one, shape)
        await one.settled()
    commits = len(one.commits)
    rule = _armed(one, pids[0], number, at)
    await story.stopped_in(one, shape)

    async def stopped() -> bool:
        return _is_stopped(pids[0]) or one.resting(1.0)

    await one.until(stopped, 30.0, "it is stopped")
    found.reached = _is_stopped(pids[0])
    one.proxy.clear()
    one.board.disarm()
    if not found.reached:
        return
    seen = one.commits[commits:]
    found.stopped_at = (seen[number - 1] if len(seen) >= number else "") if rule is None else "a write"
    await story.instead(one, shape)
    pids.append(await one.start_as(SECOND))
    await one.settled()
    await one.proxy.quiet()
    mark = one.witness.mark()
    os.kill(pids[0], signal.SIGCONT)
    await _spoken(one)
    late = [f for f in one.witness.since(mark) if f.user == FIRST and f.is_write and f.namespace == LINE]
    verdict.must(not late, f"I09: written after its lease was lost: {[str(f) for f in late]}")
    await one.settled()
    await oracles.judged_end(one, verdict, calm.end, events=False, rows=False)


def _armed(one: Lane, pid: int, number: int, at: str) -> Rule | None:
    if at == "commit":
        one.board.arm(number, after=True, signal=signal.SIGSTOP)
        return None

    async def stop(_what: Asked) -> None:
        os.kill(pid, signal.SIGSTOP)

    return one.proxy.rule(Rule(Hook(stop, after=True), verb="write", nth=number))


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


async def _spoken(one: Lane) -> None:
    """Returns when the first has noticed that it lost its lease, or nothing was heard of it for a while."""
    log, size = one.data / "mcd.log", (one.data / "mcd.log").stat().st_size
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        if "lease_lost" in log.read_text(errors="replace")[size:]:
            # Whatever it had in hand when it noticed is under way by now.
            await asyncio.sleep(0.3)
            return
        await asyncio.sleep(0.05)


async def sweep(one: Lane, count: int, seed: int, calm: dict[tuple[str, str], Reference] | None = None) -> list[Handed]:
    """So many hand-overs that truly happened, drawn by the seed. `calm` are the undisturbed runs that are known."""
    draw, found, calm = random.Random(seed), list[Handed](), {} if calm is None else calm
    while sum(each.reached for each in found) < count and len(found) < 3 * count + 3:
        name, shape = draw.choice(sorted(STORIES)), draw.choice(("plain", "mixed"))
        at = draw.choice(("commit", "write"))
        number = draw.choice((INTENDED, draw.randint(2, 8))) if at == "commit" else draw.randint(1, 6)
        place = (STORIES[name].ends_as, shape)
        if place not in calm:
            calm[place] = await reference(one, *place)
        handover = await handed(one, name, shape, number, at, calm[place])
        found.append(handover)
        with (OUT / "handover.jsonl").open("a") as file:
            file.write(json.dumps({"commit": commit_of(), "seed": seed, **dataclasses.asdict(handover)}) + "\n")
        for said in handover.bad:
            print(f"BAD {handover.point}: {said}", flush=True)
            print(f"    python -m tests.rig handover --point {handover.point}", flush=True)
    return found


def _point(text: str) -> tuple[str, str, str, int]:
    parts = text.split("/")
    if len(parts) != 4 or parts[0] not in STORIES or parts[1] not in SHAPES or not parts[3].isdigit():
        raise argparse.ArgumentTypeError(f"{text}: write it like back/plain/commit/3")
    return parts[0], parts[1], parts[2], int(parts[3])


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--point", type=_point, help="play this one hand-over again")


def run(given: argparse.Namespace) -> int:
    """Answers 0 when no write of a controller that was overtaken had an effect."""
    OUT.mkdir(parents=True, exist_ok=True)

    async def all_of_it() -> list[Handed]:
        async with lane() as one:
            if given.point is None:
                return await sweep(one, given.count, given.seed)
            name, shape, at, number = given.point
            return [await handed(one, name, shape, number, at, await reference(one, STORIES[name].ends_as, shape))]

    found = asyncio.run(all_of_it())
    reached, bad = [each for each in found if each.reached], [each for each in found if each.bad]
    intended = sum("inventory" in each.stopped_at for each in reached)
    print(
        f"handover count={len(reached)} right_before_the_first_write={intended} stale_effects={len(bad)} "
        f"seed={given.seed}"
    )
    return 1 if bad else 0


assert {story.ends_as for story in STORIES.values()} <= set(WORKLOADS)
