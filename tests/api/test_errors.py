"""Every way to be refused has one form, says what to do, and shows no more than it must."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text

from mcd.api.access import PROBE
from mcd.api.app import create_app
from mcd.api.errors import STATUS, TITLES
from mcd.api.middleware import BODY_LIMIT, HEADERS
from mcd.api.strict import StrictRoute, loads
from mcd.api.throttle import Rates
from mcd.errors import Code
from tests.api.client import URL, Api


def is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"] == TITLES[status]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert str(body["type"]).startswith("https://mcd.internal/docs/reference/problems#")
    assert body["detail"]
    return body


def test_every_code_has_a_status_and_a_title() -> None:
    assert set(STATUS) == set(Code)
    assert set(STATUS.values()) <= set(TITLES)


async def test_an_unknown_address(api: Api) -> None:
    for path in (
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/apps",
        "/api/v1/apps/",
        "/redoc",
        "/openapi.json",
    ):
        is_problem(await api.get(path), 404, "not_found")


async def test_a_method_that_an_address_does_not_have(api: Api) -> None:
    answer = await api.ask("PUT", "/api/v1/apps")
    assert "GET" in answer.headers["Allow"]
    is_problem(answer, 405, "invalid")
    is_problem(await api.ask("BREW", "/api/v1/apps"), 405, "invalid")


async def test_a_body_that_is_not_json_by_its_type(api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = await api.ask(
            "POST", "/api/v1/apps", content=b'{"name":"x1","product_line":"demo"}', headers={"Content-Type": kind}
        )
        is_problem(answer, 415, "invalid")


async def test_all_wrong_fields_are_named_at_once_and_never_repeated(api: Api) -> None:
    wish = {"name": "Canary Name", "product_lin": "canary-line", "path": 7, "branch": "x" * 300}
    body = is_problem(await api.post("/api/v1/apps", wish), 422, "invalid")
    problems = {p["field"]: p["code"] for p in body["problems"]}  # type: ignore[attr-defined]
    assert problems == {
        "name": "value.format",
        "product_line": "schema.missing",
        "product_lin": "schema.unknown_key",
        "path": "schema.type",
        "branch": "value.range",
    }
    assert "canary" not in json.dumps(body).lower().replace("canary name", "")
    assert "Canary Name" not in json.dumps(body)


async def test_a_refused_password_is_not_in_the_answer(api: Api) -> None:
    body = is_problem(await api.post("/api/v1/people", {"name": "x", "password": "canary"}, "root"), 422, "invalid")
    assert "canary" not in json.dumps(body)
    secret = {"values": {"a key": "canary-value", "b": 17}}
    body = is_problem(await api.ask("PUT", "/api/v1/apps/own-dora/secrets/pay", secret, "olaf"), 422, "invalid")
    assert "canary" not in json.dumps(body)


STRICT = [
    (b'{"name": "a1", "name": "b1", "product_line": "demo"}', "the same key stands twice"),
    (b'{"a": NaN}', "NaN"),
    (b'{"a": -Infinity}', "NaN"),
    (b'{"a": 1e999}', "too large"),
    (b'{"a": ' + b"9" * 5000 + b"}", "too large"),
    (b"[" * 100_000, "nested deeper"),
    (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper"),
    (b'{"a": "\\u0000"}', "NUL"),
    (b'{"\\u0000": 1}', "NUL"),
    (b'{"a": "\\ud800"}', "surrogate"),
    (b'{"a": ["\\udfff"]}', "surrogate"),
    (b'{"a": "\xff"}', "UTF-8"),
    (b"{", "Expecting"),
    (b"not json", "Expecting"),
    (b"\xef\xbb\xbf{}", "BOM"),
]


@pytest.mark.parametrize(("raw", "words"), STRICT, ids=[words for _, words in STRICT])
async def test_json_that_can_be_read_in_two_ways_is_read_in_none(api: Api, raw: bytes, words: str) -> None:
    answer = await api.ask("POST", "/api/v1/apps", content=raw, headers={"Content-Type": "application/json"})
    body = is_problem(answer, 422, "invalid")
    assert words in str(body["detail"])
    assert len(answer.text) < 2000


def test_json_that_is_json_is_read_as_it_stands() -> None:
    assert loads('{"a": [1, 2.5, true, null, "é😀"]}'.encode()) == {"a": [1, 2.5, True, None, "é😀"]}


async def test_a_body_over_the_limit_is_refused_by_what_it_says_and_by_what_it_is(api: Api) -> None:
    big = b'{"app_yaml": "' + b"x" * (2 * BODY_LIMIT) + b'"}'
    json_type = {"Content-Type": "application/json"}
    is_problem(await api.ask("POST", "/api/v1/validate", content=big, headers=json_type), 413, "too_large")

    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b"x" * 65536
            await asyncio.sleep(0)

    answer = await api.ask("POST", "/api/v1/validate", content=chunks(), headers=json_type)
    is_problem(answer, 413, "too_large")


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 30, "١"])
async def test_a_length_that_is_none_is_refused(api: Api, length: str) -> None:
    headers = [(b"content-length", length.encode("utf-8")), (b"content-type", b"application/json")]
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        answer = await client.request("POST", "/api/v1/validate", content=b"{}", headers=headers)
    assert answer.status_code == 413


async def test_a_bug_is_told_by_its_request_id_and_nothing_else(api: Api) -> None:
    broken = APIRouter(route_class=StrictRoute)

    @broken.get("/broken", dependencies=[PROBE])
    async def fails() -> None:
        raise KeyError("canary: a secret in a traceback")

    app = create_app(api.world.runtime, more=(broken,))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        answer = await client.get("/broken", headers={"X-Request-Id": "from-the-client"})
    body = is_problem(answer, 500, "internal")
    assert "from-the-client" in str(body["detail"])
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("harm", ["full", "gone", "not a database"])
async def test_where_the_database_lies_is_in_the_log_and_in_no_answer(
    api: Api, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    db = api.world.runtime.db
    file = str(db.url.database)
    if harm == "full":
        async with db.writing() as tx:
            pages = await tx.value(text("PRAGMA page_count"))
            await tx.value(text(f"PRAGMA max_page_count = {pages}"))
        wish = {"values": {f"k{n}": "x" * 8000 for n in range(30)}}
        answers = [await api.ask("PUT", "/api/v1/apps/own-dora/secrets/pay", wish, "olaf")]
    else:
        await db.close()
        os.truncate(file, 0)
        if harm == "gone":
            Path(file).unlink()
        else:
            Path(file).write_text("not a database at all" * 500)
        answers = [await api.get("/api/v1/apps"), await api.post("/api/v1/sessions", {"name": "a", "password": "b"})]
        auth = httpx.BasicAuth("x", api.tokens["dora"])
        answers += [await api.ask("GET", "/git/hello.git/info/refs?service=git-upload-pack", None, "", auth=auth)]
        answers += [await api.get("/readyz", "")]
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert "the d" in answer.text
        assert str(Path(file).parent) not in answer.text
        assert "mcd.db" not in answer.text
    assert file in capsys.readouterr().out


# --- on every answer -------------------------------------------------------------------------------------------------


async def test_security_headers_are_on_every_answer(api: Api) -> None:
    answers = [
        await api.get("/api/v1/apps"),
        await api.get("/api/v1/nothing"),
        await api.get("/api/v1/apps", ""),
        await api.get("/livez"),
        await api.ask("PUT", "/api/v1/apps"),
        await api.ask("POST", "/api/v1/apps", content=b"{", headers={"Content-Type": "application/json"}),
        await api.ask("POST", "/api/v1/apps", content=b"x" * (BODY_LIMIT + 1)),
        await api.ask("POST", "/api/v1/apps", {}, "", headers={"Origin": "https://evil.example"}),
        await api.get("/api/v1/apps/%00"),
    ]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (answer.request.url, name)
        assert "Cache-Control" in answer.headers
        assert answer.headers["X-Request-Id"]


async def test_a_request_id_of_the_client_is_kept_when_it_is_one(api: Api) -> None:
    async with api.as_("dora") as client:
        kept = await client.get("/api/v1/whoami", headers={"X-Request-Id": "abc-123_45.6"})
        assert kept.headers["X-Request-Id"] == "abc-123_45.6"
        for other in ("short", "x" * 65, "has blank", "a\u00e9bcdefghi"):
            answer = await client.get("/api/v1/whoami", headers={"X-Request-Id": other.encode("latin-1")})
            assert answer.headers["X-Request-Id"] != other


async def test_control_characters_in_an_address_name_nothing(api: Api) -> None:
    for path in ("/api/v1/apps/%00", "/api/v1/apps/a%0ab", "/api/v1/apps/%1b[2J", "/api/v1/apps/%7f"):
        is_problem(await api.get(path), 404, "not_found")
    is_problem(await api.get("/api/v1/apps?cursor=%00"), 422, "invalid")


async def test_too_many_requests_say_when_to_come_again(api: Api) -> None:
    app = create_app(api.world.runtime, rates=Rates(person=5, address=3))
    transport = httpx.ASGITransport(app)
    token = {"Authorization": f"Bearer {api.tokens['dora']}"}
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        first = await client.get("/api/v1/whoami", headers=token)
        assert first.headers["RateLimit-Policy"] == '"person";q=5;w=60'
        assert first.headers["RateLimit"].startswith('"person";r=4;t=')
        for _ in range(4):
            assert (await client.get("/api/v1/whoami", headers=token)).status_code == 200
        refused = await client.get("/api/v1/whoami", headers=token)
        is_problem(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        other = {"Authorization": f"Bearer {api.tokens['vera']}"}
        assert (await client.get("/api/v1/whoami", headers=other)).status_code == 200
        for _ in range(3):
            assert (await client.get("/api/v1/whoami", headers={"Authorization": "Bearer x"})).status_code == 401
        is_problem(await client.get("/api/v1/whoami", headers={"Authorization": "Bearer x"}), 429, "rate_limited")
        assert (await client.get("/livez")).status_code == 200
