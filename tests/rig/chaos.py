"""`python -m tests.rig chaos`: everything of MCD is killed at random moments while many Apps roll out.

Each life of the process begins with wishes of people and ends with SIGKILL, sooner or later; now and then the API
server dies with it. When all lives are over everything must be as it was wished last: each object made once, none
deleted that was wanted, and the same as where nobody was killed. It must not know how a Rollout works.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcd.store import intents
from mcd.store.session import Database
from tests.rig import oracles
from tests.rig.crash import OUT, commit_of
from tests.rig.lane import ADMIN, LINE, Lane, Unsettled, lane
from tests.rig.oracles import Verdict

LONGEST_LIFE = 3.0
"""Seconds after its first wish that a process lives at the most."""
GOING = 10
"""One App of so many is deleted on the way."""
HOUR = {"mcd.store.leases.QUARANTINED_FOR": 3.0}
"""What was worked on at three deaths is left alone for an hour, which passes in some seconds here."""
LAST = 600.0
"""Seconds in which all must be as wished when nobody is killed any more."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it: so many Apps, Rollouts and deaths; the API server dies with every n-th, 0: with none."""

    apps: int
    rollouts: int
    kills: int
    servers: int


@dataclass
class Story:
    """What people have wished so far: the newest version of each App, and which are to go; and the dice of it all."""

    draw: random.Random
    version: dict[str, int] = field(default_factory=dict)
    going: set[str] = field(default_factory=set)


@dataclass
class Told:
    """One run, as it is kept."""

    seed: int
    size: Size
    rollouts: int = 0
    kills: int = 0
    quarantined: int = 0
    """How often a row was left alone because its process had died three times."""
    mid_pass: int = 0
    """Deaths at which the process held a row, so that a pass was under way."""
    servers: int = 0
    made: int = 0
    seconds: float = 0.0
    worst_settled_s: float = 0.0
    bad: list[str] = field(default_factory=list)

    def line(self) -> str:
        return (
            f"chaos rollouts={self.rollouts} apps={self.size.apps} kills={self.kills} mid_pass={self.mid_pass} "
            f"quarantined={self.quarantined} "
            f"api_server_kills={self.servers} objects_made={self.made} bad={len(self.bad)} "
            f"settled_s={self.worst_settled_s:.1f} seed={self.seed}"
        )


def text_of(app: str, version: int) -> str:
    """Every version alters every component; from the third on there is one more. Nothing is ever left out again."""
    worker = '  worker: {type: daemon, image: "registry.test/worker:1"}\n' if version >= 3 else ""
    return (
        f'appname: {app}\nenv: {{STEP: "{version}"}}\ncomponents:\n'
        f'  web: {{type: web, image: "registry.test/hello:{version}"}}\n{worker}'
    )


def _commit(app: str, version: int) -> str:
    return f"{int(app.removeprefix('app-')):020x}{version:020x}"


# --- wishes -----------------------------------------------------------------------------------------------------------


async def push(db: Database, app: str, version: int, *, new: bool) -> None:
    async with db.writing() as tx:
        now = datetime.now(UTC)
        if new:
            await intents.create_app(ADMIN, tx, now, app, product_line=LINE)
        commit, text = _commit(app, version), text_of(app, version)
        await intents.push(ADMIN, tx, now, app, commit=commit, branch="main", app_yaml=text)


async def _delete(db: Database, app: str) -> None:
    async with db.writing() as tx:
        await intents.delete_app(ADMIN, tx, datetime.now(UTC), app)


async def _wish(db: Database, story: Story, size: Size) -> None:
    """One more wish: of the App that has waited longest for one, which is a new one as long as there are any."""
    live = [app for app in story.version if app not in story.going]
    if len(story.version) < size.apps:
        app = f"app-{len(story.version)}"
        story.version[app] = 1
        await push(db, app, 1, new=True)
        return
    if len(story.going) < size.apps // GOING and story.draw.random() < 0.1:
        app = story.draw.choice(live)
        story.going.add(app)
        await _delete(db, app)
        return
    app = min(live, key=lambda each: (story.version[each], each))
    story.version[app] += 1
    await push(db, app, story.version[app], new=False)


# --- lives ------------------------------------------------------------------------------------------------------------


