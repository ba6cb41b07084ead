"""A schedule that we take comes, by the word of a cron library; one that it refuses, we refuse."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import available_timezones

import cronsim
from hypothesis import given, settings
from hypothesis import strategies as st

from mcd.appyaml.resolve.schedules import check_schedule, check_timezone

PIECES = {
    "minute": ["*", "0", "59", "*/5", "1-10", "1,2", "60", "5-1", "*/0", "7/10"],
    "hour": ["*", "0", "23", "9-17/2", "24", "3"],
    "day": ["*", "1", "29", "30", "31", "L", "32", "1-31", "*/2"],
    "month": ["*", "2", "JAN", "feb", "2,4", "13", "4,6", "1-12"],
    "weekday": ["*", "0", "6", "7", "MON", "mon-fri", "1#2", "5L"],
}
NOT_OURS = ("L", "#", "7")


@settings(max_examples=400)
@given(st.tuples(*(st.sampled_from(words) for words in PIECES.values())))
def test_what_we_take_a_cron_library_takes_and_it_comes(fields: tuple[str, ...]) -> None:
    text = " ".join(fields)
    ours = check_schedule(text).error is None
    try:
        next(cronsim.CronSim(text, datetime(2026, 1, 1)))
        theirs = True
    except (cronsim.CronSimError, StopIteration):
        theirs = False
    if ours:
        assert theirs, text
    elif theirs:
        # Kubernetes has no L and no #, and Sunday is 0.
        assert "L" in fields[2] or any(mark in fields[4] for mark in NOT_OURS), text


def test_a_29_february_comes() -> None:
    assert check_schedule("0 0 29 2 *").error is None
    assert check_schedule("0 0 30 2 *").error == ("never comes.", "February has no day 30.")
    assert check_schedule("0 0 31 4,6,9,11 *").error == ("never comes.", "April has no day 31.")
    assert check_schedule("0 0 31 2 1").error is None  # either day or weekday fires


def test_the_time_zones_of_the_machine_are_known() -> None:
    unknown = {zone for zone in available_timezones() if check_timezone(zone) is not None}
    assert unknown <= {"localtime", "Factory", "posixrules"}
