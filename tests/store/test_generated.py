"""What is made once for an App: once, whoever asks at the same time, and never again by itself."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from mcd.errors import McdError
from mcd.model import Noun, RolloutItem
from mcd.store import intents, reads, secrets
from mcd.store import tables as t
from mcd.store.keyring import create_keyring
from mcd.store.session import Database
from tests.store.world import ADMIN, World

MAKER = """
import asyncio, hashlib, os, sys
from datetime import UTC, datetime
from pathlib import Path
from mcd.store import secrets
from mcd.store.keyring import read_keyring
from mcd.store.session import Database

url, keys, app, dies = sys.argv[1:]

async def main():
    db = Database(url, read_keyring(Path(keys)))
    print("ready", flush=True)
    sys.stdin.readline()
    async with db.writing() as tx:
        made = await secrets.make_once(tx, datetime(2026, 5, 3, tzinfo=UTC), app, {"KEY": 40, "OTHER": 16})
        if dies == "before":
            os._exit(9)
    if dies == "after":
        os._exit(9)
    print(hashlib.sha256(made["KEY"].reveal().encode()).hexdigest())
    await db.close()

asyncio.run(main())
"""


async def app_id(world: World, app: str = "shop") -> str:
    async with world.db.reading() as tx:
        return (await reads.app(ADMIN, tx, app)).id


async def make(db: Database, world: World, app: str, **lengths: int) -> dict[str, str]:
    async with db.writing() as tx:
        made = await secrets.make_once(tx, world.now, app, lengths)
    return {name: value.reveal() for name, value in made.items()}


async def versions(world: World, app: str) -> dict[str, int]:
    async with world.db.reading() as tx:
        return (await secrets.made(tx, [app])).get(app, {})


async def test_a_value_has_as_many_letters_and_digits_as_were_asked_for(world: World) -> None:
    await world.app("shop")
    made = await make(world.db, world, await app_id(world), KEY=16, LONG=128)
    assert re.fullmatch(r"[A-Za-z0-9]{16}", made["KEY"])
    assert re.fullmatch(r"[A-Za-z0-9]{128}", made["LONG"])
    assert len(set(made["LONG"])) > 20


async def test_a_value_stays_whatever_length_is_asked_for_later_and_who_else_comes(world: World) -> None:
    await world.app("shop")
    await world.app("other")
    shop = await app_id(world)
    first = await make(world.db, world, shop, KEY=16)
    assert await make(world.db, world, shop, KEY=64, MORE=20) == {**first, "MORE": (await make(
        world.db, world, shop, MORE=20))["MORE"]}  # fmt: skip
    assert (await make(world.db, world, await app_id(world, "other"), KEY=16))["KEY"] != first["KEY"]
    assert await versions(world, shop) == {"KEY": 1, "MORE": 1}


async def test_two_controllers_that_ask_at_once_get_one_value(world: World, other: Database) -> None:
    await world.app("shop")
    shop = await app_id(world)
    for number in range(5):
        name = f"KEY{number}"
        mine, theirs = await asyncio.gather(
            make(world.db, world, shop, **{name: 32}), make(other, world, shop, **{name: 32})
        )
        assert mine == theirs
    assert set((await versions(world, shop)).values()) == {1}


async def started(url: str, keys: Path, app: str, dies: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAKER, url, str(keys), app, dies,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert process.stdout is not None
    assert (await asyncio.wait_for(process.stdout.readline(), 60)) == b"ready\n"
    return process


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    out, _ = await asyncio.wait_for(process.communicate(b"go\n"), 60)
    assert process.returncode is not None
    return process.returncode, out.decode().strip()


@pytest.fixture
async def keyed(url: str, tmp_path: Path) -> tuple[Database, Path]:
    """The database under a key ring that other processes read, too."""
    keys = tmp_path / "shared-keys.json"
    return Database(url, create_keyring(keys)), keys


async def test_processes_that_make_it_at_once_have_one_value(
    world: World, url: str, keyed: tuple[Database, Path]
) -> None:
    await world.app("shop")
    shop, (db, keys) = await app_id(world), keyed
    makers = [await started(url, keys, shop, "never") for _ in range(3)]
    done = await asyncio.gather(*(ended(maker) for maker in makers))
    assert {code for code, _ in done} == {0}
    stored = (await make(db, world, shop, KEY=16))["KEY"]
    assert {said for _, said in done} == {hashlib.sha256(stored.encode()).hexdigest()}
    assert await versions(world, shop) == {"KEY": 1, "OTHER": 1}
    await db.close()


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_a_process_that_is_killed_leaves_all_of_it_or_nothing(
    world: World, url: str, keyed: tuple[Database, Path], dies: str
) -> None:
    await world.app("shop")
    shop, (db, keys) = await app_id(world), keyed
    code, _ = await ended(await started(url, keys, shop, dies))
    assert code == 9
    assert await versions(world, shop) == ({} if dies == "before" else {"KEY": 1, "OTHER": 1})
    made = await make(db, world, shop, KEY=16, OTHER=16)
    assert len(made["KEY"]) == (16 if dies == "before" else 40)
    assert await make(db, world, shop, KEY=16, OTHER=16) == made
    await db.close()


async def test_another_value_is_another_version_of_that_variable_alone(world: World) -> None:
    await world.app("shop", released=True)
    shop = await app_id(world)
    before = await make(world.db, world, shop, KEY=16, OTHER=16)
    number = (await world.live("shop")).number
    async with world.db.writing() as tx:
        assert await intents.rotate_generated(ADMIN, tx, world.now, "shop", "KEY", length=20) == 2
    after = await make(world.db, world, shop, KEY=16, OTHER=16)
    assert after["OTHER"] == before["OTHER"]
    assert len(after["KEY"]) == 20
    assert await versions(world, shop) == {"KEY": 2, "OTHER": 1}
    lease = await world.one(Noun.ROLLOUT)
    assert isinstance(lease.item, RolloutItem)
    assert (lease.item.rollout.number, lease.item.app.generated) == (number + 1, {"KEY": 2, "OTHER": 1})


async def test_what_was_never_made_is_not_made_anew(world: World) -> None:
    await world.app("shop", released=True)
    async with world.db.writing() as tx:
        with pytest.raises(McdError, match='nothing was generated as "KEY"'):
            await intents.rotate_generated(ADMIN, tx, world.now, "shop", "KEY")


async def test_a_list_of_secrets_says_which_were_generated_and_no_value(world: World) -> None:
    await world.app("shop", released=True)
    made = await make(world.db, world, await app_id(world), KEY=32)
    async with world.db.writing() as tx:
        await intents.set_secret(ADMIN, tx, world.now, "payment", {"token": "x"}, app="shop")
    async with world.db.reading() as tx:
        names = await reads.secret_names(ADMIN, tx, app="shop")
        everything = [str(await tx.rows(select(table))) for table in t.metadata.sorted_tables]
    assert [(n.name, n.keys, n.version, n.generated) for n in names] == [
        ("KEY", ("KEY",), 1, True),
        ("payment", ("token",), 1, False),
    ]
    assert not [text for text in everything if made["KEY"] in text]
    assert any("Secret KEY was generated" in text for text in everything), "people see that there is one"


async def test_nothing_is_made_for_an_app_that_is_gone_and_nothing_of_it_is_left(world: World) -> None:
    await world.app("shop")
    shop = await app_id(world)
    await make(world.db, world, shop, KEY=16)
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "shop")
    assert await versions(world, shop) == {}
    with pytest.raises(McdError, match="the App is gone"):
        await make(world.db, world, shop, KEY=16)
