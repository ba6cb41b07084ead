"""Outcome to conditions: what is said, since when, and when the row is looked at again."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mcd
from mcd.controllers.conditions import AGAIN, LONGEST_RETRY, conclude, conclude_failure
from mcd.errors import Code, McdError
from mcd.model import AppState, Condition, Ready, Reason, Reconciled, Stalled, Waiting, app_state
from mcd.model.conditions import superseded

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def by_type(conditions: tuple[Condition, ...]) -> dict[str, Condition]:
    return {c.type.value: c for c in conditions}


def test_exactly_one_of_the_three_conditions_is_true_after_each_outcome() -> None:
    for outcome in (Ready("fine"), Waiting(Reason.BUILDING, "building", 2), Stalled(Reason.NOT_OURS, "held")):
        concluded = conclude(outcome, (), 3, NOW, 0.5)
        assert sum(c.status for c in concluded.conditions) == 1
        assert {c.observed_generation for c in concluded.conditions} == {3}


def test_the_time_of_a_condition_moves_only_when_its_status_does() -> None:
    first = conclude(Waiting(Reason.BUILDING, "building", 2), (), 1, NOW, 0)
    second = conclude(Waiting(Reason.APPLYING, "applying", 2), first.conditions, 1, LATER, 0)
    third = conclude(Ready(), second.conditions, 1, LATER, 0)
    assert by_type(second.conditions)["Ready"].last_transition == NOW
    assert by_type(third.conditions)["Ready"].last_transition == LATER


def test_a_waiting_row_is_due_when_its_reconciler_said() -> None:
    assert conclude(Waiting(Reason.BUILDING, "", 2.5), (), 1, NOW, 0.9).next_run_at == NOW + timedelta(seconds=2.5)


def test_a_failure_does_not_take_back_what_was_ready() -> None:
    ready = conclude(Ready("3 of 3 pods"), (), 1, NOW, 0).conditions
    after = by_type(conclude_failure(RuntimeError("boom"), ready, 1, 0, LATER, 0).conditions)
    assert after["Ready"].status
    assert after["Reconciling"].status
    assert after["Reconciling"].reason is Reason.RETRYING


def test_a_failure_does_not_say_of_a_new_wish_that_it_is_ready() -> None:
    ready = conclude(Ready("3 of 3 pods"), (), 1, NOW, 0).conditions
    after = by_type(conclude_failure(McdError(Code.UNAVAILABLE, "away."), ready, 2, 0, LATER, 0).conditions)
    assert (after["Ready"].status, after["Ready"].reason) == (False, Reason.RETRYING)
    assert after["Ready"].observed_generation == 2


def test_a_failure_shows_nobody_the_text_of_a_bug() -> None:
    concluded = conclude_failure(RuntimeError("password=hunter2"), (), 1, 0, NOW, 0)
    assert not any("hunter2" in c.message for c in concluded.conditions)


def test_failures_back_off_to_a_ceiling() -> None:
    delays = [
        (conclude_failure(RuntimeError(), (), 1, n, NOW, 0.5).next_run_at - NOW).total_seconds() for n in range(12)
    ]
    assert delays == sorted(delays)
    assert delays[0] == 0.2
    assert delays[-1] == LONGEST_RETRY


def test_a_server_that_says_when_to_come_back_is_obeyed() -> None:
    error = McdError(Code.RATE_LIMITED, "the API server is busy.", retry_after=17)
    assert conclude_failure(error, (), 1, 0, NOW, 0).next_run_at >= NOW + timedelta(seconds=17)


def test_that_it_is_tried_again_is_said_once() -> None:
    plain = McdError(Code.UNAVAILABLE, "the registry does not answer.")
    saying = McdError(Code.UNAVAILABLE, "the cluster cannot be reached.", AGAIN)
    for error in (plain, saying):
        message = by_type(conclude_failure(error, (), 1, 0, NOW, 0).conditions)["Reconciling"].message
        assert message.endswith(f". {AGAIN}")
        assert message.count(AGAIN) == 1


def test_an_app_is_counted_once_by_what_is_seen_of_its_newest_wish() -> None:
    def word(conditions: tuple[Condition, ...], observed: int = 1) -> AppState:
        return app_state(Reconciled(1, observed, conditions, None))

    ready = conclude(Ready(), (), 1, NOW, 0).conditions
    away = conclude_failure(McdError(Code.UNAVAILABLE, "away."), ready, 1, 0, NOW, 0).conditions
    assert word(ready) is AppState.READY
    assert word(ready, observed=0) is AppState.PROGRESSING
    assert word(away) is AppState.UNKNOWN
    assert app_state(Reconciled(1, 1, ready, None), away=Reason.UNREACHABLE) is AppState.UNKNOWN
    assert word(conclude(Stalled(Reason.CRASH_LOOPING, ""), (), 1, NOW, 0).conditions) is AppState.STALLED
    assert word(conclude(Stalled(Reason.NOT_OURS, ""), (), 1, NOW, 0).conditions) is AppState.HELD


def test_a_replaced_rollout_keeps_its_last_word_but_is_not_looked_at_any_more() -> None:
    ready = conclude(Ready("web 1/1"), (), 1, NOW, 0).conditions
    retried = conclude_failure(McdError(Code.UNAVAILABLE, "away."), ready, 1, 0, NOW, 0).conditions
    after = by_type(superseded(Reconciled(1, 1, retried, None), 2, LATER))
    assert (after["Ready"].status, after["Ready"].message) == (True, "web 1/1")
    assert (after["Reconciling"].status, after["Reconciling"].last_transition) == (False, LATER)
    failed = conclude(Stalled(Reason.CRASH_LOOPING, "it crashed."), (), 1, NOW, 0).conditions
    assert superseded(Reconciled(1, 1, failed, None), 2, LATER) == failed
    waiting = conclude(Waiting(Reason.BUILDING, "building", 2), (), 1, NOW, 0).conditions
    taken = superseded(Reconciled(1, 1, waiting, None), 2, LATER)
    assert {(c.status, c.reason, c.message) for c in taken} == {(False, Reason.SUPERSEDED, "Rollout 2 took over.")}


def test_a_condition_is_made_in_one_place_and_read_back_in_one() -> None:
    root = Path(mcd.__file__).parent
    makers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Condition"
    }
    assert makers == {"model/conditions.py", "store/nouns.py"}