def _rollouts(one: Lane) -> int:
    return int(one.rows("SELECT count(*) AS n FROM rollout")[0]["n"])


def _quarantined(one: Lane) -> int:
    return int(one.rows("SELECT count(*) AS n FROM event WHERE data LIKE '%Quarantined%'")[0]["n"])


def _held(one: Lane) -> int:
    tables = ("product_line", "release", "rollout")
    return sum(one.rows(f"SELECT count(*) AS n FROM {t} WHERE lease_token IS NOT NULL")[0]["n"] for t in tables)


async def _life(one: Lane, db: Database, told: Told, story: Story, wishes: int) -> None:
    """From a start to a SIGKILL; the wishes come at random moments of it."""
    since = len(one.proxy.journal)
    await one.start()

    async def works() -> bool:
        return len(one.proxy.journal) > since

    await one.until(works, 30.0, "the process asks its cluster")
    began, lasts = time.monotonic(), story.draw.uniform(0.1, LONGEST_LIFE)
    for at in sorted(story.draw.uniform(0, lasts) for _ in range(wishes)):
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        await _wish(db, story, told.size)
    await asyncio.sleep(max(0.0, began + lasts - time.monotonic()))
    one.kill()
    await one.died()
    told.kills += 1
    told.mid_pass += bool(_held(one))


async def _lives(one: Lane, told: Told, story: Story, verdict: Verdict) -> None:
    async with one.database() as db:
        await _lived(one, db, told, story, verdict)


