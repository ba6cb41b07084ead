"""Who deletes an App hears first who calls it."""

from __future__ import annotations

import pytest

from mcd.cli.remote.apps import called_by

REST = "nothing new of them is deployed until their app_dep does without it."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, ""),
        ({"called_by": [], "called_by_others": 0}, ""),
        ({"called_by": ["report"]}, f"report calls shop: {REST}"),
        ({"called_by": ["a", "b"], "called_by_others": 1}, f"a, b and 1 App that you cannot see call shop: {REST}"),
        ({"called_by_others": 2}, f"2 Apps that you cannot see call shop: {REST}"),
    ],
)  # fmt: skip
def test_those_that_can_be_seen_are_named_and_the_others_counted(told: dict[str, object], said: str) -> None:
    assert called_by({"name": "shop", **told}) == said
