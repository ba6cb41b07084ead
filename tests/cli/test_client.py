"""Every answer that is not a yes is one McdError: refused connections, proxies, strangers, lost answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from mcd.cli.client import Client, segment
from mcd.cli.contexts import Context
from mcd.errors import Code, McdError, Severity
from tests.cli.conftest import Mcd, Played
from tests.servers.registry import free_port

PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(url: str, token: str = "mcd_pat_x") -> Client:
        made.append(Client(Context("t", url, token)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_refused_connection_is_one_line_with_exit_6(mcd: Mcd) -> None:
    port = free_port()
    told = mcd("whoami", env={"MCD_SERVER": f"http://127.0.0.1:{port}", "MCD_TOKEN": "x"})
    assert (told.code, told.out, told.err.count("\n")) == (6, "", 1)
    assert f"http://127.0.0.1:{port} cannot be reached (connection refused)" in told.err
    assert "mcd serve" in told.err
    assert "mcd context list" in told.err
    assert "mcd doctor" not in told.err, "doctor says the same, and would name itself"


def test_a_proxys_502_is_unavailable_and_not_a_stranger(client: Callable[..., Client], stub_server: Played) -> None:
    stub_server.answers["/api/v1/apps"] = (502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")
    with pytest.raises(McdError, match="502 Bad Gateway") as told:
        client(stub_server.url).get("/apps")
    assert told.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>hello"), (404, b"<h1>nothing"), (401, b"{}"), (200, b"\xff"), (302, b""), (500, b"[1]")],
)
def test_a_server_that_is_not_mcd_is_said_to_be_one(
    client: Callable[..., Client], stub_server: Played, status: int, body: bytes
) -> None:
    stub_server.answers["/api/v1/apps"] = (status, {"Location": "http://other/"}, body)
    with pytest.raises(McdError, match="does not speak as MCD does") as told:
        client(stub_server.url).get("/apps")
    assert told.value.code is Code.UNAVAILABLE
    assert len(stub_server.asked) == 1, "a redirect was followed"


def test_a_list_that_is_no_list_is_said_to_be_one(client: Callable[..., Client], stub_server: Played) -> None:
    stub_server.answers["/api/v1/apps"] = (200, {}, b'{"things": []}')
    with pytest.raises(McdError, match="does not speak as MCD does"):
        client(stub_server.url).items("/apps")


def test_problem_json_becomes_the_error_that_it_was(client: Callable[..., Client], stub_server: Played) -> None:
    problem = {"code": "value.range", "severity": "error", "file": "app.yaml", "line": 3, "column": 5, "field": "a.b",
               "message": "99999 is not a port.", "hint": "Use 1 to 65535."}  # fmt: skip
    whole = {"type": "x", "title": "T", "status": 422, "detail": "app.yaml has 1 problem.", "code": "invalid",
             "reason": "InvalidAppYaml",
             "problems": [problem, {"nonsense": 1}, {**problem, "line": None, "column": None}]}  # fmt: skip
    stub_server.answers["/api/v1/apps"] = (422, {**PROBLEM, "Retry-After": "7"}, json.dumps(whole).encode())
    with pytest.raises(McdError) as told:
        client(stub_server.url).get("/apps")
    error = told.value
    assert (error.code, error.message, error.reason, error.retry_after) == (
        Code.INVALID,
        "app.yaml has 1 problem.",
        "InvalidAppYaml",
        7.0,
    )
    assert [(p.line, p.severity) for p in error.problems] == [(3, Severity.ERROR), (0, Severity.ERROR)]


def test_a_code_that_this_command_does_not_know_is_judged_by_its_status(
    client: Callable[..., Client], stub_server: Played
) -> None:
    stub_server.answers["/api/v1/apps"] = (409, PROBLEM, b'{"code": "newer_word", "detail": "no."}')
    with pytest.raises(McdError) as told:
        client(stub_server.url).get("/apps")
    assert told.value.code is Code.CONFLICT


def test_an_expired_token_is_one_line_with_exit_4_and_the_next_command(mcd: Mcd, stub_server: Played) -> None:
    stub_server.answers["/api/v1/whoami"] = (
        401,
        PROBLEM,
        b'{"code": "unauthenticated", "detail": "the token has expired."}',
    )
    told = mcd("whoami", env={"MCD_SERVER": stub_server.url, "MCD_TOKEN": "mcd_pat_secret"})
    assert (told.code, told.out, told.err) == (4, "", "mcd: the token has expired. Sign in: `mcd login`.\n")


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("the token is not accepted. Sign in (`mcd login`), or use another one.", ""),
        ("the account li is disabled. Ask an admin of this MCD to enable it.", "AccountDisabled"),
    ],
)
def test_what_helps_is_said_once_and_nothing_that_does_not(
    here: Mcd, stub_server: Played, detail: str, reason: str
) -> None:
    body = {"code": "unauthenticated", "detail": detail, "reason": reason}
    stub_server.answers["/api/v1/whoami"] = (401, PROBLEM, json.dumps(body).encode())
    told = here("whoami", env={"MCD_SERVER": stub_server.url, "MCD_TOKEN": "mcd_pat_secret"})
    assert (told.code, told.err) == (4, f"mcd: {detail}\n")


def test_a_wish_whose_answer_was_lost_is_sent_again_with_the_same_key(client: Callable[..., Client]) -> None:
    import threading

    keys: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in (b"", b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nLocation: /x\r\n\r\n{}"):
            connection, _ = listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                keys.extend(
                    line.split(": ")[1]
                    for line in head.decode().split("\r\n")
                    if line.lower().startswith("idempotency-key")
                )
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    answer = client(f"http://127.0.0.1:{port}").post("/apps/a/rollouts", {})
    thread.join(10)
    listener.close()
    assert answer.location == "/x"
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_pages_are_followed_to_the_end_and_no_further_than_asked(
    client: Callable[..., Client], stub_server: Played
) -> None:
    stub_server.answers["/api/v1/apps"] = (200, {}, json.dumps({"items": [{"n": 1}], "next_cursor": None}).encode())
    assert client(stub_server.url).items("/apps", limit=1, product_line="x") == [{"n": 1}]
    assert stub_server.asked[0][0] == "GET /api/v1/apps?product_line=x&limit=1"


def test_the_token_goes_in_a_header_and_only_there(client: Callable[..., Client], stub_server: Played) -> None:
    stub_server.answers["/api/v1/whoami"] = (200, {}, b"{}")
    client(stub_server.url, "mcd_pat_secret").get("/whoami")
    line, headers, _ = stub_server.asked[0]
    assert headers["Authorization"] == "Bearer mcd_pat_secret"
    assert "secret" not in line


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_cannot_leave_its_place_in_the_path(name: str) -> None:
    with pytest.raises(McdError):
        segment(name)
    assert segment("a/../b?c#d") == "a%2F..%2Fb%3Fc%23d"


def test_no_proxy_is_asked_for_this_machine(
    client: Callable[..., Client], stub_server: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    stub_server.answers["/api/v1/whoami"] = (200, {}, b'{"name": "a"}')
    assert client(stub_server.url).get("/whoami") == {"name": "a"}


@pytest.mark.parametrize(("patience", "calls"), [("0", 2), ("60", 1)])
def test_a_short_pause_that_the_server_asks_for_is_made_and_a_long_one_is_told(
    client: Callable[..., Client], stub_server: Played, patience: str, calls: int
) -> None:
    busy = (503, {**PROBLEM, "Retry-After": patience}, b'{"code": "unavailable", "detail": "the database is busy."}')
    stub_server.answers["/api/v1/whoami"] = busy
    stub_server.then["/api/v1/whoami"] = (200, {}, b'{"name": "a"}')
    if calls == 2:
        assert client(stub_server.url).get("/whoami") == {"name": "a"}
    else:
        with pytest.raises(McdError, match="busy") as told:
            client(stub_server.url).get("/whoami")
        assert (told.value.code, told.value.retry_after) == (Code.UNAVAILABLE, 60.0)
    assert len(stub_server.asked) == calls
