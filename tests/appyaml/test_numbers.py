"""Numbers with a fraction and times in milliseconds: one way to write each, and the right one as a hint."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mcd.appyaml.text.nodes import Scalar
from mcd.appyaml.text.scalars import Wrong, duration, number
from mcd.appyaml.text.units import duration_text

LOW, HIGH = Decimal("0.001"), Decimal(10**12)


def read(text: str, style: str = "") -> Decimal | str:
    value = number(Scalar(text, style, (1, 1)), LOW, HIGH)
    return f"{value.message} {value.hint}" if isinstance(value, Wrong) else value


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", "0.5"), ("30", "30"), ("0.001", "0.001"), ("1000000000000", 10**12)]
)
def test_plain_digits_are_a_number(text: str, value: str | int) -> None:
    assert read(text) == Decimal(value)
    assert read(text, "'") == Decimal(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("012", "012 is 12 here and 10 elsewhere. Write 12."),
        ("1e3", "1e3 is not in plain digits. Write 1000."),
        ("1_0.5", "1_0.5 is not in plain digits. Write 10.5."),
        (".5", ".5 is not in plain digits. Write 0.5."),
        ("+3", "+3 is not in plain digits. Write 3."),
        ("0", "0 is out of range. Use 0.001 to 1000000000000."),
        ("1000000000001", "1000000000001 is out of range. Use 0.001 to 1000000000000."),
        ("-1", "-1 is out of range. Use 0.001 to 1000000000000."),
        ("1e999", "1e999 is out of range. Use 0.001 to 1000000000000."),
        ("1.5.2", "1.5.2 is not a number. Use 0.001 to 1000000000000."),
        ("._", "._ is not a number. Use 0.001 to 1000000000000."),
        ("", " is not a number. Use 0.001 to 1000000000000."),
    ],
)
def test_another_way_to_write_it_is_refused_with_the_right_one(text: str, said: str) -> None:
    assert read(text) == said


def test_a_quoted_zero_in_front_is_no_octal_number() -> None:
    assert read("012", '"') == 12


@pytest.mark.parametrize(("text", "seconds"), [("300ms", "0.3"), ("1ms", "0.001"), ("2s", "2"), ("1h", "3600")])
def test_milliseconds_are_a_time_where_they_may_be_written(text: str, seconds: str) -> None:
    assert duration(Scalar(text, "", (1, 1)), LOW, 3600, millis=True) == Decimal(seconds)
    assert duration_text(Decimal(seconds)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0ms", "0ms is out of range. Use 1ms to 1h."),
        ("61m", "61m is out of range. Use 1ms to 1h."),
        ("300", "300 has no unit. Write 300ms."),
    ],
)
def test_a_time_outside_its_bounds_names_them_in_their_own_units(text: str, said: str) -> None:
    wrong = duration(Scalar(text, "", (1, 1)), LOW, 3600, millis=True)
    assert isinstance(wrong, Wrong)
    assert f"{wrong.message} {wrong.hint}" == said
