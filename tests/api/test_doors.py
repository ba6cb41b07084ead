"""What answers a question before its route does asks for the same: a gate that is added to one door stands at both."""

from __future__ import annotations

import inspect
from typing import get_args

from mcd.api.access import Permit, RuntimeOf
from mcd.api.apps import ANSWERED_FIRST, show_app
from mcd.api.front import ROUTE
from mcd.api.paths import AppName
from mcd.model import Verb


def test_the_route_that_front_answers_for_asks_for_no_more_than_front_does() -> None:
    """Its permit, the name and `If-None-Match`, which it takes from the request. A dependency, a query or a header more
    would be skipped by every plain request with a token: serve it in front.py, then name it here."""
    assert ANSWERED_FIRST is show_app
    assert (ROUTE.path, ROUTE.methods) == ("/api/v1/apps/{app}", {"GET"})
    asked = ROUTE.dependant
    assert [*asked.query_params, *asked.header_params, *asked.cookie_params, *asked.body_params] == []
    assert ROUTE.dependencies == []
    (permit,) = [d.call for d in asked.dependencies if isinstance(d.call, Permit)]
    assert permit.verb is Verb.READ
    known = {get_args(one)[1].dependency for one in (AppName, RuntimeOf)}
    assert {d.call for d in asked.dependencies} == {permit, *known}
    assert set(inspect.signature(show_app).parameters) == {"request", "app", "actor", "runtime"}
