"""Repositories of Apps that are gone: put aside when a new App takes the name, listed, and removed when asked for.

Nothing is removed by itself: what is in there may be the only copy of somebody's work. Which App is gone is the
database's to know; it must not guess.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcd.forge.locks import claimed, disk, locked

OWNER = "mcd-app"
"""File in a repository that holds the id of the App that it belongs to."""

ASIDE = ".gone"
"""Folder of the repositories whose name another App has now."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Found:
    """One repository. `app` is the name that its App has or had; `owner` the App's id, empty where it says none."""

    folder: Path
    app: str
    owner: str

    @property
    def size(self) -> int:
        """Bytes that are given back with it."""
        total = 0
        for file in self.folder.rglob("*"):
            # A push may put its packs together at this moment.
            with suppress(FileNotFoundError):
                total += file.lstat().st_size
        return total


def owner_of(folder: Path) -> str:
    """The id of the App that a repository belongs to, or nothing."""
    try:
        return (folder / OWNER).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def put_aside(root: Path, folder: Path) -> None:
    """Makes room for a repository of the same name. Called under its lock, within `disk`."""
    (root / ASIDE).mkdir(mode=0o700, exist_ok=True)
    owner = owner_of(folder)
    mark = owner if _ID.fullmatch(owner) else "unknown"
    place = root / ASIDE / f"{folder.stem}.{mark}.git"
    if place.exists():
        place = place.with_name(f"{folder.stem}.{mark}.{secrets.token_hex(4)}.git")
    folder.rename(place)


def repositories(root: Path) -> Iterator[Found]:
    """All of them, by name: those that are served, then those that were put aside."""
    for folder in [*sorted(root.glob("*.git")), *sorted((root / ASIDE).glob("*.git"))]:
        yield Found(folder, folder.stem.partition(".")[0], owner_of(folder))


async def remove(root: Path, found: Found) -> bool:
    """Removes a repository for good; False where it is another App's by now. Killed in the middle, the next push sweeps
    the rest. Raises McdError(unavailable)."""
    async with locked(root, found.app, 60):
        if owner_of(found.folder) != found.owner or not found.owner:
            return False
        with disk():
            room, handle = claimed(root)
        try:
            with disk():
                found.folder.rename(room / "gone.git")
                shutil.rmtree(room)
        finally:
            os.close(handle)
    return True
