"""Objects as a person may see them, and as they are hashed: no value of a Secret, and one text for one value."""

from __future__ import annotations

import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcd.objects import MASK, Object, canonical, masked

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)

LAST = "kubectl.kubernetes.io/last-applied-configuration"


def test_a_secret_is_shown_with_its_keys_and_no_value() -> None:
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "api", "annotations": {LAST: '{"data":{"TOKEN":"c4nary"}}', "note": "kept"}},
        "data": {"TOKEN": "c4nary"},
        "stringData": {"OTHER": "c4nary"},
    }
    shown = masked(secret)
    assert "c4nary" not in json.dumps(shown)
    assert shown["data"] == {"TOKEN": MASK}
    assert shown["stringData"] == {"OTHER": MASK}
    assert shown["metadata"]["annotations"] == {"note": "kept"}
    assert secret["data"] == {"TOKEN": "c4nary"}


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    config: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "api"}, "data": {"A": "b"}}
    assert masked(config) == config


# A server that other tests left in a thread draws its pauses from `random` meanwhile; this strategy does not.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@settings(max_examples=300, deadline=None)
@given(_VALUES)
def test_a_command_without_orjson_and_a_server_with_it_hash_the_same_bytes(value: Any) -> None:
    assert sys.modules["orjson"] is orjson
    assert canonical(value) == _without_orjson(value)


@pytest.mark.parametrize("value", [{1: "a"}, 2**70, {"b": 1, "a": 2}, {"a": (1, 2)}, "\x00\x1f\x7f\u2028\U0001f600/<"])
def test_what_orjson_writes_otherwise_or_not_at_all_is_written_the_same(value: Any) -> None:
    assert canonical(value) == _without_orjson(value)


def test_half_a_character_is_refused_with_and_without_orjson() -> None:
    for write in (canonical, _without_orjson):
        with pytest.raises(UnicodeEncodeError):
            write("\ud800")


def _without_orjson(value: Any) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "orjson")
        return canonical(value)
