"""What the platform owns for an App: values as people wrote them, secrets by name only, and who changed what when.

Pure. No value of a secret comes here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcd import model
from mcd.api.portal.views.app import Top
from mcd.errors import Code, McdError, echo


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    value: str | None
    """None: nobody has filled it in."""
    asked: bool
    """app.yaml calls it required."""


@dataclass(frozen=True, slots=True)
class Secret:
    name: str
    keys: tuple[str, ...]
    version: int
    generated: bool


@dataclass(frozen=True, slots=True)
class Config:
    name: str
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Revision:
    number: int
    at: datetime
    by: str
    current: bool
    runs: bool


@dataclass(frozen=True, slots=True)
class SettingsPage:
    top: Top
    revision: int
    at: datetime
    by: str
    runs: int | None
    """The revision that the live Rollout has."""
    replicas: tuple[tuple[str, int], ...]
    variables: tuple[Variable, ...]
    configs: tuple[Config, ...]
    secrets: tuple[Secret, ...]
    history: tuple[Revision, ...]
    next_cursor: str | None
    first: bool
    fresh: bool = False
    """Nobody has changed anything yet."""


def settings_page(
    top: Top,
    newest: model.Settings,
    runs: int | None,
    asked: Collection[str],
    secrets: Sequence[Secret],
    history: tuple[Sequence[model.Settings], str | None, bool],
) -> SettingsPage:
    values = newest.values
    env: Mapping[str, str] = values.get("env", {})
    revisions, cursor, first = history
    return SettingsPage(
        top=top,
        revision=newest.revision,
        at=newest.created_at,
        by=newest.created_by,
        runs=runs,
        replicas=tuple(
            (name, each["replicas"]) for name, each in values.get("components", {}).items() if "replicas" in each
        ),
        variables=tuple(Variable(name, env.get(name), name in asked) for name in sorted({*env, *asked})),
        configs=tuple(Config(name, tuple(sorted(texts.items()))) for name, texts in values.get("configs", {}).items()),
        secrets=tuple(secrets),
        history=tuple(
            Revision(s.revision, s.created_at, s.created_by, s.revision == newest.revision, s.revision == runs)
            for s in revisions
        ),
        next_cursor=cursor,
        first=first,
        fresh=newest.revision == 0,
    )


def lines_of(text: str) -> dict[str, str]:
    """`KEY=VALUE`, one a line; empty lines and those that begin with # say nothing. Raises McdError(invalid), without
    a value in its words."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, sign, value = line.partition("=")
        key = key.strip()
        if not sign or not key:
            raise McdError(Code.INVALID, f"line {number} is not KEY=VALUE. Nothing was changed.", "Write one a line.")
        if key in found:
            raise McdError(Code.INVALID, f"{echo(key)} stands there twice. Nothing was changed.", "Keep one of them.")
        found[key] = value
    return found


def back_to(older: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
    """The change that makes the newest values as the older ones were. Secrets are not among them: their values of then
    are not taken out again by this."""
    changes: dict[str, Any] = {}
    for word in ("components", "env", "configs"):
        change = _change(older.get(word, {}), newest.get(word, {}), deep=word != "env")
        if change:
            changes[word] = change
    return changes


def _change(older: Mapping[str, Any], newest: Mapping[str, Any], *, deep: bool) -> dict[str, Any]:
    change: dict[str, Any] = {}
    for name in sorted({*older, *newest}):
        if name not in older:
            # What a component is overridden in is taken away word by word: it may not be emptied as a whole.
            change[name] = dict.fromkeys(newest[name]) if deep and "replicas" in newest[name] else None
        elif older[name] != newest.get(name):
            change[name] = _change(older[name], newest.get(name, {}), deep=False) if deep else older[name]
    return change
