"""What a condition says of the present wish, and of an older one: nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mcd.model import Condition, ConditionType, Reason, Reconciled

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)


def seen(kind: ConditionType, status: bool, generation: int, observed: int) -> Reconciled:
    return Reconciled(generation, observed, (Condition(kind, status, Reason.READY, "", observed, NOW),), None)


@pytest.mark.parametrize("kind", list(ConditionType))
@pytest.mark.parametrize(
    ("status", "generation", "observed", "holds"),
    [(True, 2, 2, True), (True, 3, 2, False), (False, 2, 2, False), (False, 3, 2, False)],
)
def test_a_condition_holds_only_for_the_wish_that_it_was_seen_for(
    kind: ConditionType, status: bool, generation: int, observed: int, holds: bool
) -> None:
    state = seen(kind, status, generation, observed)
    assert state.is_now(kind) is holds
    assert not any(state.is_now(other) for other in ConditionType if other is not kind)


def test_before_anybody_looked_nothing_holds() -> None:
    assert not any(Reconciled(1, 0, (), None).is_now(kind) for kind in ConditionType)
