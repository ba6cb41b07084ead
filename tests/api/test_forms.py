"""A value of the wrong form is told in the words of a person, whichever route it came to, and never repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcd.api.forms import PATTERNS
from tests.api.client import Api

PERSON = {"name": "li", "password": "correct horse battery"}
POOL = "/api/v1/node-pools/local/gpu"
SECRET = "/api/v1/apps/own-olaf/secrets/pay"

WRONG: list[tuple[str, str, Any, str]] = [
    ("POST", "/api/v1/people", {**PERSON, "password": "short"},
     "password: it is too short. Use at least 12 characters."),
    ("POST", "/api/v1/people", {**PERSON, "name": "Li Wei"},
     'name: it is not of the right form. Use small letters, digits, ".", "_" and "-", at most 63.'),
    ("POST", "/api/v1/people", {**PERSON, "admin": "yes"}, "admin: it is of the wrong type. Write true or false."),
    ("POST", "/api/v1/people", {**PERSON, "name": 7}, "name: it is of the wrong type. Write text."),
    ("POST", "/api/v1/people", {"name": "li"}, "password: it is missing. Give it."),
    ("POST", "/api/v1/people", {**PERSON, "role": "x"},
     "role: there is no such field here. Remove it, or see the API's description."),
    ("POST", "/api/v1/people", [],
     "body: it is of the wrong type. Write an object with names and values."),
    ("POST", "/api/v1/people/root/tokens", {"name": "ci", "scope": "admin"},
     "scope: it is none of those that there are. Use read, deploy or all."),
    ("POST", "/api/v1/people/root/tokens", {"name": "", "days": 1}, "name: it is empty. Use at least 1 character."),
    ("POST", "/api/v1/people/root/tokens", {"name": "ci", "days": 91}, "days: it is out of range. Use 90 at most."),
    ("POST", "/api/v1/people/root/tokens", {"name": "ci", "days": 1.5},
     "days: it is of the wrong type. Write a whole number."),
    ("PUT", POOL, {"labels": {}}, "labels: it is empty. Use at least 1 entry."),
    ("PUT", POOL, {"labels": {"a": "b"}, "devices": 3}, "devices: it is of the wrong type. Write a list."),
    ("PUT", SECRET, {"values": {"a b": "s3cr3t"}},
     'values.a b: it is not of the right form. Use letters, digits, ".", "_" and "-", at most 253.'),
    ("POST", "/api/v1/apps/own-olaf/rollouts", {"restart": ["web"] * 101},
     "restart: it is too long. Use at most 100 entries."),
    ("GET", "/api/v1/apps?limit=many", None, "query: limit: it is of the wrong type. Write a whole number."),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "said"), WRONG)
async def test_a_wrong_value_is_told_in_plain_words(api: Api, method: str, path: str, body: Any, said: str) -> None:
    answer = await api.ask(method, path, body, "root")
    assert (answer.status_code, answer.json()["detail"]) == (422, said)
    assert "s3cr3t" not in answer.text


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        if isinstance(schema.get("patternProperties"), dict):
            yield from schema["patternProperties"]
        for value in schema.values():
            yield from _patterns(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _patterns(value)


async def test_every_pattern_of_a_wish_has_words(api: Api) -> None:
    found = set(_patterns(api.app.openapi()["components"]["schemas"]))
    assert found
    assert found - set(PATTERNS) == set()
    assert set(PATTERNS) - found <= {r"^[-._a-zA-Z0-9]{1,253}$"}, "words for a pattern that nothing has"
