"""Whatever a client sends, it is never a 5xx: a sweep over every operation with what strangers send."""

from __future__ import annotations

import asyncio
import string
from json import dumps
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcd.api.access import RouteFact
from tests.api.client import Api
from tests.api.operations import BODIES, HEADERS, OTHERS_PARTS
from tests.api.test_access import PERMITTED, TABLE, path_of

NAMES = [
    "..", ".", "-", "--help", "%2e%2e", "%2F", "a%2Fb", "%00", "a%00b", "%0a", "%ff", "%c3%28", "%ed%a0%80", "x" * 300,
    "x" * 5000, "0", "-1", "1e9", "999999999999999999999", "'", "a' OR '1'='1", "%25", "null", "${7*7}", "{{7*7}}",
    "<script>", "Ünïcode", "日本", "a b", "A", "kube-system", "mcd:x", "%E2%80%AE", "%F0%9F%98%80",
]  # fmt: skip

RAW = [
    b"", b" ", b"null", b"[]", b"{}", b'"x"', b"0", b"true", b"[[[[]]]]", b'{"": ""}', b"\x00", b"\xff\xfe",
    b"{" * 2000, b'{"a": "\\ud800"}', b'{"name": null}', b"x" * 70_000, b'{"name": {"$gt": ""}}', b'["name"]',
]  # fmt: skip

VALUES = [
    None,
    True,
    0,
    -1,
    2**63,
    1.5,
    "",
    "x" * 70_000,
    "\x7f\x1b[2J",
    "‮",
    [],
    {},
    [None],
    {"a": {"b": {}}},
    ["x"] * 1000,
]

QUERIES = [
    "limit=-1", "limit=999999999999999999999", "cursor=%ff%fe", "cursor=" + "A" * 900, "app=%00", "after=-1", "after=x",
    "after=9999999999999999999999", "noun=nothing", "kind=nothing&kind=x", "product_line=%27", "name=%F0%9F%98%80",
    "tail=-1", "tail=1e9", "since=1y", "since=" + "9" * 10, "follow=maybe", "component=..", "pod=..%2f", "verbose=%ff",
    "ticket=" + "A" * 3000, "&&&===", "limit=1&limit=2", "limit[]=1", "%ed%a0%80=1",
]  # fmt: skip

HEADERS_OF_STRANGERS = [
    {"If-Match": '"' + "9" * 400 + '"'}, {"If-None-Match": "," * 3000}, {"Last-Event-ID": "9" * 40},
    {"Last-Event-ID": "-1"}, {"Idempotency-Key": "\x7f"}, {"Accept": "*/*;q=nan"}, {"Accept": "image/png"},
    {"Authorization": "Bearer " + "x" * 8000}, {"Cookie": "mcd=" + "%" * 500}, {"Content-Length": "0"},
    {"traceparent": "00-" + "0" * 32}, {"X-Forwarded-For": "1.2.3.4" * 100}, {"Host": "evil.example"},
    {"Origin": "null"}, {"Sec-Fetch-Site": "x"}, {"Content-Encoding": "gzip"}, {"Expect": "100-continue"},
    {"Content-Type": "application/json; charset=utf-7"}, {"Content-Type": "application/json" * 50},
    {"Content-Type": 'application/json; charset="'},
]  # fmt: skip


def fine(answer: httpx.Response, what: object) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", what
        assert len(answer.content) < 40_000, what
        assert "Traceback" not in answer.text, what


async def send(
    api: Api, method: str, path: str, *, json: Any = None, content: bytes = b"", headers: dict[str, str] | None = None
) -> httpx.Response:
    """Exactly as written, as a server hands it on: httpx would tidy the path up."""
    given = {"authorization": f"Bearer {api.tokens['root']}", "host": "127.0.0.1:7070"}
    if json is not None:
        content = dumps(json).encode()
        given["content-type"] = "application/json"
    given |= {name.lower(): value for name, value in (headers or {}).items()}
    given.setdefault("content-length", str(len(content)))
    target, _, query = path.partition("?")
    raw = quote(target, safe="/%").encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(raw.decode()), "raw_path": raw, "query_string": query.encode(),
        "root_path": "", "headers": [(k.encode(), v.encode("latin-1", "replace")) for k, v in given.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 7070), "state": {},
    }  # fmt: skip
    incoming = [{"type": "http.request", "body": content, "more_body": False}]
    outgoing: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        # Nobody hangs up: the answer ends by itself.
        await asyncio.Event().wait()
        raise AssertionError

    async def out(message: Any) -> None:
        outgoing.append(message)

    await api.app(scope, receive, out)
    start = outgoing[0]
    return httpx.Response(
        start["status"], headers=start["headers"], content=b"".join(m.get("body", b"") for m in outgoing[1:])
    )


