"""What becomes of a case without one of its keys: the proof that the key has an effect.

The file is written again without the key and compiled in the same place. It must not judge whether the effect is right:
the case's expected objects do.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mcd.appyaml.compiler import Compiled
from mcd.appyaml.text.nodes import Items, Map, Node, Scalar
from mcd.objects import canonical
from tests.appyaml.evidence import Evidence, Steps

DEPLOYS = "`tests/appyaml/test_deploys.py`"

ELSEWHERE: Mapping[str, str] = {
    "version": "any other number is refused: `tests/appyaml/cases/version-newer`",
    "components.NAME.env.NAME.description": "for people only: no object and no rule reads it",
    "deploy": DEPLOYS,
    "deploy.branch": DEPLOYS,
    "deploy.tags": DEPLOYS,
    "deploy.paths": DEPLOYS,
    "deploy.auto": DEPLOYS,
}
"""Keys that neither an object nor the AppSpec shows → the test that holds what they do, or why there is none."""


def seen_without(case: Evidence, is_meant: Callable[[Steps], bool]) -> str:
    """Where the absence of the places that are meant is seen: `objects`, `AppSpec`, or "" for nowhere."""
    text = "\n".join(_lines(case.tree, (), is_meant, 0)) + "\n"
    if text == "\n":
        return "objects"
    other = case.again(text.encode())
    if _objects(case.compiled) != _objects(other):
        return "objects"
    return "AppSpec" if _told(case.compiled.spec) != _told(other.spec) else ""


def _objects(compiled: Compiled) -> bytes:
    """Everything that a cluster would see, and whether the file is good at all."""
    secrets = [dataclasses.asdict(need) for need in compiled.secrets]
    return canonical([list(compiled.objects), secrets, compiled.ok])


def _told(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _told(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _told(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_told(item) for item in value]
    return str(value)


# --- the file without a key -----------------------------------------------------------------------------------------


def _lines(node: Node | None, here: Steps, is_meant: Callable[[Steps], bool], depth: int) -> Iterator[str]:
    """The file in block style, each scalar as it was written."""
    pad = "  " * depth
    if isinstance(node, Map):
        for word, (_, value) in node.entries.items():
            place = (*here, word)
            if is_meant(place):
                continue
            yield from _entry(f"{pad}{json.dumps(word)}:", value, place, is_meant, depth)
    elif isinstance(node, Items):
        for item in node.items:
            yield from _entry(f"{pad}-", item, (*here, "[N]"), is_meant, depth)


def _entry(head: str, value: Node, place: Steps, is_meant: Callable[[Steps], bool], depth: int) -> Iterator[str]:
    if isinstance(value, Scalar):
        yield f"{head} {value.text if value.plain else json.dumps(value.text)}"
        return
    inside = list(_lines(value, place, is_meant, depth + 1))
    if inside:
        yield head
        yield from inside
    else:
        yield f"{head} {'{}' if isinstance(value, Map) else '[]'}"
