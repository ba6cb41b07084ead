"""`python -m tests.rig faults`: each fault of the catalogue in create, update and delete, and what must hold of all.

A fault is injected around the change of a workload; when it is over, everything must be as it would have been without
it: the same end, each object made and deleted once, nothing of others touched, silence at rest. Those whose feature the
product does not have yet are listed with it. It must not know how a fault works: `deaths.py`, `network.py` and
`others.py` do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from mcd.errors import Code, McdError
from mcd.store import intents
from tests.rig import oracles
from tests.rig.catalogue import ELSEWHERE, FAULTS, PAIRS, WAITING
from tests.rig.crash import OUT, Outcome, Reference, base, commit_of, reference
from tests.rig.lane import ADMIN, APP, Lane, Unsettled, lane
from tests.rig.oracles import Verdict
from tests.rig.scene import Fault, Scene
from tests.rig.workloads import SHAPES, WORKLOADS, delete

PHASES = {"create": "W1-first", "update": "W2-change", "delete": "W8-delete"}

LATEST = 75.0
"""Seconds in which all must be as wished once the fault is over: some waits of MCD are half a minute."""


async def played(
    one: Lane, fault: Fault, phase: str, seed: int, calm: Reference, *, patience: float = LATEST
) -> Outcome:
    """One fault in one phase; `patience` in seconds once it is over."""
    began = time.monotonic()
    name = f"{fault.number}/{phase}/{seed}"
    outcome = Outcome(name, True, fault.words, 0.0, 0.0, [])
    verdict = Verdict(outcome.bad)
    try:
        scene = Scene(one, verdict, random.Random(name), phase, len(calm.writes), patience)
        await _played(one, scene, fault, calm, outcome)
    except (Unsettled, TimeoutError) as error:
        verdict.must(False, f"G4: {error or 'it did not die in time'}")
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome


async def _played(one: Lane, scene: Scene, fault: Fault, calm: Reference, outcome: Outcome) -> None:
    workload, shape, verdict = WORKLOADS[PHASES[scene.phase]], SHAPES[fault.shape], scene.verdict
    begun = await base(one, workload, shape, fault.times)
    async with fault.inject(scene):
        await workload.change(one, shape)
    one.proxy.clear()
    one.proxy.hang_up()
    over = time.monotonic()
    try:
        await one.settled(3.0 if fault.wish_again else scene.patience, expect=lambda: not one.stalled())
    except Unsettled:
        if not fault.wish_again:
            raise
        await _asked_again(one, scene.phase)
        await one.settled(scene.patience)
    outcome.recovery_s = round(time.monotonic() - over, 2)
    facts = oracles.by_us(one, begun.mark)
    if not scene.counts_may_differ:
        oracles.judged_writes(one, verdict, facts, calm.facts, exactly=False)
    await oracles.judged_end(one, verdict, calm.end, events=False, rows=fault.rows)
    oracles.agree(one, verdict, facts, begun.journal)
    if not scene.others_anew:
        await oracles.judged_others(one, verdict, begun.people)
    await oracles.quiet(one, verdict, 3)
    outcome.what = "; ".join([fault.words, *scene.notes])


async def _asked_again(one: Lane, phase: str) -> None:
    """A person asks once more: for what is live, as `mcd deploy` does, or for its end, as `mcd delete` does."""
    if phase == "delete":
        try:
            await delete(one, SHAPES["plain"])
        except McdError as error:
            # It was gone before anybody could ask.
            if error.code is not Code.NOT_FOUND:
                raise
        return
    number = one.rows("SELECT release FROM rollout WHERE live")[0]["release"]
    async with one.database() as db, db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, datetime.now(UTC), APP, release=number)


# --- the campaign -----------------------------------------------------------------------------------------------------


async def sweep(
    one: Lane,
    chosen: Sequence[Fault],
    phases: Sequence[str],
    seeds: Sequence[int],
    calm: dict[tuple[str, str], Reference] | None = None,
) -> list[Outcome]:
    """Every fault in every phase with every seed. `calm` are the undisturbed runs that are known, and gets those that
    are made: by workload and shape."""
    calm, found = {} if calm is None else calm, []
    for fault in chosen:
        for phase in (p for p in phases if p in fault.phases):
            place = (PHASES[phase], fault.shape)
            if place not in calm:
                calm[place] = await reference(one, *place)
            for seed in seeds:
                outcome = await played(one, fault, phase, seed, calm[place])
                found.append(outcome)
                _tell(outcome, fault, phase, seed)
    return found


def _tell(outcome: Outcome, fault: Fault, phase: str, seed: int) -> None:
    with (OUT / "faults.jsonl").open("a") as file:
        file.write(json.dumps({"commit": commit_of(), "seed": seed, **dataclasses.asdict(outcome)}) + "\n")
    verdict = "BAD" if outcome.bad else "ok "
    print(f"{verdict} {outcome.point:<18} {outcome.recovery_s:5.1f} s  {outcome.what}", flush=True)
    for said in outcome.bad:
        print(f"    {said}", flush=True)
    if outcome.bad:
        print(f"    python -m tests.rig faults --fault {fault.number} --phase {phase} --seed {seed}", flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fault", action="append", default=[], choices=sorted({**FAULTS, **PAIRS}))
    parser.add_argument("--pairs", action="store_true", help="two faults at once, and no single one")
    parser.add_argument("--phase", action="append", default=[], choices=sorted(PHASES))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on")
    parser.add_argument("--list", action="store_true", help="say which are injected, which elsewhere, which wait")


def run(given: argparse.Namespace) -> int:
    """Answers 0 when nothing was bad."""
    if given.list:
        return _listed()
    OUT.mkdir(parents=True, exist_ok=True)
    every = {**FAULTS, **PAIRS}
    chosen = [every[number] for number in given.fault] or list((PAIRS if given.pairs else FAULTS).values())
    seeds = range(given.seed, given.seed + given.seeds)

    async def all_of_it() -> list[Outcome]:
        async with lane() as one:
            return await sweep(one, chosen, given.phase or list(PHASES), seeds)

    found = asyncio.run(all_of_it())
    bad = [outcome for outcome in found if outcome.bad]
    worst = max((outcome.recovery_s for outcome in found), default=0.0)
    print(f"faults={len(chosen)} cases={len(found)} bad={len(bad)} worst_recovery_s={worst:.1f} seed={given.seed}")
    return 1 if bad else 0


def _listed() -> int:
    for number in sorted({*FAULTS, *ELSEWHERE, *WAITING}):
        if number in FAULTS:
            print(f"{number}  injected: {FAULTS[number].words} ({', '.join(FAULTS[number].phases)})")
        elif number in ELSEWHERE:
            print(f"{number}  by {ELSEWHERE[number]}")
        else:
            print(f"{number}  waits for: {WAITING[number]}")
    with contextlib.suppress(BrokenPipeError):
        print(f"two at once: {', '.join(PAIRS)}")
        print(f"injected={len(FAULTS)} elsewhere={len(ELSEWHERE)} waiting={len(WAITING)}")
    return 0
