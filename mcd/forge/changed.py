"""Which files differ between two trees of a repository, folder by folder: folders that are equal are not opened.

It must not know a commit, and reads no file's content.
"""

from __future__ import annotations

import asyncio

from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID, Tree

from mcd.forge.trees import KIND

ENTRIES = 100_000
"""Entries that are looked at: a tree may name itself ten times on ten levels, and more is an attack."""

_FOLDER = 0o040000
_YIELD = 500
"""Entries after which others get a turn: the disk is read without a thread."""

Entries = dict[bytes, tuple[int, ObjectID]]


async def changed_files(store: DiskObjectStore, before: ObjectID, after: ObjectID) -> list[str] | None:
    """Paths from the root, sorted: files that were added, removed, or changed in content, mode or kind. A name that is
    not UTF-8 has U+FFFD in it. None when there are too many to look at. Raises KeyError for an object that is
    missing, ValueError for one of another kind."""
    found: list[bytes] = []
    pending: list[tuple[bytes, ObjectID | None, ObjectID | None]] = [(b"", before, after)]
    looked = 0
    while pending:
        where, one, other = pending.pop()
        if one == other:
            continue
        old, new = _entries(store, one), _entries(store, other)
        for name in old.keys() | new.keys():
            looked += 1
            if looked > ENTRIES:
                return None
            if looked % _YIELD == 0:
                await asyncio.sleep(0)
            was, now = old.get(name), new.get(name)
            if was == now:
                continue
            path = where + b"/" + name if where else name
            folders = _folder(was), _folder(now)
            if any(folders):
                pending.append((path, *folders))
            if _is_file(was) or _is_file(now):
                found.append(path)
    return sorted(path.decode("utf-8", "replace") for path in found)


def _entries(store: DiskObjectStore, tree: ObjectID | None) -> Entries:
    if tree is None:
        return {}
    found = store[tree]
    if isinstance(found, Tree):
        return {item.path: (item.mode, item.sha) for item in found.items()}
    raise ValueError("a folder that is not a tree")


def _folder(entry: tuple[int, ObjectID] | None) -> ObjectID | None:
    return entry[1] if entry is not None and entry[0] & KIND == _FOLDER else None


def _is_file(entry: tuple[int, ObjectID] | None) -> bool:
    return entry is not None and entry[0] & KIND != _FOLDER
