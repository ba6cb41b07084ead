"""What is typed: Apps, times, counts, keys and values, files. A refusal names the word, never a secret's value."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mcd.cli.documents import mapping_from, text_from
from mcd.cli.options import appname_of, pairs, seconds, which_app
from mcd.cli.remote.scaling import replicas
from mcd.cli.remote.settings import secret_values
from mcd.errors import Code, McdError
from tests.cli.conftest import Mcd


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCD_APP", raising=False)


def test_the_app_is_the_argument_then_the_flag_then_the_variable_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(McdError, match="no App is named"):
        which_app(None)
    (tmp_path / "app.yaml").write_text("# x\nappname: shop  # ours\ncomponents: {}\n")
    assert which_app(None) == "shop"
    monkeypatch.setenv("MCD_APP", "told")
    assert which_app(None) == "told"
    assert which_app(None, "flag") == "flag"
    assert which_app("word") == "word"
    with pytest.raises(McdError, match="two Apps are named"):
        which_app("word", "flag")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("appname: 'shop'", "shop"), ('appname: "shop"\r\n', "shop"), ("\ufeffappname: shop", "shop"),
        ("x:\n  appname: inner", ""),
        ("appname: Shop", ""), ("appname: [a]", ""), ("", ""), ("appname: shop'", ""),
    ],
)  # fmt: skip
def test_appname_is_read_from_its_line_only(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "app.yaml").write_text(text, encoding="utf-8")
    assert appname_of(tmp_path / "app.yaml") == name


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("7d", 604800)])
def test_times_are_written_with_units(text: str, value: float) -> None:
    assert seconds(text, "--timeout") == value


@pytest.mark.parametrize("text", ["", "5", "5x", "m", "30m1h", "1m1m", "-5m", "1.5h", "５m", "9999999s"])
def test_what_is_no_time_is_refused_and_names_the_flag(text: str) -> None:
    with pytest.raises(McdError, match="--timeout") as told:
        seconds(text, "--timeout")
    assert told.value.code is Code.INVALID


def test_a_value_is_never_in_the_refusal_of_a_pair() -> None:
    assert pairs(["A=b=c", "D="], "x") == {"A": "b=c", "D": ""}
    for words in (["=s3cr3t"], ["A=s3cr3t", "A=s3cr3t"]):
        with pytest.raises(McdError) as told:
            pairs(words, "KEY=VALUE")
        assert "s3cr3t" not in str(told.value)


def test_counts_of_components() -> None:
    assert replicas(["shop", "web=3", "worker=0"]) == ("shop", {"web": 3, "worker": 0})
    assert replicas(["web=default"]) == (None, {"web": None})
    for words in (["shop"], ["web=x"], ["web=-1"], ["=3"], ["shop", "web"], ["web=10000"], ["web=３"]):
        with pytest.raises(McdError):
            replicas(words)


@pytest.mark.parametrize("word", ["SITE=Harbour", "A=s3cr3t", "components.web=1", "components..replicas=1"])
def test_a_variable_is_refused_with_where_it_is_written_and_without_its_value(here: Mcd, word: str) -> None:
    told = here("settings", "set", "shop", word)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "under env: in app.yaml" in told.err
    assert "s3cr3t" not in told.err
    assert here("settings", "unset", "SITE", "-a", "shop").code == 2


@pytest.mark.parametrize("word", ["components.web.resources.memory=1Gi", "alerts.restarts.enabled=false"])
def test_what_only_app_yaml_says_is_refused_with_that_place_and_no_talk_of_variables(here: Mcd, word: str) -> None:
    told = here("settings", "set", "shop", word)
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert f"Write {word.partition('=')[0]} in app.yaml and push." in told.err
    assert "variable" not in told.err


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_secrets_come_from_words_files_and_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.pem").write_text("line\n")
    assert secret_values(["A=1", "B=@key.pem"], False) == {"A": "1", "B": "line\n"}
    monkeypatch.setattr("sys.stdin", Stdin(b"# c\n\nexport TOKEN='a b'\nURL = http://x?a=b\n"))
    assert secret_values([], True) == {"TOKEN": "a b", "URL": "http://x?a=b"}
    monkeypatch.setattr("sys.stdin", Stdin(b"-----BEGIN\nabc\n"))
    assert secret_values(["tls.key=-"], False) == {"tls.key": "-----BEGIN\nabc\n"}


@pytest.mark.parametrize("data", [b"TOKEN s3cr3t", b"A=1\nA=s3cr3t", b"", b"\xff"])
def test_a_broken_secret_on_stdin_is_refused_without_its_value(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Stdin(data))
    with pytest.raises(McdError) as told:
        secret_values([], True)
    assert "s3cr3t" not in str(told.value)


def test_a_file_is_read_as_yaml_1_2_or_json(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("on: 1\nversion: '1.10'\nlist: [a, b]\nflag: true\n")
    assert mapping_from(tmp_path / "a.yaml") == {"on": 1, "version": "1.10", "list": ["a", "b"], "flag": True}
    (tmp_path / "a.json").write_text('{"a": {"b": 1}}')
    assert mapping_from(tmp_path / "a.json") == {"a": {"b": 1}}


@pytest.mark.parametrize(
    "text",
    ["- a", "a: [", '{"a": ', "a: 2026-01-01", "1: x", "a: 1\na: 2", "!!python/object:os.system a", "[" * 5000, "\x00"],
)
def test_a_file_that_is_no_mapping_is_one_refusal(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(McdError, match=r"a\.yaml") as told:
        mapping_from(tmp_path / "a.yaml")
    assert told.value.code is Code.INVALID


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(McdError, match="no such file"):
        text_from(tmp_path / "none")
    with pytest.raises(McdError, match="is a directory"):
        text_from(tmp_path)
    (tmp_path / "big").write_bytes(b"x" * (256 * 1024 + 1))
    with pytest.raises(McdError) as told:
        text_from(tmp_path / "big")
    assert told.value.code is Code.TOO_LARGE
