"""Tables, names, JSON, exit codes and hostile text."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from mcd.cli.output import EXIT, Column, Form, Progress, age, lasting, plain, say_error, show_list
from mcd.cli.remote.columns import _HELD, state_text
from mcd.cli.remote.status import show
from mcd.errors import Code, McdError, Problem, Severity
from mcd.model import HELD_REASONS, AppState

COLUMNS = [
    Column("name", lambda i: i["name"]),
    Column("state", lambda i: i["state"]),
    Column("note", lambda i: "x", wide=True),
]


def named(item: object) -> str:
    return f"app/{item['name']}"  # type: ignore[index]


ITEMS = [{"name": "商店", "state": "ready"}, {"name": "shop", "state": "stalled"}]


def test_columns_stand_below_one_another_with_chinese_names_too(capsys: pytest.CaptureFixture[str]) -> None:
    show_list(ITEMS, COLUMNS, Form.TABLE, named)
    assert capsys.readouterr().out.splitlines() == ["NAME  STATE", "商店  ready", "shop  stalled"]


def test_json_says_the_version_of_its_shape_and_holds_the_items_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_list(ITEMS, COLUMNS, Form.JSON, named)
    assert json.loads(capsys.readouterr().out) == {"schema": "mcd/v1", "items": ITEMS}


def test_names_are_one_per_line_for_xargs(capsys: pytest.CaptureFixture[str]) -> None:
    show_list(ITEMS, COLUMNS, Form.NAME, named)
    assert capsys.readouterr().out == "app/商店\napp/shop\n"


def test_an_empty_list_is_said_on_stderr_and_is_an_empty_list_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_list([], COLUMNS, Form.TABLE, named)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "nothing to show.\n")
    show_list([], COLUMNS, Form.JSON, named)
    assert json.loads(capsys.readouterr().out)["items"] == []


def test_a_name_with_control_characters_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show_list([{"name": "a\x1b[2J\u202eb", "state": ""}], COLUMNS, Form.TABLE, named)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_an_exit_code(code: Code) -> None:
    assert EXIT[code] in (1, 2, 3, 4, 5, 6)


def test_a_refusal_is_one_line_after_the_problems_of_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem(
        "value.range",
        Severity.ERROR,
        "app.yaml",
        3,
        5,
        "components.web.port",
        "99999 is not a port.",
        "Use 1 to 65535.",
    )
    say_error(McdError(Code.INVALID, "app.yaml has 1 problem.\nTwo lines.", "Mend it.", problems=[problem]))
    assert capsys.readouterr().err.splitlines() == [
        "app.yaml:3:5: components.web.port: 99999 is not a port. Use 1 to 65535.",
        "mcd: app.yaml has 1 problem. Two lines. Mend it.",
    ]


def test_progress_without_a_terminal_has_lines_and_no_rewriting() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream)
    progress.tick("waiting 1 s")
    progress.line("web: 1 of 2 ready")
    progress.end()
    assert stream.getvalue() == "web: 1 of 2 ready\n"


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-11-22T10:00:00Z", "0s"), ("2026-11-22T09:58:30Z", "90s"), ("2026-11-22T09:15:00Z", "45m"),
        ("2026-11-22T07:50:00+00:00", "2h10m"), ("2026-11-17T10:00:00Z", "5d"),
        ("2026-11-22T10:00:09Z", "0s"), (None, ""), ("soon", "soon"),
    ],
)  # fmt: skip
def test_ages_are_short(since: str | None, text: str) -> None:
    from datetime import UTC, datetime

    assert age(since, datetime(2026, 11, 22, 10, tzinfo=UTC)) == text


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-11-22T09:58:30Z", "for 90 s"), ("2026-11-22T09:48:00Z", "for 12 m"),
        ("2026-11-22T07:50:00Z", "for 2 h 10 m"), ("2026-11-17T10:00:00Z", "for 5 d"), (None, ""),
    ],
)  # fmt: skip
def test_how_long_something_lasts_is_said_in_words(since: str | None, text: str) -> None:
    assert lasting(since, datetime(2026, 11, 22, 10, tzinfo=UTC)) == text


@pytest.mark.parametrize("word", ["stalled", "held", "unknown", "progressing"])
def test_status_says_since_when_an_app_is_not_well(capsys: pytest.CaptureFixture[str], word: str) -> None:
    then = (datetime.now(UTC) - timedelta(minutes=12)).isoformat()
    state = "stalled" if word == "held" else word
    rollout = {"state": state, "reason": "NotOurs", "message": "it is held.", "number": 3, "release": 2, "settings": 0,
               "created_at": then, "since": then}  # fmt: skip
    app = {"name": "shop", "product_line": "demo", "state": word}
    show({"app": app, "rollout": rollout, "components": [], "next_step": ""}, Form.TABLE)
    assert f"\n  {word} for 12 m, since {then}\n" in capsys.readouterr().out


@pytest.mark.parametrize("beside", ["", "Unclaimed: PersistentVolumeClaim/shop-permdir holds data and stays."])
def test_status_of_what_is_ready_says_what_its_table_does_not(capsys: pytest.CaptureFixture[str], beside: str) -> None:
    message = f"web 1/1. {beside}" if beside else "web 1/1"
    rollout = {"state": "ready", "reason": "Ready", "message": message, "number": 3, "release": 2, "settings": 0,
               "created_at": datetime.now(UTC).isoformat()}  # fmt: skip
    app = {"name": "shop", "product_line": "demo", "state": "ready"}
    show({"app": app, "rollout": rollout, "components": [], "next_step": ""}, Form.TABLE)
    said = capsys.readouterr().out
    assert "web 1/1" not in said
    assert said.splitlines()[2:] == ([f"  {beside}"] if beside else [])


def test_plain_keeps_what_people_write() -> None:
    assert plain("größer 商店 ✓") == "größer 商店 ✓"


AWAY = {
    "state": "unknown",
    "reason": "Unreachable",
    "message": 'It was ready when it was seen last. cluster "bj1" does not answer.',
    "last_state": "ready",
}


def test_an_app_whose_cluster_is_away_is_shown_as_it_was_seen_last_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    then = (datetime.now(UTC) - timedelta(minutes=4)).isoformat()
    live = {**AWAY, "last_seen_at": then, "away_since": then}
    assert state_text(live) == "unknown: ready 4m ago"
    assert state_text({**AWAY, "last_seen_at": None}) == "unknown: ready when it was seen last"
    web = {"component": "web", "type": "web", "state": "unknown", "reason": "Unreachable", "ready": 2, "desired": 2}
    rollout = {**live, "number": 3, "release": 2, "settings": 0, "created_at": then}
    show(
        {
            "app": {"name": "shop", "product_line": "demo", "cluster": "bj1"},
            "rollout": rollout,
            "components": [web],
            "next_step": "",
        },
        Form.TABLE,
    )
    told = capsys.readouterr().out
    assert "unknown: ready 4m ago (Rollout 3" in told
    assert 'cluster "bj1" does not answer.' in told
    assert f"seen last 4m ago; cluster bj1 is away for 4 m, since {then}" in told
    assert "?/2" in told
    assert "2/2" not in told


def test_what_is_held_is_called_so_wherever_it_is_told() -> None:
    """`app list` said held, `mcd status` stalled and `mcd why` failed, of one App at one time."""
    assert {reason.value for reason in HELD_REASONS} == _HELD
    for reason in _HELD:
        assert state_text({"state": "stalled", "reason": reason}) == f"{AppState.HELD}: {reason}"
    assert state_text({"state": "stalled", "reason": "CrashLooping"}) == "stalled: CrashLooping"
