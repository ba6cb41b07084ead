"""The columns that tables of several nouns share: a field, an age, a state with its reason. Pure functions of JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcd.cli.output import Column, Item, age


def field(title: str, *path: str, wide: bool = False) -> Column:
    """The text of a field, by its path. Nothing when it is absent or null."""
    return Column(title, lambda item: text(at(item, *(path or (title.lower().replace(" ", "_"),)))), wide)


def ago(title: str, name: str, *, wide: bool = False) -> Column:
    """How long ago a time was; the time itself in the wide form of a single thing is in JSON."""
    return Column(title, lambda item: age(item.get(name)), wide)


def state(title: str = "state", *path: str) -> Column:
    """`ready`, or `stalled: CrashLooping`: the word, and why when it is not what was wished."""
    return Column(title, lambda item: state_text(at(item, *path) if path else item))


def counts_text(component: Mapping[str, Any]) -> str:
    """`0/1 (1 old)`: pods of the wished version that are ready, of those that are asked for; beside them what still
    runs of older versions."""
    ready = "?" if component.get("state") == "unknown" else component.get("ready")
    old = f" ({component['old']} old)" if component.get("old") else ""
    return f"{ready}/{component.get('desired')}{old}"


_HELD = frozenset(("NotOurs", "FieldFight", "PruneNeedsConfirmation", "NewerInCluster"))
"""`HELD_REASONS` of the model, which costs more to import than a list of Apps to print; a test compares them."""


def state_text(of: Any) -> str:
    """The state of a noun in one or two words; nothing when it has none."""
    if not isinstance(of, Mapping):
        return ""
    word, reason = text(of.get("state")), text(of.get("reason"))
    if word == "unknown" and of.get("last_state"):
        seen = age(of.get("last_seen_at"))
        return f"unknown: {text(of['last_state'])}" + (f" {seen} ago" if seen else " when it was seen last")
    if word == "stalled" and reason in _HELD:
        # One word for it wherever it is told: nothing failed, a person has to decide.
        word = "held"
    said_already = word in ("ready", "superseded", "ignored", "deleting", "healthy", "stopped") or not reason
    return word if said_already else f"{word}: {reason}"


def message(title: str = "message", *path: str, wide: bool = False) -> Column:
    """The sentence of a condition, on one line."""

    def sentence(item: Item) -> str:
        of = at(item, *path) if path else item
        return " ".join(text(of.get("message")).split()) if isinstance(of, Mapping) else ""

    return Column(title, sentence, wide)


def named(noun: str, *path: str) -> Callable[[Item], str]:
    """`noun/name`, for `-o name`."""
    return lambda item: f"{noun}/{text(at(item, *(path or ('name',))))}"


def at(item: Any, *path: str) -> Any:
    """The value at a path, or None."""
    for step in path:
        item = item.get(step) if isinstance(item, Mapping) else None
    return item


def text(value: Any) -> str:
    """A JSON value as a cell: nothing for null, words for the rest, mappings as `key=value`."""
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ",".join(f"{k}={text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ",".join(text(v) for v in value)
    return str(value)


def short_commit(commit: Any) -> str:
    """A commit as people read it: its first 8 digits."""
    return text(commit)[:8]
