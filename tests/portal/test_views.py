"""What a page is made of, before it is a page."""

from __future__ import annotations

from datetime import UTC, datetime

from mcd.api.portal.views.app import conditions_of
from mcd.model import Condition, ConditionType, Reason, Reconciled

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)


def test_conditions_that_say_the_same_say_it_once_at_the_first_that_holds() -> None:
    dead, rest = "web: exit code 1.", "Release 2 did not become ready."
    told = (
        (ConditionType.READY, False, dead),
        (ConditionType.RECONCILING, False, rest),
        (ConditionType.STALLED, True, dead),
    )
    state = Reconciled(
        1, 1, tuple(Condition(kind, status, Reason.CRASH_LOOPING, said, 1, NOW) for kind, status, said in told), None
    )
    assert [str(c.message) for c in conditions_of(state)] == [dead, "", rest]
