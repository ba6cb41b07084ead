"""How people prove who they are, and what is dead at once when it is taken away."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from mcd.errors import Code, McdError
from mcd.model import Actor, Role, Scope
from mcd.store import accounts, intents, reads
from mcd.store import tables as t
from mcd.store.credential import new_token, token_id_of
from mcd.store.session import Database
from mcd.store.visitors import Visitors
from tests.store.world import ADMIN, World

PASSWORD = "correct horse battery"


async def _alice(world: World) -> None:
    async with world.db.writing() as tx:
        await accounts.create_person(ADMIN, tx, world.now, "alice", password=PASSWORD, default_product_line="demo")
        await intents.add_member(ADMIN, tx, world.now, "demo", "alice", Role.OWNER)


async def _signed_in(world: World) -> tuple[str, Actor]:
    session = await accounts.sign_in(world.db, "alice", PASSWORD, world.now, "10.0.0.1")
    return session, await _by_session(world, session)


async def _token(world: World, actor: Actor, scope: Scope = Scope.ALL, days: int = 30) -> tuple[str, str]:
    async with world.db.writing() as tx:
        token, text = await intents.create_token(actor, tx, world.now, f"t-{scope}", scope=scope, days=days)
    return token.id, text.reveal()


async def _told(awaitable: object) -> str:
    with pytest.raises(McdError) as refused:
        await awaitable  # type: ignore[misc]
    return str(refused.value)


async def _code(awaitable: object) -> Code:
    with pytest.raises(McdError) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.code


async def _by_token(world: World, text: str) -> Actor:
    return await Visitors(world.db).by_token(text, world.now)


async def _by_session(world: World, text: str) -> Actor:
    return await Visitors(world.db).by_session(text, world.now)


async def test_a_session_is_its_person_until_it_ends(world: World) -> None:
    await _alice(world)
    session, alice = await _signed_in(world)
    assert (alice.name, alice.roles, alice.default_product_line) == ("alice", {"demo": Role.OWNER}, "demo")
    world.later(hours=12)
    assert await _code(_by_session(world, session)) is Code.UNAUTHENTICATED
    session, _ = await _signed_in(world)
    async with world.db.writing() as tx:
        await accounts.sign_out(tx, session)
    assert await _code(_by_session(world, session)) is Code.UNAUTHENTICATED


async def test_a_role_that_was_taken_away_is_gone_at_the_next_request(world: World) -> None:
    await _alice(world)
    session, _ = await _signed_in(world)
    async with world.db.writing() as tx:
        await intents.remove_member(ADMIN, tx, world.now, "demo", "alice")
    assert (await _by_session(world, session)).roles == {}


async def test_five_wrong_passwords_in_a_minute_are_enough_also_after_a_restart(
    world: World, other: Database, url: str
) -> None:
    await _alice(world)
    for _ in range(5):
        assert await _code(accounts.sign_in(world.db, "alice", "wrong", world.now, "10.0.0.1")) is Code.UNAUTHENTICATED
    with pytest.raises(McdError) as refused:
        await accounts.sign_in(other, "alice", PASSWORD, world.later(seconds=10), "10.0.0.1")
    assert refused.value.code is Code.RATE_LIMITED
    assert refused.value.retry_after == 50
    # Somebody else's guessing does not lock her out at another place.
    await accounts.sign_in(world.db, "alice", PASSWORD, world.now, "10.0.0.2")
    await accounts.sign_in(world.db, "alice", PASSWORD, world.later(seconds=50), "10.0.0.1")


async def test_guessing_with_many_names_or_from_many_places_is_limited_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "ATTEMPTS_OF_ONE", 7)
    await _alice(world)
    said = [
        await _code(accounts.sign_in(world.db, f"name{i}", "wrong", world.now, "10.0.0.9"))
        for i in range(accounts.ATTEMPTS_OF_ONE + 1)
    ]
    assert said[-2:] == [Code.UNAUTHENTICATED, Code.RATE_LIMITED]
    world.later(minutes=2)
    said = [
        await _code(accounts.sign_in(world.db, "alice", "wrong", world.now, f"10.0.1.{i}"))
        for i in range(accounts.ATTEMPTS_OF_ONE + 1)
    ]
    assert said[-2:] == [Code.UNAUTHENTICATED, Code.RATE_LIMITED]


async def test_signing_in_rightly_is_never_limited(world: World) -> None:
    await _alice(world)
    for _ in range(7):
        await _signed_in(world)


async def test_refusals_of_a_sign_in_are_one_sentence(world: World) -> None:
    await _alice(world)
    async with world.db.writing() as tx:
        await accounts.create_person(ADMIN, tx, world.now, "bob")
        await accounts.create_person(ADMIN, tx, world.now, "carol", password=PASSWORD)
        await accounts.change_person(ADMIN, tx, world.now, "carol", disabled=True)
    said = set()
    for name, password in (
        ("alice", "wrong"),
        ("bob", ""),
        ("carol", PASSWORD),
        ("nobody", PASSWORD),
        ("\x00", "\ud800"),
    ):
        with pytest.raises(McdError) as refused:
            await accounts.sign_in(world.db, name, password, world.now, "10.0.0.1")
        said.add((refused.value.code, str(refused.value)))
    assert len(said) == 1
    assert "\x00" not in str(await world.told())


def test_who_is_unknown_is_verified_with_as_much_work_as_who_is_known() -> None:
    known = accounts._hasher.hash(PASSWORD)
    assert accounts._NOBODY.rpartition("$")[0].rpartition("$")[0] == known.rpartition("$")[0].rpartition("$")[0]
    assert [len(part) for part in accounts._NOBODY.split("$")] == [len(part) for part in known.split("$")]
    assert not accounts._hasher.check_needs_rehash(accounts._NOBODY)


async def test_a_token_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    token_id, text = await _token(world, alice, Scope.DEPLOY)
    assert text.startswith(f"mcd_pat_{token_id}_")
    actor = await _by_token(world, text)
    assert (actor.name, actor.scope, actor.via) == ("alice", Scope.DEPLOY, "token")
    async with world.db.reading() as tx:
        for table in t.metadata.sorted_tables:
            assert text not in str(await tx.rows(select(table)))
    await world.db.close()
    async with world.db.reading() as tx:
        assert (await reads.tokens(alice, tx)).items[0].last_used_at == world.now


async def test_a_token_that_was_revoked_is_dead_at_the_next_call(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    token_id, text = await _token(world, alice)
    await _by_token(world, text)
    async with world.db.writing() as tx:
        await intents.revoke_token(alice, tx, world.now, token_id)
    assert await _code(_by_token(world, text)) is Code.UNAUTHENTICATED


async def test_a_token_ends(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    _, text = await _token(world, alice, days=1)
    world.later(days=1)
    assert await _code(_by_token(world, text)) is Code.UNAUTHENTICATED
    assert await _code(_token(world, alice, Scope.READ, days=91)) is Code.INVALID


async def test_a_disabled_person_is_nobody_at_once(world: World) -> None:
    await _alice(world)
    session, alice = await _signed_in(world)
    _, text = await _token(world, alice)
    async with world.db.writing() as tx:
        await accounts.change_person(ADMIN, tx, world.now, "alice", disabled=True)
        await accounts.change_person(ADMIN, tx, world.now, "alice", disabled=False)
    assert await _code(_by_session(world, session)) is Code.UNAUTHENTICATED
    assert await _code(_by_token(world, text)) is Code.UNAUTHENTICATED


async def test_only_who_holds_a_good_token_hears_that_its_account_is_disabled(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    token_id, text = await _token(world, alice, days=2)
    other = f"mcd_pat_{token_id}_{'b' * 49}"
    async with world.db.writing() as tx:
        await accounts.change_person(ADMIN, tx, world.now, "alice", disabled=True)
        assert (await reads.tokens(ADMIN, tx, "alice")).items == ()
    said = [await _told(_by_token(world, each)) for each in (text, other)]
    assert said[0] == "the account alice is disabled. Ask an admin of this MCD to enable it."
    assert said[1].startswith("the token is not accepted.")
    world.later(days=2)
    assert await _told(_by_token(world, text)) == said[1]


async def test_who_is_enabled_again_signs_in_anew_and_who_was_never_disabled_keeps_tokens(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    _, text = await _token(world, alice)
    async with world.db.writing() as tx:
        await accounts.change_person(ADMIN, tx, world.now, "alice", disabled=False)
    await _by_token(world, text)
    async with world.db.writing() as tx:
        await accounts.change_person(ADMIN, tx, world.now, "alice", disabled=True)
        await accounts.change_person(ADMIN, tx, world.now, "alice", disabled=False)
    assert (await _told(_by_token(world, text))).startswith("the token is not accepted.")


async def test_a_narrow_token_makes_and_lists_no_tokens(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    _, text = await _token(world, alice, Scope.DEPLOY)
    narrow = await _by_token(world, text)
    assert await _code(_token(world, narrow)) is Code.FORBIDDEN
    async with world.db.reading() as tx:
        assert await _code(reads.tokens(narrow, tx)) is Code.FORBIDDEN
    async with world.db.writing() as tx:
        assert await _code(accounts.set_password(narrow, tx, world.now, "alice", "x" * 20)) is Code.FORBIDDEN


@pytest.mark.parametrize(
    "text", ["", "nothing", "mcd_pat_", "mcd_pat_" + "a" * 12 + "_" + "b" * 49, "x" * 100_000, "\x00"]
)
async def test_what_is_not_a_token_is_refused_without_asking(world: World, text: str) -> None:
    assert token_id_of(text) is None
    assert await _code(_by_token(world, text)) is Code.UNAUTHENTICATED


async def test_a_token_of_another_secret_part_is_refused(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    token_id, _ = await _token(world, alice)
    _, other, _ = new_token()
    from mcd.store.credential import _checksum

    body = f"mcd_pat_{token_id}_{other[21:64]}"
    forged = body + _checksum(body)
    assert token_id_of(forged) == token_id
    assert await _code(_by_token(world, forged)) is Code.UNAUTHENTICATED


async def test_the_last_admin_stays_even_when_two_remove_each_other(world: World, other: Database) -> None:
    for name in ("root1", "root2"):
        await world.person(name, admin=True)

    async def remove(db: Database, name: str) -> bool:
        try:
            async with db.writing() as tx:
                await accounts.change_person(ADMIN, tx, world.now, name, admin=False)
        except McdError:
            return False
        return True

    assert sorted(await asyncio.gather(remove(world.db, "root1"), remove(other, "root2"))) == [False, True]


async def test_an_admin_can_be_made_again_from_the_machine(world: World) -> None:
    async with world.db.writing() as tx:
        await accounts.ensure_admin(tx, "alice", PASSWORD, world.now)
    async with world.db.writing() as tx:
        await accounts.ensure_admin(tx, "alice", PASSWORD + "2", world.now)
    session = await accounts.sign_in(world.db, "alice", PASSWORD + "2", world.now)
    assert (await _by_session(world, session)).admin
    assert PASSWORD not in str(await world.told())


async def test_only_an_admin_adds_people(world: World) -> None:
    await _alice(world)
    _, alice = await _signed_in(world)
    async with world.db.writing() as tx:
        assert await _code(accounts.create_person(alice, tx, world.now, "eve")) is Code.FORBIDDEN
        assert await _code(accounts.change_person(alice, tx, world.now, "alice", admin=True)) is Code.FORBIDDEN
        assert await _code(accounts.set_password(ADMIN, tx, world.now, "alice", "short")) is Code.INVALID
        await accounts.change_person(alice, tx, world.now, "alice", default_product_line="demo")
