"""One line for each request: who asked what and how it went, in one place of one trace, whatever was sent."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from mcd.observability import logs
from tests.api.client import Api

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers, root.level
    logs.configure("debug", stream)
    yield stream
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def requests(out: io.StringIO) -> list[dict[str, Any]]:
    """Every line is JSON, or this raises."""
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "request"]


async def test_a_request_is_one_line_with_all_that_an_operator_asks(api: Api, out: io.StringIO) -> None:
    async with api.as_("dora", **{"X-Request-Id": "abcdefgh1", "traceparent": f"00-{TRACE}-{SPAN}-01"}) as client:
        await client.get("/api/v1/apps/own-dora?limit=5")
    (line,) = requests(out)
    assert line["route"] == "/api/v1/apps/{app}"
    assert line["path"] == "/api/v1/apps/own-dora"
    assert (line["method"], line["status"], line["person"]) == ("GET", 422, "dora")
    assert 0 < line["seconds"] < 30
    assert (line["request_id"], line["trace_id"]) == ("abcdefgh1", TRACE)
    assert line["span_id"] != SPAN


@pytest.mark.parametrize(
    "path",
    [
        '/api/v1/apps/x%0a{"event":"forged"}', "/api/v1/apps/x%0d%0aforged", "/api/v1/apps/%1b[31mred",
        '/api/v1/apps/"},{"event":"forged"', "/api/v1/apps/%e2%80%a8split", "/%f0%9f%92%a9", "/api/v1/apps/\\u000aq",
        "/api/v1/apps/" + "a" * 20_000,
    ],
)  # fmt: skip
async def test_a_hostile_path_is_one_line_of_plain_size(api: Api, out: io.StringIO, path: str) -> None:
    await api.get(path)
    (line,) = requests(out)
    assert line["event"] == "request"
    assert len(json.dumps(line)) < 2_000
    assert not any(c < " " or c in "\u2028\u2029\x7f" for c in line["path"])


async def test_nobody_is_nobody_and_no_route_is_no_route(api: Api, out: io.StringIO) -> None:
    await api.get("/nowhere/else", person="")
    (line,) = requests(out)
    assert (line["route"], line["person"], line["status"]) == ("none", None, 404)


async def test_no_secret_of_a_request_is_in_any_line(api: Api, out: io.StringIO) -> None:
    token = api.tokens["dora"]
    await api.get(f"/api/v1/apps?token={token}&password=canary-password")
    await api.post("/api/v1/sessions", {"name": "dora", "password": "canary-password"}, person="")
    await api.get(f"/api/v1/apps/{token}")
    assert len(requests(out)) == 3
    assert token not in out.getvalue()
    assert "canary" not in out.getvalue()


async def test_probes_are_not_told_unless_one_looks_closely(api: Api, out: io.StringIO) -> None:
    await api.get("/livez", person="")
    assert [line["level"] for line in requests(out)] == ["debug"]
