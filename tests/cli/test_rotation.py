"""The key of secrets is rotated while MCD runs: who does it is told what to restart, in which order, and why."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcd.store import intents, liveness, processes, secrets
from mcd.store.keyring import create_keyring, read_keyring
from mcd.store.session import Database
from mcd.store.tx import Tx
from tests.cli.conftest import Ran, inside
from tests.controllers.world import ADMIN

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "operate.md"
ORDER = re.compile(r"mcd serve controllers.*mcd serve api", re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"MCD_DATA": str(tmp_path / "data"), "HOME": str(tmp_path), "COLUMNS": "200"}


def admin(environment: dict[str, str], *words: str) -> Ran:
    return inside(("admin", *words), stdin="", env=environment, cwd=Path(environment["HOME"]))


def written(environment: dict[str, str], work: Callable[[Tx], Awaitable[Any]]) -> None:
    """What a running MCD wrote into the database, with the keys of the file as it is."""
    data = Path(environment["MCD_DATA"])

    async def write() -> None:
        db = Database(f"sqlite:///{data}/mcd.db", read_keyring(data / "keys.json"))
        try:
            async with db.writing() as tx:
                await work(tx)
        finally:
            await db.close()

    asyncio.run(write())


def newest(environment: dict[str, str]) -> str:
    return read_keyring(Path(environment["MCD_DATA"]) / "keys.json").newest


def test_nothing_is_sealed_with_a_key_that_a_running_process_does_not_know(environment: dict[str, str]) -> None:
    assert admin(environment, "migrate").code == 0
    now, old = datetime.now(UTC), newest(environment)
    written(environment, lambda tx: intents.create_cluster(ADMIN, tx, now, "local", kubeconfig="x", facts={}))
    added = admin(environment, "add-key")
    assert ORDER.search(added.out)
    assert added.out.rstrip().endswith("mcd admin seal-again")
    key = newest(environment)
    for name, role in (("one", "controllers"), ("two", "api")):
        written(environment, lambda tx, n=name, r=role: processes.say(tx, n, f"{n}-holder", r, old, now))  # type: ignore[misc]
    written(environment, lambda tx: processes.say(tx, "new", "new", "controllers", key, now))
    written(environment, lambda tx: processes.say(tx, "dead", "dead", "api", old, now - timedelta(seconds=80)))
    refused = admin(environment, "seal-again", "--wait", "0")
    assert refused.code != 0
    assert refused.out == ""
    assert f"Not of: one (controllers, {old}), two (api, {old})." in refused.err
    assert ORDER.search(refused.err)
    assert in_use(environment) == {old: 1}, "what runs must go on to open its values"
    for name in ("one", "two"):
        written(environment, lambda tx, n=name: processes.say(tx, n, f"{n}-holder", "api", key, now))  # type: ignore[misc]
    sealed = admin(environment, "seal-again")
    assert sealed.out.startswith("1 values were sealed again"), sealed.err
    assert in_use(environment) == {key: 1}
    assert admin(environment, "seal-again").out.startswith("0 values were sealed again")


def in_use(environment: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}

    async def look(tx: Tx) -> None:
        found.update(await secrets.keys_in_use(tx))

    written(environment, look)
    return found


def test_a_controller_of_an_older_version_says_nothing_of_its_keys_and_is_not_trusted(
    environment: dict[str, str],
) -> None:
    assert admin(environment, "migrate").code == 0
    now = datetime.now(UTC)
    written(environment, lambda tx: liveness.beat(tx, "controllers-1", now))
    refused = admin(environment, "seal-again", "--wait", "0")
    assert refused.code != 0
    assert "controllers-1 (controllers, of an older version)" in refused.err
    written(environment, lambda tx: processes.say(tx, "a", "controllers-1", "controllers", newest(environment), now))
    assert admin(environment, "seal-again").code == 0


def test_a_process_says_its_key_while_it_runs_and_takes_it_back(environment: dict[str, str]) -> None:
    assert admin(environment, "migrate").code == 0
    data = Path(environment["MCD_DATA"])

    async def run() -> tuple[tuple[str, ...], tuple[str, ...]]:
        db = Database(f"sqlite:///{data}/mcd.db", read_keyring(data / "keys.json"))

        async def ignorant() -> tuple[str, ...]:
            async with db.reading() as tx:
                return await processes.without(tx, "k-other", datetime.now(UTC))

        try:
            async with processes.telling(db, "host-1", "one", "api", lambda: datetime.now(UTC)):
                during = await ignorant()
            return during, await ignorant()
        finally:
            await db.close()

    assert asyncio.run(run()) == ((f"host-1 (api, {newest(environment)})",), ())


def test_a_database_whose_key_is_gone_says_how_many_values_and_which_key(environment: dict[str, str]) -> None:
    assert admin(environment, "migrate").code == 0
    now, data = datetime.now(UTC), Path(environment["MCD_DATA"])
    written(environment, lambda tx: intents.create_cluster(ADMIN, tx, now, "local", kubeconfig="x", facts={}))
    old = newest(environment)
    assert admin(environment, "migrate").err.count("\n") == 1, "nothing is amiss"
    (data / "keys.json").unlink()
    create_keyring(data / "keys.json")
    said = f"1 values cannot be opened: they are sealed with key {old}, not in the key ring."
    migrated = admin(environment, "migrate")
    assert migrated.code == 0
    assert said in migrated.err
    refused = admin(environment, "seal-again")
    assert refused.code != 0
    assert said in refused.err
    assert in_use(environment) == {old: 1}


@pytest.mark.parametrize("command", ["add-key", "seal-again"])
def test_the_help_of_a_rotation_says_the_order_of_restarts(environment: dict[str, str], command: str) -> None:
    told = " ".join(admin(environment, command, "--help").out.split())
    assert "restart" in told
    assert ORDER.search(told)


def test_the_page_about_a_rotation_says_the_order_of_restarts() -> None:
    part = HOW_TO.read_text().partition("## Rotate the key of secrets")[2].partition("\n## ")[0]
    steps = ["mcd admin add-key", "mcd serve controllers", "mcd serve api", "mcd admin seal-again"]
    places = [part.index(step) for step in steps]
    assert places == sorted(places)
    assert "does not know" in part
