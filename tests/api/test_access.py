"""Who may do what, over the whole route table: route × role × {own, other, absent}, and how one proves who one is."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from mcd.api.access import PUBLIC, Reader, RouteFact, require_permissions
from mcd.api.app import ROUTERS, create_app
from mcd.model import Actor, Role, Scope, Verb
from mcd.store.authorize import PLATFORM, ROLES
from tests.api.client import OTHER, PASSWORD, PEOPLE, Api
from tests.api.operations import BODIES, HEADERS, OTHERS_PARTS

PERSONAL = {"create_token", "list_tokens", "revoke_token", "show_person", "change_person"}
"""About a person, not about a product line: tested one by one below."""


def table() -> list[tuple[str, str, RouteFact]]:
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    facts = require_permissions(app)
    return [(fact.operation_id, method, fact) for fact in facts for method in sorted(fact.methods)]


TABLE = table()
PERMITTED = [
    row
    for row in TABLE
    if row[2].verb is not None
    and row[1] != "WEBSOCKET"
    and row[0] not in PERSONAL
    and not row[2].path.startswith("/git/")
]
"""The git remote has credentials of its own, and tests of its own."""


MAY_BE_MISSING = ("{secret}", "{pool}", "{person}")
"""Parts of a path that name something which a stronger role before may have taken away."""


BODILESS = {"retry_release", "rotate_secret", "git_fetch", "git_push"}


def path_of(api: Api, fact: RouteFact, app: str, line: str) -> str:
    return fact.path.format(app=app, line=line, rollout=api.rollouts.get(app, "ghost"), **OTHERS_PARTS)


async def ask(api: Api, fact: RouteFact, method: str, person: str, app: str, line: str) -> httpx.Response:
    body, headers = BODIES.get(fact.operation_id), HEADERS.get(fact.operation_id)
    return await api.ask(method, path_of(api, fact, app, line), body, person, headers=headers)


def unseen(answer: httpx.Response) -> bool:
    """Refused as what is not there: by the very words for a name that nobody has."""
    return answer.status_code == 404 and "that you can see. Check the name." in answer.json()["detail"]


def neutral(answer: httpx.Response, *names: str) -> str:
    """The body without what differs between two requests anyway."""
    body = answer.json()
    text = str({k: v for k, v in body.items() if k not in ("instance", "request_id")})
    for name in names:
        text = text.replace(name, "NAME")
    return text


@pytest.mark.parametrize(("operation", "method", "fact"), PERMITTED, ids=[row[0] for row in PERMITTED])
async def test_each_route_is_open_to_exactly_the_roles_that_its_permission_names(
    api: Api, operation: str, method: str, fact: RouteFact
) -> None:
    assert fact.verb is not None
    of_line = any(part in fact.path for part in ("{app}", "{line}", "{rollout}")) or operation == "create_app"
    for person, role in (*PEOPLE.items(), ("root", None)):
        answer = await ask(api, fact, method, person, f"own-{person}", "demo")
        said = f"{operation} by {person}: {answer.status_code} {answer.text[:300]}"
        if person == "root":
            assert answer.status_code not in (401, 403), said
            assert not unseen(answer) or any(part in fact.path for part in MAY_BE_MISSING), said
            continue
        verbs = ROLES[role] if of_line and role is not None else (frozenset() if of_line else PLATFORM)
        if fact.verb in verbs:
            assert answer.status_code not in (401, 403), said
            assert not unseen(answer) or any(part in fact.path for part in MAY_BE_MISSING), said
        elif Verb.READ in verbs:
            assert answer.status_code == 403, said
        else:
            assert unseen(answer), said


@pytest.mark.parametrize(
    ("operation", "method", "fact"),
    [row for row in PERMITTED if "{app}" in row[2].path or "{line}" in row[2].path or "{rollout}" in row[2].path],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_belongs_to_others_is_answered_as_what_is_not_there(
    api: Api, operation: str, method: str, fact: RouteFact
) -> None:
    for person in ("nina", "olaf"):
        other = await ask(api, fact, method, person, "alien", OTHER)
        absent = await ask(api, fact, method, person, "ghost", "ghost")
        assert other.status_code == absent.status_code == 404, f"{operation}: {other.text} {absent.text}"
        names = ("alien", OTHER, "ghost", api.rollouts["alien"])
        assert neutral(other, *names) == neutral(absent, *names)
        assert set(other.headers) == set(absent.headers)


WRONG_FORMS = (
    {"json": {"nonsense": 1, "facts": {"nonsense": 1}, "kubeconfig": "x: &a [*a]"}},
    {"content": b"{", "headers": {"Content-Type": "application/json"}},
    {"content": b"a: 1", "headers": {"Content-Type": "application/yaml"}},
    {"json": {}, "headers": {"If-Match": "nonsense", "Idempotency-Key": "k" * 300}},
)
JUDGED_BY_THE_BODY = {"create_app"}
"""The product line is in the form, which must be read first: tested below."""
MUTATING = [
    row
    for row in PERMITTED
    if row[1] in ("POST", "PUT", "PATCH", "DELETE")
    and row[2].verb is not Verb.READ
    and row[0] not in JUDGED_BY_THE_BODY
]


@pytest.mark.parametrize(("operation", "method", "fact"), MUTATING, ids=[row[0] for row in MUTATING])
async def test_who_may_not_do_it_learns_nothing_of_the_form(
    api: Api, operation: str, method: str, fact: RouteFact
) -> None:
    assert fact.verb is not None
    of_line = "{app}" in fact.path or "{line}" in fact.path
    for person, role in PEOPLE.items():
        if of_line and role is not None and fact.verb in ROLES[role]:
            continue
        right = await ask(api, fact, method, person, f"own-{person}", "demo")
        for form in WRONG_FORMS:
            wrong = await api.ask(method, path_of(api, fact, f"own-{person}", "demo"), None, person, **form)
            said = f"{operation} by {person} with {form}: {wrong.text}"
            assert wrong.status_code == right.status_code in (403, 404), said
            assert neutral(wrong) == neutral(right), said
    for form in WRONG_FORMS:
        nobody = await api.ask(method, path_of(api, fact, "own-root", "demo"), None, "", **form)
        assert nobody.status_code == 401, nobody.text


async def test_a_new_app_is_judged_by_its_product_line_before_its_repository_is(api: Api) -> None:
    wish = {"name": "fresh", "product_line": "demo", "repository": "mcd:alien"}
    assert (await api.post("/api/v1/apps", wish, "vera")).status_code == 403
    assert unseen(await api.post("/api/v1/apps", wish, "nina"))
    assert (await api.post("/api/v1/apps", wish, "dora")).status_code == 422


async def test_nobody_gets_anything_without_a_credential(api: Api) -> None:
    for operation, method, fact in PERMITTED:
        answer = await ask(api, fact, method, "", "own-root", "demo")
        assert answer.status_code == 401, operation
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthenticated"


async def test_a_token_of_scope_read_reads_everything_and_changes_nothing(api: Api) -> None:
    api.tokens["narrow"] = await api.token("root", Scope.READ)
    before = await api.get("/api/v1/events?limit=1", "root")
    for operation, method, fact in PERMITTED:
        answer = await ask(api, fact, method, "narrow", "own-root", "demo")
        if fact.verb is Verb.READ:
            assert answer.status_code not in (401, 403), f"{operation}: {answer.text}"
        else:
            assert answer.status_code == 403, f"{operation}: {answer.text}"
    assert (await api.get("/api/v1/events?limit=1", "root")).json() == before.json()


# --- the table itself ------------------------------------------------------------------------------------------------


def test_an_application_with_a_route_that_declares_no_permission_is_not_made(api: Api) -> None:
    open_door = APIRouter()

    @open_door.get("/api/v1/everything")
    async def everything() -> str:
        return "all of it"

    with pytest.raises(RuntimeError, match="/api/v1/everything declares 0 permissions"):
        create_app(api.world.runtime, more=(open_door,))


def test_a_route_that_declares_two_permissions_is_refused_too(api: Api) -> None:
    unclear = APIRouter()

    @unclear.get("/api/v1/unclear", dependencies=[PUBLIC])
    async def both(actor: Reader) -> str:
        return actor.name

    with pytest.raises(RuntimeError, match="declares 2 permissions"):
        create_app(api.world.runtime, more=(unclear,))


def test_public_routes_are_these_and_no_others() -> None:
    public = {operation for operation, _, fact in TABLE if fact.verb is None}
    assert public == {"sign_in", "openapi", "livez", "readyz", "metrics", "version"}


def test_every_operation_that_takes_a_body_has_one_in_the_sweeps() -> None:
    writing = {op for op, method, _ in TABLE if method in ("POST", "PUT", "PATCH") and op not in BODILESS}
    assert writing == set(BODIES)


# --- people and their tokens -----------------------------------------------------------------------------------------


async def test_a_person_sees_and_changes_only_itself(api: Api) -> None:
    assert (await api.get("/api/v1/people/dora", "dora")).status_code == 200
    assert unseen(await api.get("/api/v1/people/vera", "dora"))
    assert neutral(await api.get("/api/v1/people/vera", "dora"), "vera") == neutral(
        await api.get("/api/v1/people/nobody", "dora"), "nobody"
    )
    mine = await api.ask("PATCH", "/api/v1/people/dora", {"default_product_line": "demo"}, "dora")
    assert mine.status_code == 200
    theirs = await api.ask("PATCH", "/api/v1/people/vera", {"password": "another password"}, "dora")
    assert unseen(theirs)
    up = await api.ask("PATCH", "/api/v1/people/dora", {"admin": True}, "dora")
    assert up.status_code == 403 or unseen(up)
    assert (await api.get("/api/v1/whoami", "dora")).json()["admin"] is False


async def test_nobody_makes_a_token_for_somebody_else(api: Api) -> None:
    wish = {"name": "x", "days": 1}
    for person in ("dora", "root"):
        assert (await api.post("/api/v1/people/vera/tokens", wish, person)).status_code == 404
    assert (await api.post("/api/v1/people/vera/tokens", wish, "vera")).status_code == 201


async def test_a_token_works_until_it_is_revoked_and_is_shown_once(api: Api) -> None:
    made = await api.post("/api/v1/people/dora/tokens", {"name": "laptop", "days": 7})
    secret, token_id = made.json()["secret"], made.json()["id"]
    assert secret not in (await api.get("/api/v1/people/dora/tokens")).text
    api.tokens["laptop"] = secret
    assert (await api.get("/api/v1/whoami", "laptop")).json()["name"] == "dora"
    assert (await api.ask("DELETE", f"/api/v1/people/dora/tokens/{token_id}", person="vera")).status_code == 404
    assert (await api.ask("DELETE", f"/api/v1/people/dora/tokens/{token_id}")).status_code == 204
    assert (await api.get("/api/v1/whoami", "laptop")).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer nothing", "Bearer", "Bearer ", "bearer mcd_pat_x_y", "Basic ZG9yYTp4", "mcd_pat_x", "Bearer a b", "  "],
)
async def test_a_credential_that_is_none_is_refused_by_one_code(api: Api, header: str) -> None:
    async with api.as_("", Authorization=header) as client:
        answer = await client.get("/api/v1/whoami")
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


async def test_a_refused_header_does_not_fall_back_to_the_cookie(api: Api) -> None:
    async with api.as_("") as client:
        await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        assert (await client.get("/api/v1/whoami")).status_code == 200
        assert (await client.get("/api/v1/whoami", headers={"Authorization": "Bearer nothing"})).status_code == 401


async def test_a_disabled_person_is_out_at_the_next_request(api: Api) -> None:
    assert (await api.get("/api/v1/whoami", "dora")).status_code == 200
    done = await api.ask("PATCH", "/api/v1/people/dora", {"disabled": True}, "root")
    assert done.status_code == 200, done.text
    assert (await api.get("/api/v1/whoami", "dora")).status_code == 401


# --- sessions --------------------------------------------------------------------------------------------------------


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(api: Api) -> None:
    async with api.as_("") as client:
        answer = await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        assert answer.status_code == 201
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert PASSWORD not in answer.text
        assert (await client.get("/api/v1/whoami")).json()["via"] == "session"
        gone = await client.delete("/api/v1/sessions/current")
        assert (gone.status_code, gone.headers["clear-site-data"]) == (204, '"cache", "storage"')
        assert (await client.get("/api/v1/whoami")).status_code == 401


@pytest.mark.parametrize(
    ("person", "method", "path", "act", "role"),
    [
        ("vera", "GET", "logs", "read logs in", "developer"),
        ("vera", "POST", "exec", "run commands in", "developer"),
        ("vera", "POST", "rollouts", "deploy to", "developer"),
        ("dora", "PUT", "secrets/pay", "change secrets in", "owner"),
        ("dora", "PATCH", "settings", "change settings in", "owner"),
        ("dora", "DELETE", "", "delete Apps of", "owner"),
        ("dora", "PATCH", "", "change Apps of", "owner"),
    ],
)
async def test_a_refusal_names_the_one_act_the_one_role_and_who_can_give_it(
    api: Api, person: str, method: str, path: str, act: str, role: str
) -> None:
    """Other acts that take the same role are nothing to whoever wanted one of them."""
    wish = {"configs": {"site": {"a": "b"}}} if path == "settings" else {}
    where = f"/api/v1/apps/own-dora/{path}".rstrip("/")
    answer = await api.ask(method, where, wish or None, person, headers={"If-Match": '"0"'})
    mine = "viewer" if person == "vera" else "developer"
    assert answer.status_code == 403, answer.text
    assert answer.json()["detail"] == (
        f'app "own-dora": you may not {act} product line "demo": your role there is {mine}, and this needs {role}. '
        "Ask an owner (olaf) or an admin to do it or to give you that role; `mcd member list -p demo` shows who they "
        "are."
    )


async def test_members_are_the_one_act_that_a_refusal_of_members_names(api: Api) -> None:
    answer = await api.ask("PUT", "/api/v1/product-lines/demo/members/nina", {"role": "viewer"}, "dora")
    assert 'you may not change members of product line "demo"' in answer.json()["detail"]
    assert "Ask an owner (olaf) or an admin" in answer.json()["detail"]


async def test_behind_https_the_cookie_is_bound_to_this_host(api: Api) -> None:
    runtime = api.world.runtime
    settings = runtime.settings.model_copy(update={"public_url": "https://mcd.example.com"})
    app = create_app(dataclasses.replace(runtime, settings=settings))
    transport = httpx.ASGITransport(app)
    wish = {"name": "dora", "password": PASSWORD}
    async with httpx.AsyncClient(transport=transport, base_url="https://mcd.example.com") as client:
        answer = await client.post("/api/v1/sessions", json=wish, headers={"Origin": "https://mcd.example.com"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-mcd=")
        assert "secure" in cookie.lower()
        assert "path=/;" in cookie.lower()
        assert "domain" not in cookie.lower()
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert (await client.get("/api/v1/whoami")).status_code == 200
        plain = await client.post("/api/v1/sessions", json=wish, headers={"Origin": "http://mcd.example.com"})
        assert plain.status_code == 403


async def test_a_stolen_cookie_is_worth_nothing_after_signing_out(api: Api) -> None:
    async with api.as_("") as client:
        await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        stolen = client.cookies["mcd"]
        await client.delete("/api/v1/sessions/current")
    async with api.as_("", Cookie=f"mcd={stolen}") as thief:
        assert (await thief.get("/api/v1/whoami")).status_code == 401


async def test_signing_in_again_makes_a_new_session_and_ends_the_old_one(api: Api) -> None:
    async with api.as_("") as client:
        await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        first = client.cookies["mcd"]
        await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        assert client.cookies["mcd"] != first
    async with api.as_("", Cookie=f"mcd={first}") as old:
        assert (await old.get("/api/v1/whoami")).status_code == 401


async def test_a_forged_cookie_is_nobody(api: Api) -> None:
    for forged in ("e30=.x.y", "null", "a" * 4000, "eyJpZCI6ICJ4In0=.aaaa.bbbb"):
        async with api.as_("", Cookie=f"mcd={forged}") as client:
            assert (await client.get("/api/v1/whoami")).status_code == 401


async def test_the_sixth_wrong_password_in_a_minute_has_to_wait(api: Api) -> None:
    wrong = {"name": "dora", "password": "wrong password"}
    for _ in range(5):
        assert (await api.post("/api/v1/sessions", wrong, "")).status_code == 401
    answer = await api.post("/api/v1/sessions", {"name": "dora", "password": PASSWORD}, "")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


# --- other sites -----------------------------------------------------------------------------------------------------

CROSS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://[::1"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://127.0.0.1:7071"},
]


@pytest.mark.parametrize("headers", CROSS, ids=str)
async def test_what_another_site_sends_with_our_cookie_changes_nothing(api: Api, headers: dict[str, str]) -> None:
    async with api.as_("") as client:
        await client.post("/api/v1/sessions", json={"name": "olaf", "password": PASSWORD})
        answer = await client.post("/api/v1/apps", json={"name": "made", "product_line": "demo"}, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["reason"] == "CrossSite"
        assert (await client.get("/api/v1/apps/made", headers=headers)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:7070"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
    ids=str,
)
async def test_our_own_pages_and_programs_may(api: Api, headers: dict[str, str]) -> None:
    async with api.as_("") as client:
        await client.post("/api/v1/sessions", json={"name": "olaf", "password": PASSWORD})
        answer = await client.post("/api/v1/apps", json={"name": "made", "product_line": "demo"}, headers=headers)
        assert answer.status_code == 201


async def test_a_form_of_another_site_cannot_even_sign_somebody_in(api: Api) -> None:
    async with api.as_("", Origin="https://evil.example") as client:
        answer = await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_roles_of_a_member_come_and_go_with_the_next_request(api: Api) -> None:
    assert (await api.get("/api/v1/product-lines/demo", "nina")).status_code == 404
    wish = {"role": "viewer"}
    assert (await api.ask("PUT", "/api/v1/product-lines/demo/members/nina", wish, "dora")).status_code == 403
    assert (await api.ask("PUT", "/api/v1/product-lines/demo/members/nina", wish, "olaf")).status_code == 200
    assert (await api.get("/api/v1/product-lines/demo", "nina")).status_code == 200
    assert (await api.ask("DELETE", "/api/v1/product-lines/demo/members/nina", None, "olaf")).status_code == 204
    assert (await api.get("/api/v1/product-lines/demo", "nina")).status_code == 404


async def test_where_nobody_is_an_owner_a_refusal_names_a_list_on_which_somebody_can_be_asked(api: Api) -> None:
    for person in ("olaf", "rita"):
        await api.ask("DELETE", f"/api/v1/product-lines/demo/members/{person}", None, "root")
    told = (await api.ask("DELETE", "/api/v1/apps/own-dora", None, "dora")).json()["detail"]
    assert "Ask an owner or an admin" in told
    assert "mcd member list -p demo" in told
    listed = (await api.get("/api/v1/product-lines/demo/members", "vera")).json()["items"]
    assert [(m["person"], m["role"], m["admin"]) for m in listed] == [
        ("dora", "developer", False), ("root", None, True), ("vera", "viewer", False),
    ]  # fmt: skip
    await api.ask("PUT", "/api/v1/product-lines/demo/members/root", {"role": "owner"}, "root")
    found = (await api.get("/api/v1/product-lines/demo/members?limit=2", "vera")).json()
    assert found["items"][1] == {"person": "root", "role": "owner", "admin": True}
    assert found["next_cursor"]


async def test_the_actor_of_a_token_has_the_roles_of_its_person(api: Api) -> None:
    actor = await api.actor("dora")
    assert actor == Actor(actor.person, "dora", False, {"demo": Role.DEVELOPER}, Scope.ALL, "demo", "token")
