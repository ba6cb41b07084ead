"""Objects as a person may see them: no value of a Secret, wherever an object carries one."""

from __future__ import annotations

import json

from mcd.objects import MASK, Object, masked

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
