"""The data set of the benchmarks that need a database: so many Apps, product lines and clusters, each App with one live
Rollout that is seen as ready, and people with a token.

Written through the doors that MCD's own API uses, in a few large transactions. It must not measure.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from mcd.model import Actor, Condition, ConditionType, Reason, Role
from mcd.settings import Environment
from mcd.store import accounts, intents, reads
from mcd.store import tables as t
from mcd.store.keyring import create_keyring, read_keyring
from mcd.store.migrate import migrate
from mcd.store.nouns import conditions_json
from mcd.store.revisions import head
from mcd.store.session import Database
from scripts.promtool import cache

ADMIN = Actor("p0", "admin", admin=True)
APPS, LINES, CLUSTERS = 1490, 106, 20
"""The installation that MCD was built for."""
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
APP_YAML = 'appname: {name}\ncomponents:\n  web: {{type: web, image: "registry.test/hello@sha256:{digest}"}}\n'
PERSON = "bench"


@dataclass(frozen=True)
class Installation:
    """A folder as MCD_DATA with a database in it. `token` is of a member of `line`, which is the largest one, and
    `admin_token` of one who sees everything."""

    folder: Path
    token: str
    admin_token: str
    app: str
    line: str
    apps: int
    clusters: tuple[str, ...]


def sizes(apps: int, lines: int) -> list[int]:
    """Apps of each line: few lines have most of them (Zipf), and each has one at least."""
    weights = [1 / (rank + 1) ** 1.1 for rank in range(lines)]
    found = [1 + int((apps - lines) * weight / sum(weights)) for weight in weights]
    found[0] += apps - sum(found)
    return found


async def installation(folder: Path, apps: int = APPS, lines: int = LINES, clusters: int = CLUSTERS) -> Installation:
    """Makes one in an empty folder, or answers the one that is there."""
    settings, note = Environment(data=folder), folder / "bench.json"
    if note.exists():
        kept = json.loads(note.read_text())
        return Installation(
            folder, kept["token"], kept["admin_token"], kept["app"], kept["line"], apps, tuple(kept["clusters"])
        )
    db = _new(settings)
    try:
        names = tuple(f"c{number:02}" for number in range(clusters))
        owned = await _places(db, names, sizes(apps, lines))
        await _apps(db, owned)
        token = await person(db, PERSON, next(iter(owned)), admin=False)
        admin_token = await person(db, f"{PERSON}-admin", next(iter(owned)), admin=True)
    finally:
        await db.close()
    line = next(iter(owned))
    made = Installation(folder, token, admin_token, owned[line][-1], line, apps, names)
    kept = {"token": token, "admin_token": admin_token, "app": made.app, "line": line, "clusters": names}
    note.write_text(json.dumps(kept))
    return made


def _new(settings: Environment) -> Database:
    settings.data.mkdir(parents=True, exist_ok=True)
    migrate(settings.database)
    return Database(settings.database, create_keyring(settings.keys_file))


def kept() -> Path:
    """Where data sets stay between runs: one that other tables made is not taken."""
    return cache() / f"bench-{head()}"


def database(place: Installation) -> Database:
    """Its database, to be closed by whoever asked."""
    settings = Environment(data=place.folder)
    return Database(settings.database, read_keyring(settings.keys_file))


async def _places(db: Database, clusters: Sequence[str], counts: Sequence[int]) -> dict[str, list[str]]:
    """Makes clusters and lines; answers the names of the Apps of each line."""
    now = datetime.now(UTC)
    async with db.writing() as tx:
        for name in clusters:
            await intents.create_cluster(ADMIN, tx, now, name, kubeconfig=KUBECONFIG, facts={})
    owned: dict[str, list[str]] = {}
    async with db.writing() as tx:
        for number, count in enumerate(counts):
            line = f"line-{number:03}"
            await intents.create_product_line(ADMIN, tx, now, line, cluster=clusters[number % len(clusters)])
            owned[line] = [f"app-{number:03}-{each:03}" for each in range(count)]
    return owned


async def _apps(db: Database, owned: dict[str, list[str]]) -> None:
    now = datetime.now(UTC)
    for line, names in owned.items():
        async with db.writing() as tx:
            for name in names:
                await intents.create_app(ADMIN, tx, now, name, product_line=line)
                text = APP_YAML.format(name=name, digest="a" * 64)
                await intents.push(ADMIN, tx, now, name, commit="a" * 40, branch="main", app_yaml=text)
                await intents.request_rollout(ADMIN, tx, now, name, release=1)
    seen = {"observed_generation": t.rollout.c.generation, "conditions": conditions_json(_ready(now))}
    later = now + timedelta(days=1)
    async with db.writing() as tx:
        await tx.run(update(t.rollout).values(**seen, next_run_at=later))
        await tx.run(update(t.release).values(next_run_at=None))
        for table in (t.cluster, t.product_line):
            await tx.run(update(table).values(conditions=conditions_json(_ready(now)), next_run_at=later))


def _ready(now: datetime) -> tuple[Condition, ...]:
    said = "2 of 2 pods are ready and answer; the objects are as asked for."
    return (
        Condition(ConditionType.READY, True, Reason.READY, said, 1, now),
        Condition(ConditionType.RECONCILING, False, Reason.READY, "", 1, now),
        Condition(ConditionType.STALLED, False, Reason.READY, "", 1, now),
    )


async def person(db: Database, name: str, line: str, *, admin: bool) -> str:
    """A token of somebody new."""
    now, password = datetime.now(UTC), secrets.token_urlsafe(16)
    async with db.writing() as tx:
        await accounts.create_person(ADMIN, tx, now, name, password=password, default_product_line=line, admin=admin)
        await intents.add_member(ADMIN, tx, now, line, name, Role.DEVELOPER)
    async with db.writing() as tx:
        person = await reads.person(ADMIN, tx, name)
        _, text = await intents.create_token(Actor(person.id, name), tx, now, "bench", days=90)
    return text.reveal()
