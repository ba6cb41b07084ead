"""Secrets: sealed, bound to their place, never shown, and never lost by us."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import orjson
import pytest
from sqlalchemy import delete, select, update

from mcd.errors import Code, McdError
from mcd.model import Noun, RolloutItem, SecretText
from mcd.store import intents, reads, secrets
from mcd.store import tables as t
from mcd.store.keyring import KeyRing, add_key, create_keyring, read_keyring
from mcd.store.session import Database
from tests.store.world import ADMIN, World

CANARY = "s3cr3t-canary-7f3a"


async def _set(world: World, app: str = "shop", name: str = "payment", **values: str) -> None:
    async with world.db.writing() as tx:
        await intents.set_secret(ADMIN, tx, world.now, name, values or {"token": CANARY}, app=app)


async def _value(
    world: World, app: str = "shop", name: str = "payment", db: Database | None = None, **how: object
) -> str:
    async with (db or world.db).reading() as tx:
        app_id = (await reads.app(ADMIN, tx, app)).id
        opened = await secrets.secret_values(tx, app_id, [name], **how)  # type: ignore[arg-type]
    return opened[name]["token"].reveal()


def test_a_secret_shows_itself_nowhere() -> None:
    secret = SecretText(CANARY)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        "%s" % secret,  # noqa: UP031
        json.dumps({"a": secret}),
        orjson.dumps({"a": secret}).decode(),
        repr({"a": [secret]}),
        secret + "",
    ]
    assert not [text for text in shown if "canary" in text]
    assert secret.reveal() == CANARY
    assert secret == SecretText(CANARY)
    assert secret != SecretText("another")
    assert secret != "***"
    with pytest.raises(TypeError):
        __import__("pickle").dumps(secret)


async def test_a_value_is_opened_as_it_was_set_and_nowhere_in_the_open(world: World, url: str, tmp_path: Path) -> None:
    await world.app("shop", released=True)
    await _set(world)
    assert await _value(world) == CANARY
    async with world.db.reading() as tx:
        for table in t.metadata.sorted_tables:
            assert "canary" not in str(await tx.rows(select(table))), table.name
        names = await reads.secret_names(ADMIN, tx, app="shop")
        settings = await reads.settings(ADMIN, tx, "shop")
    assert [(n.name, n.keys, n.version) for n in names] == [("payment", ("token",), 1)]
    assert settings.values == {"secrets": {"payment": {"keys": ["token"], "version": 1}}}
    if url.startswith("sqlite"):
        await world.db.close()
        assert not [f for f in tmp_path.iterdir() if f.is_file() and CANARY.encode() in f.read_bytes()]


async def test_setting_a_secret_makes_a_rollout_with_its_version(world: World) -> None:
    await world.app("shop", released=True)
    await _set(world)
    await _set(world, token="second")
    lease = await world.one(Noun.ROLLOUT)
    assert isinstance(lease.item, RolloutItem)
    assert lease.item.settings.values["secrets"]["payment"]["version"] == 2
    assert await _value(world) == "second"
    assert await _value(world, versions={"payment": 1}) == CANARY


@pytest.mark.parametrize("owner", [{"app": "shop"}, {"product_line": "demo"}], ids=["app", "product-line"])
async def test_a_version_that_was_removed_never_comes_back_under_another_value(
    world: World, owner: dict[str, str]
) -> None:
    await world.app("shop", released=True)
    of_line = "product_line" in owner

    async def put(value: str) -> int:
        async with world.db.writing() as tx:
            return (await intents.set_secret(ADMIN, tx, world.now, "payment", {"token": value}, **owner)).version

    assert [await put("first"), await put("second")] == [1, 2]
    for nth in (3, 4):
        async with world.db.writing() as tx:
            await intents.unset_secret(ADMIN, tx, world.now, "payment", **owner)
        assert await put(f"value {nth}") == nth
    assert await _value(world, of_line=of_line) == "value 4"
    for gone in (1, 2, 3):
        with pytest.raises(McdError, match=f"no version {gone} of the secret") as refused:
            await _value(world, of_line=of_line, versions={"payment": gone})
        assert refused.value.reason == "SecretMissing"


async def test_a_secret_that_an_older_program_set_goes_on_from_its_version(world: World) -> None:
    await world.app("shop", released=True)
    await _set(world)
    async with world.db.writing() as tx:
        await tx.run(delete(t.secret_counter))
        await tx.run(update(t.secret).values(version=7))
    await _set(world, token="next")
    assert await _value(world, versions={"payment": 8}) == "next"


async def test_nothing_of_an_app_that_is_gone_is_counted(world: World) -> None:
    await world.app("shop")
    await _set(world)
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "shop")
    async with world.db.reading() as tx:
        assert await tx.rows(select(t.secret_counter).where(t.secret_counter.c.name == "payment")) == []


async def test_a_secret_of_the_product_line_wakes_its_apps(world: World) -> None:
    await world.app("shop", released=True)
    await world.record(await world.one(Noun.ROLLOUT), world.built())
    assert await world.take(Noun.ROLLOUT) == []
    async with world.db.writing() as tx:
        await intents.set_secret(ADMIN, tx, world.now, "wildcard", {"token": CANARY}, product_line="demo")
    lease = await world.one(Noun.ROLLOUT)
    assert lease.item.line.wishes["secrets"] == {"wildcard": {"keys": ["token"], "version": 1}}  # type: ignore[union-attr]
    assert await _value(world, name="wildcard", of_line=True) == CANARY
    with pytest.raises(McdError) as refused:
        await _value(world, name="wildcard")
    assert refused.value.reason == "SecretMissing"


async def test_two_rows_that_were_swapped_are_refused(world: World) -> None:
    await world.app("shop")
    await world.app("face")
    await _set(world, token=CANARY)
    await _set(world, app="face", token="of face")
    async with world.db.writing() as tx:
        rows = await tx.rows(select(t.secret).where(t.secret.c.name == "payment"))
        for row, other in zip(rows, reversed(rows), strict=True):
            await tx.run(
                update(t.secret)
                .where(t.secret.c.owner_id == row["owner_id"], t.secret.c.name == "payment")
                .values(nonce=other["nonce"], sealed=other["sealed"])
            )
    for app in ("shop", "face"):
        with pytest.raises(McdError) as refused:
            await _value(world, app)
        assert refused.value.reason == "SecretUnreadable"
        assert "canary" not in str(refused.value)


async def test_a_key_renamed_or_a_version_set_back_is_refused(world: World) -> None:
    await world.app("shop")
    await _set(world)
    async with world.db.writing() as tx:
        await tx.run(update(t.secret).where(t.secret.c.name == "payment").values(version=7))
    with pytest.raises(McdError) as refused:
        await _value(world)
    assert refused.value.reason == "SecretUnreadable"


async def test_without_the_key_ring_nothing_is_read_set_or_lost(world: World, url: str) -> None:
    await world.app("shop", released=True)
    await _set(world)
    bare = Database(url)
    stranger = Database(url, KeyRing((("other", b"k" * 32),)))
    try:
        for db, reason in ((bare, "KeyRingMissing"), (stranger, "KeyMissing")):
            with pytest.raises(McdError) as refused:
                await _value(world, db=db)
            assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, reason)
        with pytest.raises(McdError) as refused:
            async with bare.writing() as tx:
                await intents.set_secret(ADMIN, tx, world.now, "payment", {"token": "x"}, app="shop")
        assert refused.value.reason == "KeyRingMissing"
        async with bare.writing() as tx:
            await intents.change_settings(
                ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": 2}}}
            )
    finally:
        await bare.close()
        await stranger.close()
    assert await _value(world) == CANARY


async def test_rotation_leaves_every_value_readable_at_every_step(world: World, url: str, tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    old = create_keyring(path)
    first = Database(url, old)
    try:
        world.db = first
        async with first.writing() as tx:
            await intents.change_cluster(ADMIN, tx, world.now, "local", kubeconfig="kubeconfig " + CANARY)
        async with first.writing() as tx:
            cluster = (await reads.cluster(ADMIN, tx, "local")).id
            await secrets.forget(tx, "nobody")
        await world.app("shop")
        await _set(world)
        async with first.writing() as tx:
            await intents.set_secret(ADMIN, tx, world.now, "wildcard", {"token": "line"}, product_line="demo")
            # The first kubeconfig was sealed with the key ring of the fixture.
            await tx.run(t.secret.delete().where(t.secret.c.key_id != old.newest))
        both = add_key(path)
        assert both.ids[1:] == old.ids
        second = Database(url, both)
        assert await _value(world, db=second) == CANARY
        assert await secrets.rotate(second, batch=2) == 3
        assert await secrets.rotate(second) == 0
        await second.close()
        new = Database(url, KeyRing(both.keys[:1]))
        assert await _value(world, db=new) == CANARY
        assert await _value(world, db=new, name="wildcard", of_line=True) == "line"
        async with new.reading() as tx:
            assert (await secrets.credentials(tx, cluster)).reveal().endswith(CANARY)
            assert set(await secrets.keys_in_use(tx)) == {both.newest}
        await new.close()
    finally:
        await first.close()


async def test_an_unset_secret_is_gone_with_all_its_versions(world: World) -> None:
    await world.app("shop")
    await _set(world)
    await _set(world, token="second")
    async with world.db.writing() as tx:
        await intents.unset_secret(ADMIN, tx, world.now, "payment", app="shop")
    async with world.db.reading() as tx:
        assert await tx.rows(select(t.secret).where(t.secret.c.name == "payment")) == []
        assert (await reads.settings(ADMIN, tx, "shop")).values == {}
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await intents.unset_secret(ADMIN, tx, world.now, "payment", app="shop")
    assert refused.value.code is Code.NOT_FOUND


# --- the file -------------------------------------------------------------------------------------------------------


def test_the_key_ring_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = create_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keyring(path) == made
    with pytest.raises(McdError) as refused:
        create_keyring(path)
    assert refused.value.code is Code.CONFLICT
    assert read_keyring(path) == made
    assert add_key(path).keys[1:] == made.keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"a": "short"}', '{"a": 1}', '{"a": "' + "A" * 43 + '=", "a": "x"}', "[" * 100_000],
)
def test_a_broken_key_ring_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(McdError) as refused:
        read_keyring(path)
    assert refused.value.code is Code.UNAVAILABLE
    assert "\n" not in str(refused.value)
    assert "AAAA" not in str(refused.value)


def test_a_key_ring_shows_no_key() -> None:
    assert "kkkk" not in repr(KeyRing((("a", b"k" * 32),)))
