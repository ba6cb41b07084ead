"""`python -m tests.rig slice`: a fixed part of every campaign on one lane, in less than six minutes on a quiet machine.

What CI runs beside the tests. It must not judge or draw anything by itself: the campaigns do.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from tests.rig import crash, faults, handover, plants
from tests.rig.catalogue import FAULTS
from tests.rig.lane import lane

POINTS, PER_PAIR, HANDED = 20, 4, 4
FAULTS_OF_IT = ("F03", "F11", "F22", "F23", "F31", "F53")
PLANTS_OF_IT = ("error-event-ignored", "lost-lease", "partial-list", "stale-delete")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=7)


def run(given: argparse.Namespace) -> int:
    """Answers 0 when nothing was bad, every plant was found and the tree as it is raised no alarm."""
    return asyncio.run(_run(given.seed))


async def _run(seed: int) -> int:
    began, took = time.monotonic(), list[str]()
    calm: dict[tuple[str, str], crash.Reference] = {}

    def over(part: str) -> None:
        took.append(f"{part} {time.monotonic() - began:.0f}")

    crash.OUT.mkdir(parents=True, exist_ok=True)
    async with lane() as one:
        over("started")
        campaign = crash.Campaign(seed, POINTS, float("inf"), crash.OUT / "slice.jsonl")
        campaign.file.unlink(missing_ok=True)
        await crash.sweep(one, campaign, crash.pairs(), PER_PAIR)
        over("crash")
        broken = await faults.sweep(one, [FAULTS[number] for number in FAULTS_OF_IT], ["update"], [seed], calm)
        over("faults")
        chosen = [plant for plant in plants.plants() if plant.name in PLANTS_OF_IT]
        silent = {("fault", each.point.rpartition("/")[0]) for each in broken if not each.bad}
        sought, alarms = await plants.search(plants.Search(one, seed, calm, silent), chosen)
        over("plants")
        handed = await handover.sweep(one, HANDED, seed, calm)
        over("handover")
    found = sum(each.found for each in sought)
    stale, bad = sum(bool(each.bad) for each in handed), sum(bool(each.bad) for each in broken)
    print(
        f"{campaign.line()}; faults={len(broken)} bad={bad}; plants planted={len(sought)} found={found} "
        f"control_alarms={alarms}; handover count={sum(each.reached for each in handed)} stale_effects={stale}; "
        f"{time.monotonic() - began:.0f} s ({', '.join(took)})"
    )
    return 0 if not (campaign.bad or bad or alarms or stale) and found == len(PLANTS_OF_IT) else 1
