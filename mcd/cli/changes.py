"""How the command shows what becomes of objects, whoever found it out: one block for each, field by field.

It must not decide what changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mcd.cli.output import plain


def blocks(changes: Iterable[Mapping[str, Any]], *, names_only: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The head of each block, and the lines below it. `changes` are in the API's own shape."""
    for change in changes:
        of = change.get("object") or {}
        place = f"{of.get('kind')}/{of.get('name')}"
        if names_only:
            yield plain(place), []
            continue
        detail = " ".join(str(change.get("detail") or "").split())
        head = f"{change.get('action'):<10} {place}{': ' + detail if detail else ''}"
        yield plain(head), [f"    {plain(line)}" for line in str(change.get("diff") or "").splitlines()]