BY_PATH = [row for row in TABLE if "{" in row[2].path and row[1] != "WEBSOCKET" and row[2].path.startswith("/api/")]
WRITING = [row for row in PERMITTED if row[0] in BODIES]


@pytest.mark.parametrize(("operation", "method", "fact"), BY_PATH, ids=[row[0] for row in BY_PATH])
async def test_a_strange_name_names_nothing(api: Api, operation: str, method: str, fact: RouteFact) -> None:
    for name in NAMES:
        path = fact.path
        for part in ("app", "line", "rollout", "cluster", "pool", "person", "token", "secret", "number", "revision"):
            path = path.replace("{" + part + "}", name)
        body = BODIES.get(operation)
        answer = await send(api, method, path, **({"json": body} if body is not None else {}))
        fine(answer, (operation, name))
        assert answer.status_code not in (200, 202, 304) or name in ("0", "A", "kube-system", "null"), (operation, name)


@pytest.mark.parametrize(("operation", "method", "fact"), WRITING, ids=[row[0] for row in WRITING])
async def test_a_strange_body_is_refused_in_words(api: Api, operation: str, method: str, fact: RouteFact) -> None:
    path = path_of(api, fact, "own-root", "demo")
    given = HEADERS.get(operation, {})
    for raw in RAW:
        answer = await send(api, method, path, content=raw, headers={**given, "Content-Type": "application/json"})
        fine(answer, (operation, raw[:50]))
    right = BODIES[operation]
    for field in right:
        for value in VALUES:
            answer = await send(api, method, path, json={**right, field: value}, headers=given)
            fine(answer, (operation, field, str(value)[:50]))


async def test_strange_queries_and_headers_are_no_bugs(api: Api) -> None:
    for operation, method, fact in PERMITTED:
        if method != "GET":
            continue
        path = path_of(api, fact, "own-root", "demo")
        for query in QUERIES:
            fine(await send(api, method, f"{path}?{query}"), (operation, query))
    for headers in HEADERS_OF_STRANGERS:
        for path in ("/api/v1/events?limit=1", "/api/v1/apps/own-root"):
            fine(await send(api, "GET", path, headers=headers), (path, headers))
        fine(await send(api, "POST", "/api/v1/apps", json=BODIES["create_app"], headers=headers), headers)


TEXT = st.text(max_size=40) | st.text(string.printable, max_size=300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({field for body in BODIES.values() for field in body} | {"dry_run", "commit", "restart", "wishes"})


@given(
    st.sampled_from(WRITING),
    st.dictionaries(st.sampled_from(FIELDS) | TEXT, JSON, max_size=5),
    st.booleans(),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_bodies_that_nobody_thought_of_are_no_bugs(
    api: Api, row: tuple[str, str, RouteFact], body: dict[str, Any], on_top: bool
) -> None:
    operation, method, fact = row
    whole = {**BODIES[operation], **body} if on_top else body
    raw = dumps(whole).encode()
    path = path_of(api, fact, "own-root", "demo")
    headers = {**HEADERS.get(operation, {}), "Content-Type": "application/json"}
    fine(await send(api, method, path, content=raw, headers=headers), (operation, whole))


async def test_the_parts_of_the_sweep_are_parts_of_paths() -> None:
    parts = {*OTHERS_PARTS, "app", "line", "rollout"}
    used = {part.strip("{}") for _, _, fact in TABLE for part in fact.path.split("/") if part.startswith("{")}
    assert {part.partition("}")[0] for part in used} == parts
