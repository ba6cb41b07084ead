"""The seam to git: what MCD asks of a git host. Everything is read at a full commit id, nothing is ever checked out.

Implemented by `local.py` (bare repositories on disk: those that MCD itself serves, or a folder of them). Nothing here
knows an App.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Commit:
    """What git says of a commit. `id` is 40 hex digits; `title` is the first line of the message; both texts are input
    of strangers."""

    id: str
    tree: str
    author: str
    title: str
    committed_at: datetime
    parents: tuple[str, ...]


class Forge(Protocol):
    """One git host. Raises McdError: not_found (repository, ref, commit, path), too_large, invalid (a path or name
    that is not allowed), unavailable."""

    async def resolve(self, repository: str, ref: str) -> Commit:
        """The commit that a branch, tag or (abbreviated, unambiguous) commit id names now."""

    async def read(self, repository: str, commit: str, path: str, *, limit: int) -> bytes:
        """A regular file at a commit, at most `limit` bytes (else too_large). Symlinks and submodules are refused."""

    async def paths(self, repository: str, commit: str, under: str = "") -> list[str]:
        """The regular files at a commit below a folder, as paths from the root of the repository, sorted."""

    async def tree_digest(self, repository: str, commit: str, under: str, *, without: str = "") -> str:
        """A digest of a folder at a commit that changes when, and only when, a file below it does; `without` names one
        file that does not count."""

    async def changed(self, repository: str, before: str, after: str) -> list[str] | None:
        """The files that differ between two commits, as paths from the root of the repository, sorted; None when there
        are too many to look at."""

    async def is_ancestor(self, repository: str, ancestor: str, descendant: str) -> bool:
        """Whether `ancestor` is `descendant` or one of its ancestors."""

    async def export(self, repository: str, commit: str, under: str, into: Path, *, limit: int) -> None:
        """Writes the regular files of a folder at a commit into an empty directory (for a build), executable bits kept,
        at most `limit` bytes in all; a symlink that points outside is refused with its path."""
