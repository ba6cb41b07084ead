"""The variable parts of paths and the parameters that every list has.

A part that cannot name anything is answered like one that names nothing that exists: not_found, by the same words.
Everything is async, because FastAPI runs plain functions in a thread.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import AfterValidator

from mcd.errors import not_found

_WORD = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]{0,252}")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def is_word(name: str) -> bool:
    """Whether a part of a path can name something."""
    return _WORD.fullmatch(name) is not None


def word(noun: str, name: str) -> str:
    """A part of a path that can name something. Raises McdError(not_found) for any other text."""
    if not is_word(name):
        raise not_found(noun, name)
    return name


async def _app(app: Annotated[str, Path(description="Name of an App.", examples=["shop"])]) -> str:
    return word("app", app)


async def _line(line: Annotated[str, Path(description="Name of a product line.", examples=["demo"])]) -> str:
    return word("product-line", line)


async def _cluster(cluster: Annotated[str, Path(description="Name of a cluster.", examples=["local"])]) -> str:
    return word("cluster", cluster)


async def _pool(pool: Annotated[str, Path(description="Name of a node pool.", examples=["gpu-t4"])]) -> str:
    return word("node-pool", pool)


async def _person(person: Annotated[str, Path(description="Name of a person.", examples=["alice"])]) -> str:
    return word("person", person)


async def _token(token: Annotated[str, Path(description="Id of a token.")]) -> str:
    return word("token", token)


async def _rollout(rollout: Annotated[str, Path(description="Id of a Rollout.")]) -> str:
    return word("rollout", rollout)


async def _secret(secret: Annotated[str, Path(description="Name of a secret.", examples=["payment"])]) -> str:
    return word("secret", secret)


async def _variable(variable: Annotated[str, Path(description="Name of a variable.", examples=["SESSION_KEY"])]) -> str:
    if not _VARIABLE.fullmatch(variable):
        raise not_found("secret", variable)
    return variable


async def _release(
    app: Annotated[str, Path()], number: Annotated[str, Path(description="Number of a Release.", examples=["7"])]
) -> int:
    if not _NUMBER.fullmatch(number):
        raise not_found("release", f"{app}/{number}")
    return int(number)


async def _revision(
    app: Annotated[str, Path()],
    revision: Annotated[str, Path(description="Number of a Settings revision.", examples=["3"])],
) -> int:
    if revision != "0" and not _NUMBER.fullmatch(revision):
        raise not_found("settings", f"{app}/{revision}")
    return int(revision)


AppName = Annotated[str, Depends(_app)]
LineName = Annotated[str, Depends(_line)]
ClusterName = Annotated[str, Depends(_cluster)]
PoolName = Annotated[str, Depends(_pool)]
PersonName = Annotated[str, Depends(_person)]
TokenId = Annotated[str, Depends(_token)]
RolloutId = Annotated[str, Depends(_rollout)]
SecretName = Annotated[str, Depends(_secret)]
VariableName = Annotated[str, Depends(_variable)]
ReleaseNumber = Annotated[int, Depends(_release)]
Revision = Annotated[int, Depends(_revision)]


def _label(text: str) -> str:
    """It becomes a part of a question to a cluster, whose own refusal nobody here understands."""
    if not _LABEL.fullmatch(text):
        raise ValueError('no component has such a name. Write it as in app.yaml: lower-case letters, digits and "-"')
    return text


Component = Annotated[str, AfterValidator(_label)]
"""The name of a component in a query."""

Limit = Annotated[int, Query(ge=1, le=500, description="Items in one answer, at most 500.")]
Cursor = Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the answer before.")]


async def _whole(limit: Limit = 500, cursor: Cursor = None) -> None:
    """Who reads lists sends them to every list."""


WHOLE = Depends(_whole)
"""For a list that fits one answer: it takes what lists take, and has no next page."""
