"""`python -m tests.rig plants`: bugs that are planted on purpose, each of which a named small campaign must find.

A plant is a patch of at most ten lines, applied to a copy of the tree; one that does not apply any more is a failure.
The same campaigns on the tree as it is must raise no alarm. It must not alter the tree that it was started in.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig import crash, faults, handover
from tests.rig.catalogue import FAULTS
from tests.rig.crash import OUT, Point, Reference
from tests.rig.lane import TREE, Lane, Unsettled, lane
from tests.rig.zygote import Zygote

PATCHES = Path(__file__).with_name("plants")
_FOUND_BY = re.compile(r"^found by: (fault|point|handover|pytest) (\S+)$", re.MULTILINE)
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".git", ".venv", "out", "node_modules", "results", ".*_cache")
PATIENCE = 20.0
"""Seconds after which an MCD that does not come to rest is one that is broken."""


class Spoiled(Exception):
    """A patch that says nothing of its finder, or does not apply any more."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One planted bug: what it is, which kind of campaign must find it, and what exactly of it."""

    name: str
    words: str
    kind: str
    what: str
    lines: int

    @classmethod
    def read(cls, file: Path) -> Plant:
        text = file.read_text()
        found = _FOUND_BY.search(text)
        if found is None:
            raise Spoiled(f"{file.name}: says not what must find it")
        body = text[text.index("diff --git") :].splitlines()
        changed = [line for line in body if line[:1] in "+-" and not line.startswith(("+++", "---"))]
        return cls(file.stem, text.splitlines()[0], found[1], found[2], len(changed))


def plants() -> list[Plant]:
    return [Plant.read(file) for file in sorted(PATCHES.glob("*.patch"))]


@dataclass
class Copy:
    """A copy of the tree, with one plant in it at a time."""

    folder: Path

    @contextmanager
    def planted(self, plant: Plant) -> Iterator[None]:
        self._apply(plant)
        try:
            yield
        finally:
            self._apply(plant, "--reverse")

    def _apply(self, plant: Plant, *options: str) -> None:
        command = ["patch", "-p1", "--silent", "--fuzz=1", "--no-backup-if-mismatch", *options]
        text = (PATCHES / f"{plant.name}.patch").read_bytes()
        done = subprocess.run(command, cwd=self.folder, input=text, capture_output=True, check=False)
        if done.returncode != 0:
            raise Spoiled(f"{plant.name}: does not apply any more: {done.stdout.decode().strip()}")


TREES = ("mcd", "tests", "scripts", "charts", "migrations", "pyproject.toml")


def copied(folder: Path, names: Sequence[str] = TREES) -> Copy:
    """A copy of the parts of the tree that the campaigns need."""
    folder.mkdir(exist_ok=True)
    for name in names:
        source = TREE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=_NOT_COPIED)
        else:
            shutil.copy(source, folder / name)
    return Copy(folder)


# --- one plant --------------------------------------------------------------------------------------------------------


@dataclass
class Sought:
    """What a campaign said of a tree."""

    plant: str
    found: bool
    by: str
    seconds: float
    said: list[str]


@dataclass
class Search:
    """Runs the campaigns. The references are those of the tree as it is."""

    one: Lane
    seed: int
    calm: dict[tuple[str, str], Reference] = field(default_factory=dict)
    silent: set[tuple[str, str]] = field(default_factory=set)
    """Campaigns that were run on the tree as it is already, and raised no alarm."""

    async def reference(self, workload: str, shape: str) -> Reference:
        if (workload, shape) not in self.calm:
            self.calm[workload, shape] = await crash.reference(self.one, workload, shape)
        return self.calm[workload, shape]

    async def prepare(self, chosen: Sequence[Plant]) -> None:
        """All references, while nothing is planted."""
        for plant in chosen:
            for place in _places(plant):
                await self.reference(*place)

    async def campaign(self, plant: Plant, tree: Path) -> list[str]:
        """What the plant's own campaign has against the tree."""
        if plant.kind == "pytest":
            return await asyncio.to_thread(_tested, tree, plant.what)
        await self.one.killed()
        zygote, before = Zygote(tree), self.one.zygote
        await zygote.open()
        try:
            self.one.zygote = zygote
            return await self._alarms(plant)
        except Unsettled as error:
            return [f"G4: {error}"]
        finally:
            await self.one.killed()
            self.one.zygote = before
            await zygote.close()

    async def _alarms(self, plant: Plant) -> list[str]:
        calm = await self.reference(*_places(plant)[0])
        if plant.kind == "fault":
            number, _, phase = plant.what.partition("/")
            outcome = await faults.played(self.one, FAULTS[number], phase, self.seed, calm, patience=PATIENCE)
            return outcome.bad
        if plant.kind == "point":
            return (await crash.trial(self.one, Point.read(plant.what), calm)).bad
        name, shape, at, number = plant.what.split("/")
        return (await handover.handed(self.one, name, shape, int(number), at, calm)).bad


