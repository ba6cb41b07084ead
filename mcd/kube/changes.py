"""What differs between two objects, in words that a person can check: one line per field before and after, secrets
masked. `mcd diff` without a server and every dry run of one say it through here.

Pure: objects in, lines out. It must not know where the objects come from, nor decide what becomes of them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcd.kube.fields import Path, key_segment, leaves, merge_keys, shown
from mcd.objects import KEPT, Object, Ref, in_apply_order, masked, ref_of

LINE_LIMIT = 400
"""Characters of one side of one field: a ConfigMap may hold a book."""

LINES_LIMIT = 2000
"""Lines of one object."""

KEEPS = "it holds data, so it stays in the cluster"
"""Why what is no longer wanted is not deleted."""

Field = tuple[Path, Any, Any]
"""A place, what stood there and what is to stand there; None for nothing."""


def lines_of(fields: Iterable[Field], first: Sequence[str] = ()) -> list[str]:
    """`- path: before` and `+ path: after` of each field, behind the lines of `first`."""
    lines = list(first)
    for path, before, after in fields:
        name = shown(path)
        if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
            lines += _of_texts(name, before, after)
        else:
            lines += [f"- {name}: {said(before)}"] if before is not None else []
            lines += [f"+ {name}: {said(after)}"] if after is not None else []
        if len(lines) > LINES_LIMIT:
            return [*lines[:LINES_LIMIT], "… and more"]
    return lines


def said(value: Any) -> str:
    """A value on one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LINE_LIMIT else text[: LINE_LIMIT - 1] + "…"


def _of_texts(name: str, before: str, after: str) -> Iterator[str]:
    """Two texts of several lines, by the lines that differ."""
    old, new = before.splitlines(), after.splitlines()
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from (f"- {name} line {number + 1}: {said(old[number])}" for number in range(i1, i2))
            yield from (f"+ {name} line {number + 1}: {said(new[number])}" for number in range(j1, j2))
    if before.endswith("\n") != after.endswith("\n"):
        yield f"{'-' if before.endswith(chr(10)) else '+'} {name}: a line break at the end"


# --- two sets of objects ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one object: created, configured, deleted, or held with the reason."""

    ref: Ref
    action: str
    detail: str
    lines: tuple[str, ...]


def between(before: Iterable[Object], after: Iterable[Object]) -> tuple[list[Difference], int]:
    """How one set of objects becomes another, in apply order and the deletes backwards; and how many are the same."""
    old = {ref_of(obj): masked(obj) for obj in before}
    new = {ref_of(obj): masked(obj) for obj in after}
    found, same = [], 0
    for obj in in_apply_order(new.values()):
        ref = ref_of(obj)
        if ref not in old:
            fields: Iterable[Field] = ((path, None, value) for path, value in leaves(obj).items() if path[-1] != ".")
            found.append(Difference(ref, "created", "", tuple(lines_of(fields))))
        elif lines := lines_of(_fields(obj["kind"], "", old[ref], obj, ())):
            found.append(Difference(ref, "configured", "", tuple(lines)))
        else:
            same += 1
    for obj in reversed(in_apply_order(old.values())):
        ref = ref_of(obj)
        if ref not in new:
            kept = ref.kind in KEPT
            found.append(Difference(ref, "held" if kept else "deleted", KEEPS if kept else "", ()))
    return found, same


_NAMED_BY = ("name", "alert", "mountPath", "path", "key", "type", "containerPort", "port")
"""What tells the items of a list apart where Kubernetes does not say it."""


def _fields(kind: str, field: str, before: Any, after: Any, path: Path) -> Iterator[Field]:
    """The fields that differ, as deep as both sides have the same shape."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _fields(kind, name, before.get(name), after.get(name), (*path, f"f:{name}"))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(kind, field, before, after, path)
    elif isinstance(before or after, dict) and None in (before, after) and len(said(before or after)) == LINE_LIMIT:
        # Too long for one line: told by what is in it.
        yield from _fields(kind, field, before or {}, after or {}, path)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path, before, after


def _of_lists(kind: str, field: str, before: list[Any], after: list[Any], path: Path) -> Iterator[Field]:
    keys = merge_keys(kind, field, before + after) or _told_apart_by(before, after)
    if keys:
        old, new = ({key_segment(item, keys): item for item in items} for items in (before, after))
        for segment in [*old, *(s for s in new if s not in old)]:
            yield from _fields(kind, "", old.get(segment), new.get(segment), (*path, segment))
    elif len(before) == len(after) and all(isinstance(item, dict) for item in before + after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _fields(kind, "", *pair, (*path, f"i:{number}"))
    elif before != after:
        yield path, before, after


def _told_apart_by(before: list[Any], after: list[Any]) -> tuple[str, ...]:
    """A key that every item has, and no two of one list alike."""
    for key in _NAMED_BY:
        sides = [[_plain(item, key) for item in items] for items in (before, after)]
        if all(None not in side and len(set(side)) == len(side) for side in sides) and any(sides):
            return (key,)
    return ()


def _plain(item: Any, key: str) -> str | int | None:
    value = item.get(key) if isinstance(item, Mapping) else None
    return value if isinstance(value, str | int) else None
