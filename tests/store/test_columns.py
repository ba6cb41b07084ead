"""What is stored as JSON is read back as the standard library reads it, whatever it is."""

from __future__ import annotations

import json
import math

import pytest

from mcd.store.columns import json_text, json_value


@pytest.mark.parametrize(
    "text",
    [
        "{}", "null", '"a"', "-0", "1.0", "1e2", "0.1", "[1,-1,true,null]", '{"a":1,"a":2}', '{"b":{"a":[]}}',
        "9223372036854775808", "18446744073709551616", str(2**100), f"[{-(2**70)}]", "1" * 400, "1e400", "-1e400",
        r'"\ud800"', r'"\ud83d\ude00"', r'"\u0000"', '"例"', f'"{"7" * 40}"', "[" * 300 + "]" * 300,
    ],
)  # fmt: skip
def test_a_text_is_read_as_the_standard_library_reads_it(text: str) -> None:
    ours, theirs = json_value(text), json.loads(text)
    assert (repr(ours), type(ours)) == (repr(theirs), type(theirs))


def test_what_was_written_comes_back() -> None:
    value = {"much": 2**80, "half": "a\ud800b", "nul": "a\x00b", "deep": [{"x": [1.5, None, "例"]}]}
    assert json_value(json_text(value)) == {**value, "half": "a\ufffdb", "nul": "a\ufffdb"}
    assert math.isnan(json_value(json_text(math.nan)))


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json_value(text)
