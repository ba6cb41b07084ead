"""Where the token lies, who can read it, and to whom it is sent."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mcd.cli import contexts
from mcd.cli.contexts import Context, Contexts
from mcd.errors import Code, McdError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MCD_SERVER", "MCD_TOKEN", "MCD_APP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MCD_CONFIG_HOME", str(tmp_path / "new" / "config"))
    return tmp_path / "new" / "config"


def test_the_file_is_only_for_its_owner_and_so_is_its_folder(home: Path) -> None:
    path = contexts.remember(Context("a", "http://a", "secret", "alice"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [p.name for p in home.iterdir()] == ["contexts.json"]


def test_a_file_that_others_can_read_is_closed_and_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = contexts.remember(Context("a", "http://a", "secret"))
    path.chmod(0o644)
    contexts.load()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "others could read" in capsys.readouterr().err


def test_a_broken_file_is_one_refusal_and_is_not_overwritten(home: Path) -> None:
    home.mkdir(parents=True)
    for text in ("{", "[]", '{"contexts": []}', '{"contexts": {"a": {}}}', "\x00"):
        (home / "contexts.json").write_text(text)
        (home / "contexts.json").chmod(0o600)
        with pytest.raises(McdError, match="it is not") as told:
            contexts.remember(Context("b", "http://b"))
        assert told.value.code is Code.INVALID
        assert (home / "contexts.json").read_text() == text


def test_the_environment_comes_before_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts.remember(Context("a", "http://a", "stored"))
    assert contexts.chosen().token == "stored"
    monkeypatch.setenv("MCD_TOKEN", "told")
    assert (contexts.chosen().server, contexts.chosen().token) == ("http://a", "told")


def test_a_stored_token_is_never_sent_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts.remember(Context("a", "http://a", "stored"))
    monkeypatch.setenv("MCD_SERVER", "http://b")
    assert contexts.chosen() == Context("", "http://b")
    monkeypatch.setenv("MCD_SERVER", "http://a/")
    assert contexts.chosen().token == "stored"


def test_no_server_at_all_says_how_to_name_one() -> None:
    with pytest.raises(McdError, match="no server is known") as told:
        contexts.chosen()
    assert "mcd login" in told.value.hint


def test_logging_out_keeps_the_server_and_drops_the_token() -> None:
    contexts.remember(Context("a", "http://a", "secret", "alice"))
    contexts.forget_token("a")
    assert contexts.load() == Contexts("a", {"a": Context("a", "http://a")})


def test_a_token_is_in_no_repr() -> None:
    assert "secret" not in repr(Context("a", "http://a", "secret"))


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"), ("mcd.example.com", "https://mcd.example.com"),
        ("https://[::1]:1", "https://[::1]:1"), ("https://h/mcd/", "https://h/mcd"),
    ],
)  # fmt: skip
def test_addresses_are_stored_in_one_form(typed: str, address: str) -> None:
    assert contexts.server_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", "ftp://a", "http://", "http://a:99999", "http://u:p@a", "http://a b", "http://a?x", "http://[", "\x1b"],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(McdError):
        contexts.server_address(typed)


def test_only_this_machine_is_loopback() -> None:
    assert contexts.is_loopback("http://127.0.0.1:1")
    assert contexts.is_loopback("http://mcd.localhost")
    assert not contexts.is_loopback("http://127.0.0.1.example.com")
    assert not contexts.is_loopback("http://localhost.example.com")
