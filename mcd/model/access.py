"""Who acts, and what they may do: roles, verbs, scopes; and a secret's value, which shows itself to nobody.

It must not decide who may do what: `store/authorize.py` does.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Never

from mcd.objects import MASK


class Role(StrEnum):
    """What a person is in one product line. Each includes the rights of those before it."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    RELEASE_MANAGER = "release_manager"
    OWNER = "owner"


class Verb(StrEnum):
    """What can be done to a thing. One closed list, so that the table role × verb can be tested whole."""

    READ = "read"
    """See it: state, history, Settings, the names of secrets."""
    DEPLOY = "deploy"
    """Create an App, push, deploy, roll back, scale, restart."""
    SHELL = "shell"
    """Run a command in a pod, read its logs."""
    SET = "set"
    """Change secrets, members, all Settings but the number of replicas; delete an App."""
    ADMINISTER = "administer"
    """Create and change product lines, clusters, pools, people."""


class Scope(StrEnum):
    """What a token may be used for at most. Its owner's rights are the other bound."""

    READ = "read"
    DEPLOY = "deploy"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person through a session or a token. `roles` maps the name of a product line to the role there."""

    person: str
    name: str
    admin: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict)
    scope: Scope = Scope.ALL
    default_product_line: str | None = None
    via: str = "session"
    """`session`, `token` or `command`: said in Events."""


class SecretText(str):
    """A secret's value on its way from the store to the one place that needs it. As text, in a log line, a repr or JSON
    it is `***`; only `reveal` gives it away. Equal to another one when the values are."""

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, value: str) -> SecretText:
        secret = super().__new__(cls, MASK)
        secret._value = value.reveal() if isinstance(value, SecretText) else value
        return secret

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")