def _places(plant: Plant) -> list[tuple[str, str]]:
    """The workload and shape whose undisturbed run the campaign is compared with."""
    if plant.kind == "fault":
        number, _, phase = plant.what.partition("/")
        return [(faults.PHASES[phase], FAULTS[number].shape)]
    if plant.kind == "point":
        point = Point.read(plant.what)
        return [(point.workload, point.shape)]
    if plant.kind == "handover":
        name, shape, *_ = plant.what.split("/")
        return [(handover.STORIES[name].ends_as, shape)]
    return []


def _tested(tree: Path, node: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "--no-header", "-p", "no:randomly", node]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode not in (0, 1):
        raise Spoiled(f"{node}: pytest ended with {done.returncode}: {done.stdout[-300:]}")
    return [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))][:3]


# --- the campaign -----------------------------------------------------------------------------------------------------


async def search(
    searching: Search, chosen: Sequence[Plant], *, planting: bool = True, control: bool = True
) -> tuple[list[Sought], int]:
    """Looks for each plant. Answers what was found, and how many alarms the unplanted tree raised."""
    found, alarms = list[Sought](), 0
    folder = Path(tempfile.mkdtemp(prefix="mcd-plants-", dir="/tmp"))
    try:
        copy = await asyncio.to_thread(copied, folder)
        await searching.prepare(chosen)
        for plant in chosen if planting else ():
            began = time.monotonic()
            with copy.planted(plant):
                said = await searching.campaign(plant, folder)
            sought = Sought(plant.name, bool(said), f"{plant.kind} {plant.what}", time.monotonic() - began, said)
            found.append(sought)
            _tell(sought, plant, searching.seed)
        campaigns = dict.fromkeys((plant.kind, plant.what) for plant in chosen)
        for kind, what in [each for each in campaigns if each not in searching.silent] if control else ():
            said = await searching.campaign(Plant("control", "nothing is planted", kind, what, 0), folder)
            alarms += bool(said)
            for each in said:
                print(f"ALARM without a plant: {kind} {what}: {each}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found, alarms


def _tell(sought: Sought, plant: Plant, seed: int) -> None:
    with (OUT / "plants.jsonl").open("a") as file:
        file.write(json.dumps({"commit": crash.commit_of(), "seed": seed, **dataclasses.asdict(sought)}) + "\n")
    verdict = "found    " if sought.found else "NOT FOUND"
    print(f"{verdict} {sought.seconds:5.1f} s  {plant.name} ({sought.by}): {plant.words}", flush=True)
    for said in sought.said[:1]:
        print(f"                   {said[:200]}", flush=True)
    if not sought.found:
        print(f"    python -m tests.rig plants --plant {plant.name}", flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plant", action="append", default=[], choices=[plant.name for plant in plants()])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only-control", action="store_true", help="plant nothing")
    parser.add_argument("--no-control", action="store_true", help="do not run the campaigns on the tree as it is")


def run(given: argparse.Namespace) -> int:
    """Answers 0 when all plants were found and nothing else was."""
    OUT.mkdir(parents=True, exist_ok=True)
    chosen = [plant for plant in plants() if not given.plant or plant.name in given.plant]

    async def all_of_it() -> tuple[list[Sought], int]:
        async with lane() as one:
            searching = Search(one, given.seed)
            return await search(searching, chosen, planting=not given.only_control, control=not given.no_control)

    sought, alarms = asyncio.run(all_of_it())
    found = sum(each.found for each in sought)
    slowest = max((each.seconds for each in sought if each.found), default=0.0)
    said = "not run" if given.no_control else str(alarms)
    print(f"plants planted={len(sought)} found={found} slowest_s={slowest:.1f} control_alarms={said} seed={given.seed}")
    return 0 if found == len(sought) and not alarms else 1
