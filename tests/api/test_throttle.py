"""How often one may ask: a minute that slides, and what one is told of it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mcd.api.throttle import MINUTE, Minute


def test_so_many_in_a_minute_and_not_one_more() -> None:
    minute = Minute()
    assert [minute.hit("a", 3, 600.0).accepted for _ in range(5)] == [True, True, True, False, False]
    assert minute.hit("b", 3, 600.0).accepted, "each is counted alone"
    assert minute.hit("a", 3, 600.0).left == 0


def test_the_minute_before_counts_by_what_of_it_is_not_over_a_minute_ago() -> None:
    minute = Minute()
    for _ in range(10):
        minute.hit("a", 10, 60.0)
    assert not minute.hit("a", 10, 120.0).accepted
    # Half of them are gone.
    assert [minute.hit("a", 10, 150.0).accepted for _ in range(6)] == [True] * 5 + [False]
    assert minute.hit("a", 10, 10_000.0).left == 9, "nothing is left of what is long ago"


@given(st.lists(st.floats(0.01, 200.0), min_size=1, max_size=60), st.integers(1, 8))
def test_who_comes_when_it_says_finds_that_there_is_more(gaps: list[float], most: int) -> None:
    minute, now = Minute(), 0.0
    for gap in gaps:
        now += gap
        hit = minute.hit("a", most, now)
        assert 0 <= hit.left < most
        assert 0 <= hit.reset <= MINUTE
        assert hit.accepted or hit.left == 0
    # As the header says it, in whole seconds and one at the least; after two minutes nothing counts any more.
    waited = max(1, math.ceil(minute.hit("a", 0, now).reset))
    assert waited <= MINUTE
    assert minute.hit("a", most, now + 2 * MINUTE).accepted
