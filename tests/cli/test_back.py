"""Where a rollback goes: to what was Ready once, further back each time, and never to what somebody fled from."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.cli.remote.back import doubt, earlier
from mcd.errors import Code, McdError
from mcd.model.way_back import taken_back

READY = "2026-05-03T10:00:00Z"


def row(number: int, release: int, *, ready: bool = True, trigger: str = "push", **more: Any) -> dict[str, Any]:
    at = READY if ready else None
    return {"number": number, "release": release, "settings": 0, "trigger": trigger, "ready_at": at, "live": False} | {
        "state": "superseded", **more,
    }  # fmt: skip


def live(number: int, release: int, **more: Any) -> dict[str, Any]:
    return row(number, release, **{"state": "ready", **more}) | {"live": True}


def test_what_was_never_ready_is_passed_over_whatever_its_state_says() -> None:
    rows = [
        row(1, 1),
        row(2, 2),
        row(3, 3, ready=False, state="stalled"),
        row(4, 4, ready=False),
        live(5, 5, ready=False, state="progressing"),
    ]
    assert earlier(rows, "shop", None)["number"] == 2
    assert earlier(reversed(rows), "shop", None)["number"] == 2


def test_a_second_rollback_goes_further_back_and_a_third_has_nowhere_to_go() -> None:
    rows = [row(1, 1), row(2, 2), row(3, 3), live(4, 2, trigger="rollback")]
    assert earlier(rows, "shop", None)["number"] == 1
    rows = [row(1, 1), row(2, 2), row(3, 3), row(4, 2, trigger="rollback"), live(5, 1, trigger="rollback")]
    with pytest.raises(McdError, match="nothing else was Ready before") as told:
        earlier(rows, "shop", None)
    assert told.value.code is Code.NOT_FOUND


def test_a_second_rollback_does_not_bring_back_what_the_first_one_left() -> None:
    fled = [row(1, 1), row(2, 2, ready=False), live(3, 1, trigger="rollback")]
    with pytest.raises(McdError, match="nothing else was Ready before"):
        earlier(fled, "shop", None)


def test_a_deploy_after_a_rollback_is_a_step_forward_again() -> None:
    rows = [row(1, 1), row(2, 2), row(3, 1, trigger="rollback"), row(4, 2, trigger="deploy"), live(5, 3)]
    assert earlier(rows, "shop", None)["number"] == 4
    rows = [*rows[:-1], row(5, 3), live(6, 2, trigger="rollback")]
    assert earlier(rows, "shop", None)["number"] == 1, "what is left of the way is 1 and 4, and 4 runs again"


def test_a_restart_after_a_rollback_is_no_step() -> None:
    rows = [row(1, 1), row(2, 2), row(3, 3), row(4, 2, trigger="rollback"), live(5, 2, trigger="restart")]
    assert earlier(rows, "shop", None)["number"] == 1


def test_what_runs_with_other_settings_is_something_else() -> None:
    assert earlier([row(1, 1), live(2, 1, settings=1, trigger="settings")], "shop", None)["number"] == 1


def test_a_named_one_is_taken_and_doubted_when_it_was_never_ready() -> None:
    rows = [row(1, 1), row(2, 2, ready=False, reason="RolledBack", message="web: exit 1.\nPut back."), live(3, 3)]
    named = earlier(rows, "shop", 2)
    assert doubt(named) == "warning: Rollout 2 was never Ready: RolledBack: web: exit 1. Put back."
    assert doubt(rows[0]) == ""
    with pytest.raises(McdError, match="no Rollout 9"):
        earlier(rows, "shop", 9)


def test_after_mcd_went_back_nothing_goes_further_unless_it_is_named() -> None:
    """Release 3 crashed and MCD put Release 2 back: `mcd rollback` by habit would take the page to Release 1."""
    rows = [row(1, 1), row(2, 2), row(3, 3, ready=False, state="stalled"), live(4, 2, trigger="auto-rollback")]
    with pytest.raises(McdError) as told:
        earlier(rows, "shop", None)
    assert told.value.code is Code.CONFLICT
    assert told.value.message == (
        "MCD went back already: Rollout 3 (Release 3) failed, and Release 2 with Settings 0 runs since Rollout 4."
    )
    assert told.value.hint == (
        "Mend what failed and push. To go further back (Release 1, Settings 0): `mcd rollback shop --to 1`."
    )
    assert earlier(rows, "shop", 1)["number"] == 1


def test_a_restart_of_what_mcd_put_back_goes_no_further_either_and_a_new_wish_does() -> None:
    rows = [row(1, 1), row(2, 2, ready=False), row(3, 1, trigger="auto-rollback"), live(4, 1, trigger="restart")]
    with pytest.raises(McdError, match="MCD went back already") as told:
        earlier(rows, "shop", None)
    assert told.value.hint == "Mend what failed and push. Nothing else was Ready before."
    rows = [*rows[:-1], row(4, 1, trigger="restart"), live(5, 1, settings=1, trigger="settings")]
    assert earlier(rows, "shop", None)["number"] == 4


def test_what_goes_back_of_settings_is_told_value_by_value() -> None:
    now = {
        "components": {"web": {"replicas": 3}}, "env": {"SITE": "Harbour", "LONG": "x" * 70 + "a"},
        "configs": {"site": {"nginx.conf": "a"}}, "secrets": {"pay": {"keys": ["token"], "version": 4}},
    }  # fmt: skip
    then = {"env": {"LONG": "x" * 70 + "b"}, "configs": {"site": {"nginx.conf": "b"}},
            "secrets": {"pay": {"keys": ["token"], "version": 3}}}  # fmt: skip
    assert taken_back(now, then) == (
        "components.web.replicas: 3 becomes as app.yaml says",
        "configs.site.nginx.conf: another text",
        f'env.LONG: "{"x" * 58}… becomes "{"x" * 58}…',
        'env.SITE: "Harbour" becomes nothing',
        "secrets.pay: version 4 becomes version 3",
    )
    assert taken_back(now, now) == ()
