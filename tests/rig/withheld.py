"""`python -m tests.rig withheld`: a person edits an object of an App at rest, and the event that tells of it is lost.

Who knows nothing of it heals nothing: that is the control, in which lists come again only after ten minutes. Then the
same with lists that come again after seconds: the edit must be taken back by one write and nothing else. It must not
lose a second event: not that of MCD's own write either.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import time
from dataclasses import dataclass
from typing import Any

from tests.rig import oracles
from tests.rig.crash import OUT, base, commit_of
from tests.rig.lane import APP, Lane, Unsettled, lane
from tests.rig.oracles import Verdict
from tests.rig.others import MERGE, SERVICE
from tests.rig.rules import Events, Line, Rule
from tests.rig.workloads import SHAPES, WORKLOADS

SOON: dict[str, Any] = {"mcd.kube.watch.RELISTED_AFTER": 2.0, "mcd.kube.client.WATCH_SECONDS": [3, 4]}
"""Ten minutes and up to six more, in seconds."""
EDITED = 8888
PATIENCE = 60.0


@dataclass
class Withheld:
    """What became of one edit. `seconds` until it was taken back."""

    number: int
    control: bool
    seconds: float
    writes: list[str]
    bad: list[str]


async def withheld(one: Lane, number: int, *, control: bool) -> Withheld:
    """One edit of which no watch tells."""
    found = Withheld(number, control, 0.0, [], [])
    verdict = Verdict(found.bad)
    begun = await base(one, WORKLOADS["W2-change"], SHAPES["plain"], {} if control else SOON)
    lost: list[str] = []
    told, listed = asyncio.Event(), asyncio.Event()

    async def without_the_edit(line: Line) -> list[bytes] | None:
        if b"initial-events-end" in line.raw:
            listed.set()
        ours = line.type == "MODIFIED" and line.name == f"{APP}-web" and not lost
        if not ours or _port(json.loads(line.raw)["object"]) != EDITED:
            return [line.raw]
        lost.append(line.name)
        told.set()
        return []

    rule = one.proxy.rule(Rule(Events(without_the_edit), verb="watch", resource="services"))
    one.proxy.hang_up()
    try:
        async with asyncio.timeout(PATIENCE):
            await rule.fired.wait()
            await one.settled()
            if not control:
                # Right after a list was read: a later one would tell of the edit.
                listed.clear()
                await listed.wait()
        at = time.monotonic()
        ports = [{"name": "http", "port": 80, "targetPort": EDITED}]
        await one.api.ok("PATCH", SERVICE, {"spec": {"ports": ports}}, MERGE)
        if control:
            async with asyncio.timeout(PATIENCE):
                await told.wait()
            await oracles.quiet(one, verdict)
            verdict.must(await _live(one) == EDITED, "it was healed though nobody told of it: another event came")
        else:
            await one.until(lambda: _healed(one), PATIENCE, "the edit is taken back")
            found.seconds = round(time.monotonic() - at, 2)
            await one.settled()
            verdict.must(bool(lost), "the event was not lost: a list came first")
            found.writes = [f"{fact.verb} {fact.resource}/{fact.name}" for fact in oracles.by_us(one, begun.mark)]
            verdict.must(found.writes == [f"patch services/{APP}-web"], f"written: {found.writes}")
    except (Unsettled, TimeoutError) as error:
        found.bad.append(f"not within {PATIENCE:g} s: {error}")
    return found


def _port(service: dict[str, Any]) -> int | str:
    port: int | str = service["spec"]["ports"][0]["targetPort"]
    return port


async def _live(one: Lane) -> int | str:
    return _port(await one.api.ok("GET", SERVICE))


async def _healed(one: Lane) -> bool:
    return await _live(one) != EDITED


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--times", type=int, default=3, help="edits beside the control (default 3)")


def run(given: argparse.Namespace) -> int:
    """Answers 0 when nothing was bad."""
    OUT.mkdir(parents=True, exist_ok=True)

    async def all_of_it() -> list[Withheld]:
        async with lane() as one:
            return [await withheld(one, number, control=number == 0) for number in range(given.times + 1)]

    found = asyncio.run(all_of_it())
    with (OUT / "withheld.jsonl").open("a") as file:
        for each in found:
            file.write(json.dumps({"commit": commit_of(), **dataclasses.asdict(each)}) + "\n")
            name = "control" if each.control else f"edit {each.number}"
            print(f"{'BAD' if each.bad else 'ok '} {name}: {each.seconds:.1f} s, written: {each.writes} {each.bad}")
    bad = [each for each in found if each.bad]
    worst = max(each.seconds for each in found)
    print(f"withheld count={given.times} control_silent={int(not found[0].bad)} bad={len(bad)} worst_s={worst:.1f}")
    return 1 if bad else 0