async def _lived(one: Lane, db: Database, told: Told, story: Story, verdict: Verdict) -> None:
    size = told.size
    while told.kills < size.kills or _rollouts(one) < size.rollouts:
        if told.kills > 3 * size.kills:
            verdict.must(False, f"G4: {_rollouts(one)} Rollouts after {told.kills} deaths: it does not get on")
            return
        left = max(1, size.kills - told.kills)
        wishes = -(-max(0, size.rollouts - _rollouts(one)) // left)
        await _life(one, db, told, story, wishes)
        await oracles.named_before_made(one, verdict)
        if size.servers and told.kills % size.servers == 0:
            await one.api_server_dies()
            told.servers += 1
        if told.kills % 10 == 0:
            print(f"{told.kills} deaths, {_rollouts(one)} Rollouts, {len(verdict.bad)} bad", flush=True)


async def _settled(one: Lane, told: Told) -> None:
    began = time.monotonic()
    await one.start()
    await one.settled(LAST, expect=lambda: not one.stalled())
    told.worst_settled_s = round(time.monotonic() - began, 1)


async def run_once(one: Lane, size: Size, seed: int) -> Told:
    """All of it on one lane."""
    began, story, told = time.monotonic(), Story(random.Random(seed)), Told(seed, size)
    verdict = Verdict(told.bad)
    try:
        await one.fresh()
        one.times.update(HOUR)
        await one.start()
        await one.settled()
        await oracles.people(one)
        people = oracles.untouched(await oracles.everything(one))
        await one.killed()
        mark, since = one.witness.mark(), len(one.proxy.journal)
        await _lives(one, told, story, verdict)
        await _settled(one, told)
        told.rollouts, told.quarantined = _rollouts(one), _quarantined(one)
        found = await oracles.end(one)
        _judged(one, verdict, story, found.objects, oracles.by_us(one, mark))
        told.made = sum(oracles.made_and_deleted(oracles.by_us(one, mark))[0].values())
        oracles.agree(one, verdict, oracles.by_us(one, mark), since)
        await oracles.judged_others(one, verdict, people)
        await oracles.quiet(one, verdict, apps=sorted(set(story.version) - story.going))
        await _same_as_in_peace(one, verdict, story, found.objects)
    except (Unsettled, TimeoutError) as error:
        verdict.must(False, f"G4: {error or 'it did not die in time'}")
    told.seconds = round(time.monotonic() - began, 1)
    if told.bad:
        target = OUT / "bad" / f"chaos-{seed}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(one.data, target)
    return told


# --- judgements -------------------------------------------------------------------------------------------------------


def _judged(one: Lane, verdict: Verdict, story: Story, live: Mapping[str, Any], facts: Sequence[Any]) -> None:
    made, deleted = oracles.made_and_deleted(facts)
    twice = {name: count for name, count in made.items() if count != 1}
    verdict.must(not twice, f"counts: made more than once: {dict(list(twice.items())[:5])}")
    wrong = sorted(name for name in deleted if not _of(name, story.going))
    verdict.must(not wrong, f"counts: deleted and wanted: {wrong[:5]}")
    again = {name: count for name, count in deleted.items() if count != made.get(name, 0)}
    verdict.must(not again, f"counts: made and deleted differ: {dict(list(again.items())[:5])}")
    left = sorted(name for name in live if _of(name, story.going))
    verdict.must(not left, f"I28: left of Apps that are gone: {left[:5]}")
    outside = sorted({str(f) for f in facts if f.namespace != LINE})
    verdict.must(not outside, f"I05: written elsewhere: {outside[:5]}")
    for app, version in story.version.items():
        web = live.get(f"Deployment/{app}-web")
        if app in story.going:
            continue
        image = web and web["spec"]["template"]["spec"]["containers"][0]["image"]
        verdict.must(image == f"registry.test/hello:{version}", f"G1: {app} was wished {version} and runs {image}")
    rows = one.rows(
        "SELECT a.name, r.conditions FROM app a JOIN rollout r ON r.app_id = a.id AND r.live WHERE a.gone_at IS NULL"
    )
    ready = {
        row["name"] for row in rows if any(c["type"] == "Ready" and c["status"] for c in json.loads(row["conditions"]))
    }
    wanted = set(story.version) - story.going
    verdict.must(
        ready == wanted, f"G1: not Ready: {sorted(wanted - ready)[:5]}; too much: {sorted(ready - wanted)[:5]}"
    )
    inventory = {f"{row['kind']}/{row['name']}": row["uid"] for row in one.rows("SELECT * FROM inventory")}
    empty = sorted(name for name, uid in inventory.items() if not uid)
    verdict.must(not empty, f"I02: without a UID in the inventory: {empty[:5]}")


def _of(name: str, apps: set[str]) -> bool:
    """Whether an object is of one of these Apps, by its name (`Kind/app-7-web`)."""
    parts = name.partition("/")[2].split("-")
    return len(parts) >= 2 and parts[0] == "app" and f"app-{parts[1]}" in apps


async def _same_as_in_peace(one: Lane, verdict: Verdict, story: Story, then: Mapping[str, Any]) -> None:
    """Path independence (I30): the newest wishes alone, where nobody is killed, make the same objects."""
    await one.fresh()
    await one.start()
    await one.settled()
    await oracles.people(one)
    async with one.database() as db:
        for app, version in story.version.items():
            if app not in story.going:
                await push(db, app, version, new=True)
    await one.settled(LAST)
    now = (await oracles.end(one)).objects
    differ = Counter(name for name in {*now, *then} if _plain(now.get(name)) != _plain(then.get(name)))
    verdict.must(not differ, f"I30: otherwise than in peace: {sorted(differ)[:5]}")


def _plain(obj: Any) -> Any:
    """An object without how often it was changed."""
    if obj is None:
        return None
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("generation", "managers")}
    return {**obj, "metadata": meta}


# --- the campaign -----------------------------------------------------------------------------------------------------


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apps", type=int, default=100)
    parser.add_argument("--rollouts", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--servers", type=int, default=10, help="the API server dies with every n-th; 0: with none")
    parser.add_argument("--seed", type=int, default=7)


def run(given: argparse.Namespace) -> int:
    """Answers 0 when all was right at the end."""
    OUT.mkdir(parents=True, exist_ok=True)

    async def all_of_it() -> Told:
        async with lane() as one:
            return await run_once(one, Size(given.apps, given.rollouts, given.kills, given.servers), given.seed)

    told = asyncio.run(all_of_it())
    with (OUT / "chaos.jsonl").open("a") as file:
        file.write(json.dumps({"commit": commit_of(), **dataclasses.asdict(told)}) + "\n")
    for said in told.bad:
        print(f"BAD {said}", flush=True)
    print(f"{told.line()} {told.seconds:.0f} s")
    if told.bad:
        size = told.size
        print(f"    python -m tests.rig chaos --apps {size.apps} --rollouts {size.rollouts} --kills {size.kills} "
              f"--servers {size.servers} --seed {told.seed}")  # fmt: skip
    return 1 if told.bad else 0
