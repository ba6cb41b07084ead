"""`python -m tests.rig quiet`: many Apps at rest are compared again and again, and nothing is written or listed for it.

MCD is started again on Apps that are as they should be, with a short resync, and watched for a while: the audit log
says what it wrote, the proxy's journal what it asked for. It must not wish anything meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig import oracles
from tests.rig.chaos import push
from tests.rig.crash import OUT, commit_of
from tests.rig.lane import Lane, Unsettled, lane
from tests.rig.oracles import Verdict
from tests.rig.proxy import Entry

VERSION = 3
"""Of the App: with two components."""
SAMPLED = 20
"""Apps of which it is counted how often they were put off: the least counts."""
LISTED_EVERY = 600.0
"""Seconds in which a kind may be listed once."""
MADE_WITHIN = 3600.0
"""Seconds in which all Apps must be ready at the start."""


@dataclass
class Told:
    """One run, as it is kept."""

    seed: int
    apps: int
    seconds: float
    resync: float
    load: float
    resyncs: int = 0
    """How often each of the sampled Apps was compared again, at the least."""
    writes: int = 0
    lists: int = 0
    most_lists: int = 0
    """Lists of the kind that was listed most often."""
    asked: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0
    bad: list[str] = field(default_factory=list)

    def line(self) -> str:
        return (
            f"quiet apps={self.apps} seconds={self.seconds:.0f} resyncs={self.resyncs} writes={self.writes} "
            f"lists={self.lists} most_lists_of_a_kind={self.most_lists} cpu_s={self.cpu_s:.1f} bad={len(self.bad)}"
        )


# --- everything as it should be ---------------------------------------------------------------------------------------


def _not_ready(one: Lane, apps: int) -> int:
    ready = """SELECT count(*) AS n FROM rollout WHERE live AND lease_token IS NULL
               AND observed_generation = generation AND ready_at IS NOT NULL"""
    return apps - int(one.rows(ready)[0]["n"])


async def _made(one: Lane, apps: int) -> None:
    """So many Apps, ready."""
    await one.fresh()
    await one.start()
    await one.settled()
    async with one.database() as db:
        for number in range(apps):
            await push(db, f"app-{number}", VERSION, new=True)
    said = time.monotonic()

    async def all_ready() -> bool:
        nonlocal said
        left = _not_ready(one, apps)
        if time.monotonic() - said > 30:
            said = time.monotonic()
            print(f"{apps - left} of {apps} Apps are ready", flush=True)
        await asyncio.sleep(0.5 if left else 0)
        return left == 0

    await one.until(all_ready, MADE_WITHIN, "all Apps are ready")


async def _started_again(one: Lane, told: Told) -> None:
    """The process that is looked at: each App is compared when its watches begin, and from then on at each resync."""
    await one.killed()
    await one.start(MCD_RESYNC=f"{told.resync:g}")

    async def in_step() -> bool:
        await asyncio.sleep(0.5)
        late = "SELECT max(next_run_at) AS at, count(lease_token) AS n FROM rollout WHERE live"
        row = one.rows(late)[0]
        soon = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 2 * told.resync + 2))
        return not row["n"] and str(row["at"]) < soon

    await one.until(in_step, 600.0, "each App is compared at each resync")


# --- the while --------------------------------------------------------------------------------------------------------


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def _watched(one: Lane, told: Told) -> None:
    """Counts how often the sampled Apps are put off, for as long as it was asked for."""
    seen: dict[str, str] = {}
    counts: Counter[str] = Counter()
    end = time.monotonic() + told.seconds
    while time.monotonic() < end:
        for row in one.rows(f"SELECT id, next_run_at FROM rollout WHERE live ORDER BY id LIMIT {SAMPLED}"):
            if seen.get(row["id"]) != row["next_run_at"]:
                counts[row["id"]] += row["id"] in seen
                seen[row["id"]] = row["next_run_at"]
        await asyncio.sleep(told.resync / 5)
    told.resyncs = min((counts[each] for each in seen), default=0)


def is_list(entry: Entry) -> bool:
    """Whether a request made the API server send all that there is of a kind. What the cluster serves is no kind."""
    what = entry.asked
    return bool(what.resource) and (
        what.verb == "list" or (what.verb == "watch" and "resourceVersion=" not in what.query)
    )


def judged(told: Told, verdict: Verdict, journal: Sequence[Entry]) -> None:
    """What was asked for in the while."""
    told.asked = dict(Counter(f"{e.asked.verb} {e.asked.resource or e.asked.path}" for e in journal))
    tried = sorted({str(e.asked) for e in journal if e.asked.is_write})
    verdict.must(not tried, f"M15: tried to write at rest: {tried[:5]}")
    lists = Counter(f"{e.asked.resource} {e.asked.namespace}".strip() for e in journal if is_list(e))
    told.lists, told.most_lists = sum(lists.values()), max(lists.values(), default=0)
    allowed = math.ceil(told.seconds / LISTED_EVERY)
    often = {kind: count for kind, count in lists.items() if count > allowed}
    verdict.must(not often, f"M15: listed more than {allowed} times in {told.seconds:.0f} s: {often}")


async def run_once(one: Lane, told: Told) -> None:
    """All of it on one lane."""
    verdict = Verdict(told.bad)
    try:
        one.proxy.serial = False
        await _made(one, told.apps)
        before = one.witness.mark()
        await _started_again(one, told)
        cold = oracles.by_us(one, before)
        verdict.must(not cold, f"M13: written at a start with nothing changed: {[str(f) for f in cold][:5]}")
        mark, since, cpu = one.witness.mark(), len(one.proxy.journal), _cpu(one.pid)
        await _watched(one, told)
        told.cpu_s = round(_cpu(one.pid) - cpu, 2)
        facts = oracles.by_us(one, mark)
        told.writes = len(facts)
        verdict.must(not facts, f"M15: written at rest: {[str(f) for f in facts][:5]}")
        judged(told, verdict, one.proxy.journal[since:])
        verdict.must(one.alive, f"it ended by itself: {one.last_words()}")
    except Unsettled as error:
        verdict.must(False, f"G4: {error}")


# --- the campaign -----------------------------------------------------------------------------------------------------


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apps", type=int, default=1490)
    parser.add_argument("--seconds", type=float, default=LISTED_EVERY)
    parser.add_argument("--resyncs", type=int, default=500, help="how often each App is compared in this while")
    parser.add_argument("--seed", type=int, default=7, help="only kept with the result: nothing is drawn")


def run(given: argparse.Namespace) -> int:
    """Answers 0 when nothing was written and no kind was listed too often."""
    OUT.mkdir(parents=True, exist_ok=True)
    resync = max(1.0, given.seconds / given.resyncs)
    told = Told(given.seed, given.apps, given.seconds, resync, round(os.getloadavg()[0], 1))

    async def all_of_it() -> None:
        async with lane() as one:
            await run_once(one, told)

    asyncio.run(all_of_it())
    with (OUT / "quiet.jsonl").open("a") as file:
        file.write(json.dumps({"commit": commit_of(), **dataclasses.asdict(told)}) + "\n")
    for said in told.bad:
        print(f"BAD {said}", flush=True)
    print(told.line())
    return 1 if told.bad else 0
