"""Log lines are JSON, and what must not be in them is not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from mcd.observability import logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers, root.level
    logs.configure("debug", stream)
    yield stream
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_bound_ids(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logs.logger("api").info("signed_in", person="ann")
    line = json.loads(out.getvalue())
    assert line["event"] == "signed_in"
    assert (line["person"], line["request_id"], line["room"], line["level"]) == ("ann", "r1", "api", "info")


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "canary"},
        {"nested": {"db_password": "canary"}},
        {"list": [{"session_token": "canary"}]},
        {"url": "https://bob:canary@git.example.com/a.git"},
        {"text": "Authorization: Bearer canary123"},
        {"text": "token mcd_pat_abc_canary"},
        {"url": "https://bob:p@canary@git.example.com/a.git"},
        {"url": "https://bob:p/canary@git.example.com/a.git"},
        {"text": "Authorization: token canary12345"},
        {"text": "PRIVATE-TOKEN: glpat-canary"},
        {"url": "/api/v1/shell?ticket=canary&x=1"},
        {"error": ValueError("clone https://bob:canary@git.example.com/a.git")},
        {"set": {"https://bob:canary@git.example.com"}},
        {"raw": b"https://bob:canary@git.example.com"},
    ],
)
def test_a_secret_is_never_written(out: io.StringIO, fields: dict[str, object]) -> None:
    logs.logger("api").warning("refused", **fields)
    assert "canary" not in out.getvalue()


def test_what_is_no_secret_is_written_as_it_is() -> None:
    for text in (
        "https://git.example.com/a/b.git at main", "registry.example.com/shop@sha256:0abc", "ann@example.com asks",
        "http://10.0.0.1:7070/apps?q=a@b", "3 tries: basic auth", "/apps?cursor=hello",
    ):  # fmt: skip
        assert logs.clean(text) == text


def test_an_exception_is_logged_with_its_frames_but_no_local_variables(out: io.StringIO) -> None:
    plain = "canary"
    try:
        raise ValueError("broken " + str(len(plain)))
    except ValueError:
        logs.logger("api").exception("bug")
    assert "broken 6" in out.getvalue()
    assert "canary" not in out.getvalue()


def test_lines_of_libraries_have_the_same_form(out: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("port %d taken", 7070)
    assert json.loads(out.getvalue())["event"] == "port 7070 taken"


def test_what_happens_all_the_time_is_said_once_in_a_while_and_how_often() -> None:
    once = logs.Once(60)
    assert [once.due("full", now) for now in (0, 1, 59, 61)] == [0, None, None, 2]
    assert once.due("other", 1) == 0


def test_a_flood_of_causes_does_not_fill_the_memory() -> None:
    once = logs.Once(60, most=10)
    for n in range(1000):
        once.due(str(n), 0)
    assert len(once._said) <= 10
