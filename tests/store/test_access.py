"""Who may do what, and that what may not be seen is not there."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from mcd.errors import Code, McdError
from mcd.model import Actor, EventKind, NodePool, Noun, Role, Scope, Verb
from mcd.store import intents, reads
from mcd.store.authorize import may, require
from mcd.store.tx import Tx
from tests.store.world import ADMIN, World

R, D, H, S, A = Verb.READ, Verb.DEPLOY, Verb.SHELL, Verb.SET, Verb.ADMINISTER

IN_LINE = {
    None: set(),
    Role.VIEWER: {R},
    Role.DEVELOPER: {R, D, H},
    Role.RELEASE_MANAGER: {R, D, H},
    Role.OWNER: {R, D, H, S},
    "admin": {R, D, H, S, A},
}
"""Role → what it may do in its product line. Written out by hand, apart from the table of the code."""

BY_SCOPE = {Scope.READ: {R}, Scope.DEPLOY: {R, D}, Scope.ALL: {R, D, H, S, A}}


def _actor(role: Role | str | None, scope: Scope) -> Actor:
    roles = {"demo": role} if isinstance(role, Role) else {}
    return Actor(person="p", name="p", admin=role == "admin", roles=roles, scope=scope)


@pytest.mark.parametrize(("role", "scope", "verb"), list(product(IN_LINE, Scope, Verb)))
def test_role_and_scope_decide_together(role: Role | str | None, scope: Scope, verb: Verb) -> None:
    actor = _actor(role, scope)
    assert may(actor, verb, "demo") is (verb in IN_LINE[role] and verb in BY_SCOPE[scope])
    elsewhere = verb in IN_LINE["admin"] if role == "admin" else False
    assert may(actor, verb, "other") is (elsewhere and verb in BY_SCOPE[scope])
    on_platform = elsewhere if role == "admin" else verb is R
    assert may(actor, verb, None) is (on_platform and verb in BY_SCOPE[scope])


@pytest.mark.parametrize(("role", "scope", "verb"), list(product(IN_LINE, Scope, Verb)))
def test_what_may_be_seen_is_forbidden_and_what_may_not_is_absent(
    role: Role | str | None, scope: Scope, verb: Verb
) -> None:
    actor = _actor(role, scope)
    if may(actor, verb, "demo"):
        require(actor, verb, Noun.APP, "shop", "demo")
        return
    with pytest.raises(McdError) as refused:
        require(actor, verb, Noun.APP, "shop", "demo")
    assert refused.value.code is (Code.FORBIDDEN if may(actor, R, "demo") else Code.NOT_FOUND)


def _told(actor: Actor, verb: Verb, name: str = "shop", line: str | None = "demo") -> str:
    with pytest.raises(McdError) as refused:
        require(actor, verb, Noun.APP if line else Noun.CLUSTER, name, line)
    assert refused.value.code is Code.FORBIDDEN
    return str(refused.value)


@pytest.mark.parametrize(
    ("role", "verb", "needs"),
    [(Role.VIEWER, D, "developer"), (Role.VIEWER, H, "developer"), (Role.DEVELOPER, S, "owner")],
)
def test_a_refusal_says_what_one_is_what_it_takes_and_where_to_see_who_can_give_it(
    role: Role, verb: Verb, needs: str
) -> None:
    told = _told(_actor(role, Scope.ALL), verb)
    assert told.startswith('app "shop": you may not ')
    assert f'product line "demo": your role there is {role}, and this needs {needs}. Ask an owner' in told
    assert "`mcd member list -p demo`" in told


def test_a_refusal_names_three_owners_at_most() -> None:
    with pytest.raises(McdError) as refused:
        require(_actor(Role.VIEWER, Scope.ALL), S, Noun.APP, "shop", "demo", owners=("a", "b", "c", "d"))
    assert "Ask an owner (a, b, c, …) or an admin" in str(refused.value)


def test_what_only_an_admin_may_do_names_no_role_that_could_be_asked_for() -> None:
    owner = _actor(Role.OWNER, Scope.ALL)
    assert "your role there is owner, and this needs an admin. Ask an admin of this MCD" in _told(owner, A)
    platform = _told(owner, A, "local", None)
    assert platform.startswith('cluster "local": you may not change clusters, node pools,')
    assert "needs an admin" in platform
    assert _told(owner, A, "", None).startswith("you may not change clusters")


def test_a_token_that_is_too_narrow_names_the_scope_that_would_do_and_asks_nobody_else() -> None:
    told = _told(_actor(Role.OWNER, Scope.READ), D)
    assert "your token is only for read, and this needs deploy." in told
    assert "--scope deploy" in told
    assert "owner" not in told
    assert "--scope all" in _told(_actor("admin", Scope.DEPLOY), A, "local", None)


def _functions(module: Any) -> list[tuple[str, Callable[..., Any]]]:
    found = [(name, getattr(module, name)) for name in module.__all__]
    return [(name, f) for name, f in found if inspect.iscoroutinefunction(f)]


@pytest.mark.parametrize(("name", "function"), [*_functions(reads), *_functions(intents)])
def test_every_door_asks_who_it_is_first(name: str, function: Callable[..., Any]) -> None:
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    assert [(p.name, p.annotation) for p in parameters[:2]] == [("actor", Actor), ("tx", Tx)], name
    if function.__module__.startswith("mcd.store.intents"):
        assert parameters[2].name == "now", name


Ask = Callable[[Actor, Tx, World, str], Awaitable[Any]]

ABOUT_AN_APP: dict[str, Ask] = {
    "app": lambda a, tx, w, n: reads.app(a, tx, n),
    "live_rollout": lambda a, tx, w, n: reads.live_rollout(a, tx, n),
    "settings": lambda a, tx, w, n: reads.settings(a, tx, n),
    "settings_history": lambda a, tx, w, n: reads.settings_history(a, tx, n),
    "inventory": lambda a, tx, w, n: reads.inventory(a, tx, n),
    "releases": lambda a, tx, w, n: reads.releases(a, tx, n),
    "release": lambda a, tx, w, n: reads.release(a, tx, n, 1),
    "release_by_commit": lambda a, tx, w, n: reads.release_by_commit(a, tx, n, "aaaaaaa"),
    "release_problems": lambda a, tx, w, n: reads.release_problems(a, tx, n, 1),
    "release_log": lambda a, tx, w, n: reads.release_log(a, tx, n, 1),
    "rollouts": lambda a, tx, w, n: reads.rollouts(a, tx, n),
    "secret_names": lambda a, tx, w, n: reads.secret_names(a, tx, app=n),
    "push": lambda a, tx, w, n: intents.push(a, tx, w.now, n, commit="b" * 40, branch="main"),
    "make_release": lambda a, tx, w, n: intents.make_release(a, tx, w.now, n, commit="b" * 40, branch=""),
    "retry_release": lambda a, tx, w, n: intents.retry_release(a, tx, w.now, n, 1),
    "request_rollout": lambda a, tx, w, n: intents.request_rollout(a, tx, w.now, n, release=1),
    "change_settings": lambda a, tx, w, n: intents.change_settings(
        a, tx, w.now, n, changes={"components": {"web": {"replicas": 2}}}
    ),
    "set_secret": lambda a, tx, w, n: intents.set_secret(a, tx, w.now, "pay", {"k": "v"}, app=n),
    "unset_secret": lambda a, tx, w, n: intents.unset_secret(a, tx, w.now, "pay", app=n),
    "change_app": lambda a, tx, w, n: intents.change_app(a, tx, w.now, n, branch="trunk"),
    "delete_app": lambda a, tx, w, n: intents.delete_app(a, tx, w.now, n),
    "tell": lambda a, tx, w, n: intents.tell(a, tx, w.now, EventKind.EXEC, n, "sh"),
}

ABOUT_A_LINE: dict[str, Ask] = {
    "product_line": lambda a, tx, w, n: reads.product_line(a, tx, n),
    "members": lambda a, tx, w, n: reads.members(a, tx, n),
    "apps of": lambda a, tx, w, n: reads.apps(a, tx, product_line=n),
    "secret_names": lambda a, tx, w, n: reads.secret_names(a, tx, product_line=n),
    "create_app": lambda a, tx, w, n: intents.create_app(a, tx, w.now, "new-one", product_line=n),
    "change_product_line": lambda a, tx, w, n: intents.change_product_line(a, tx, w.now, n, wishes={}),
    "delete_product_line": lambda a, tx, w, n: intents.delete_product_line(a, tx, w.now, n),
    "add_member": lambda a, tx, w, n: intents.add_member(a, tx, w.now, n, "eve", Role.OWNER),
    "remove_member": lambda a, tx, w, n: intents.remove_member(a, tx, w.now, n, "eve"),
    "set_secret": lambda a, tx, w, n: intents.set_secret(a, tx, w.now, "pay", {"k": "v"}, product_line=n),
    "unset_secret": lambda a, tx, w, n: intents.unset_secret(a, tx, w.now, "pay", product_line=n),
}


async def test_another_lines_things_are_answered_like_absent_ones(world: World) -> None:
    await world.app("shop", released=True)
    await world.app("gone")
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "gone")
    eve = await world.person("eve", Role.OWNER, "other")
    for name, ask in ABOUT_AN_APP.items():
        said = [await _refusal(world, eve, ask, app) for app in ("shop", "nothing", "gone")]
        assert [code for code, _ in said] == [Code.NOT_FOUND] * 3, name
        texts = {
            text.replace(f'"{app}"', "X") for (_, text), app in zip(said, ("shop", "nothing", "gone"), strict=True)
        }
        assert len(texts) == 1, name
    for name, ask in ABOUT_A_LINE.items():
        said = [await _refusal(world, eve, ask, line) for line in ("demo", "nothing")]
        assert [code for code, _ in said] == [Code.NOT_FOUND] * 2, name
        assert said[0][1].replace("demo", "X") == said[1][1].replace("nothing", "X"), name


async def _refusal(world: World, actor: Actor, ask: Ask, name: str) -> tuple[Code, str]:
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await ask(actor, tx, world, name)
    return refused.value.code, str(refused.value)


async def test_a_rollout_of_another_line_is_not_found_by_its_id(world: World) -> None:
    await world.app("shop", released=True)
    live = await world.live("shop")
    eve = await world.person("eve", Role.OWNER, "other")
    for rollout_id in (live.id, "nothing"):
        with pytest.raises(McdError) as refused:
            async with world.db.reading() as tx:
                await reads.rollout_seen(eve, tx, rollout_id)
        assert refused.value.code is Code.NOT_FOUND


async def test_lists_hold_only_what_may_be_seen(world: World) -> None:
    await world.app("shop", released=True)
    await world.app("face", "other")
    viewer = await world.person("vera", Role.VIEWER, "demo")
    nobody = await world.person("nobody")
    async with world.db.reading() as tx:
        assert [a.app.name for a in (await reads.apps(viewer, tx)).items] == ["shop"]
        assert [line.name for line in (await reads.product_lines(viewer, tx)).items] == ["demo"]
        assert {e.product_line for e in (await reads.events(viewer, tx)).items} == {"demo"}
        assert [p.name for p in (await reads.people(viewer, tx)).items] == ["vera"]
        assert (await reads.apps(nobody, tx)).items == ()
        assert (await reads.events(nobody, tx)).items == ()
        everything = {e.product_line for e in (await reads.events(ADMIN, tx)).items}
    assert everything == {None, "demo", "other"}


async def test_a_role_does_what_it_may_and_no_more(world: World) -> None:
    await world.app("shop", released=True)
    viewer = await world.person("vera", Role.VIEWER)
    developer = await world.person("dan", Role.DEVELOPER)
    owner = await world.person("olga", Role.OWNER)
    scale = ABOUT_AN_APP["change_settings"]
    set_it = ABOUT_AN_APP["set_secret"]
    deploy = ABOUT_AN_APP["request_rollout"]
    for ask in (deploy, scale):
        assert (await _refusal(world, viewer, ask, "shop"))[0] is Code.FORBIDDEN
    assert (await _refusal(world, developer, set_it, "shop"))[0] is Code.FORBIDDEN
    assert (await _refusal(world, owner, ABOUT_A_LINE["change_product_line"], "demo"))[0] is Code.FORBIDDEN
    async with world.db.writing() as tx:
        await deploy(developer, tx, world, "shop")
        await scale(developer, tx, world, "shop")
        await set_it(owner, tx, world, "shop")


@pytest.mark.parametrize(
    "changes",
    [
        {"components": {"web": {"replicas": 2, "autoscale": {}}}},
        {"components": {"web": None}},
        {"components": {"web": {"replicas": 2}}, "env": {"A": "b"}},
        {"components": []},
    ],
)
async def test_who_may_scale_may_not_set_anything_else(world: World, changes: dict[str, object]) -> None:
    await world.app("shop", released=True)
    developer = await world.person("dan", Role.DEVELOPER)
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await intents.change_settings(developer, tx, world.now, "shop", changes=changes)
    assert refused.value.code is Code.FORBIDDEN


async def test_an_owner_cannot_leave_a_line_without_one(world: World) -> None:
    olga = await world.person("olga", Role.OWNER)
    with pytest.raises(McdError, match="no owner"):
        async with world.db.writing() as tx:
            await intents.remove_member(olga, tx, world.now, "demo", "olga")
    with pytest.raises(McdError, match="no owner"):
        async with world.db.writing() as tx:
            await intents.add_member(olga, tx, world.now, "demo", "olga", Role.VIEWER)


async def test_a_pool_of_another_line_does_not_say_whose_it_is(world: World) -> None:
    pool = NodePool(id="", name="gpu-t4", cluster="local", labels={"a": "b"}, dedicated_to="demo")
    async with world.db.writing() as tx:
        await intents.put_node_pool(ADMIN, tx, world.now, pool)
    eve = await world.person("eve", Role.OWNER, "other")
    async with world.db.reading() as tx:
        assert (await reads.node_pool(ADMIN, tx, "local", "gpu-t4")).dedicated_to == "demo"
        assert (await reads.node_pool(eve, tx, "local", "gpu-t4")).dedicated_to == "another product line"
