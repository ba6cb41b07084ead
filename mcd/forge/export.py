"""Writes the files of a commit into an empty folder, for a build.

Names come from strangers and git's own checks may not have seen them: each is checked here, nothing is written twice,
nothing through a link, nothing outside the folder. It must not know git or where the names come from.
"""

from __future__ import annotations

import os
from pathlib import Path

from mcd.errors import Code, McdError, echo


class Writer:
    """Fills one empty folder with at most `limit` bytes. Raises McdError: invalid (a name, or the folder is not
    empty), too_large."""

    def __init__(self, into: Path, limit: int) -> None:
        if not into.is_dir() or any(into.iterdir()):
            raise McdError(Code.INVALID, "the folder to write into is not an empty folder.", "Give an empty one.")
        self._into = os.fsencode(into)
        self._limit = limit
        self._left = limit
        self._folders: set[bytes] = {b""}

    def file(self, name: bytes, data: bytes, *, executable: bool) -> None:
        self._count(len(data))
        where = self._place(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            handle = os.open(where, flags, 0o755 if executable else 0o644)
        except (FileExistsError, IsADirectoryError):
            raise _refused(name, "is there twice") from None
        except OSError as trouble:
            raise _not_written(trouble) from trouble
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
        except OSError as trouble:
            raise _not_written(trouble) from trouble

    def link(self, name: bytes, target: bytes) -> None:
        """A symlink, if it stays inside. `..` may stand only at its beginning: behind a name it could follow another
        link, and then the text does not say where it leads."""
        self._count(len(target))
        up = 0
        parts = target.split(b"/")
        while up < len(parts) and parts[up] == b"..":
            up += 1
        outside = target.startswith(b"/") or up > name.count(b"/") or b".." in parts[up:]
        if outside or not target or b"\0" in target or len(target) > 1024:
            raise _refused(name, f'is a symlink to "{_shown(target)}", which leads outside', "Make it point inside.")
        try:
            Path(os.fsdecode(self._place(name))).symlink_to(os.fsdecode(target))
        except FileExistsError:
            raise _refused(name, "is there twice") from None
        except OSError as trouble:
            raise _not_written(trouble) from trouble

    def _count(self, size: int) -> None:
        # An empty file costs an inode: it counts too.
        self._left -= max(size, 64)
        if self._left < 0:
            raise McdError(
                Code.TOO_LARGE, f"the files of the commit have more than {self._limit} bytes.", "Use a smaller folder."
            )

    def _place(self, name: bytes) -> bytes:
        parts = name.split(b"/")
        for part in parts:
            if part in (b"", b".", b"..") or part.lower() == b".git" or b"\0" in part or len(part) > 255:
                raise _refused(name, "is not a name that can be written", "Rename it.")
        folder = b""
        for part in parts[:-1]:
            folder = folder + b"/" + part if folder else part
            if folder not in self._folders:
                try:
                    Path(os.fsdecode(self._into + b"/" + folder)).mkdir(mode=0o755)
                except FileExistsError:
                    # Not made by us as a folder: a file or, worse, a link of the same commit.
                    raise _refused(name, "lies in a folder that is also a file") from None
                except OSError as trouble:
                    raise _not_written(trouble) from trouble
                self._folders.add(folder)
        return self._into + b"/" + name


def _shown(name: bytes) -> str:
    return echo(name.decode("utf-8", "backslashreplace"), 120)


def _not_written(trouble: OSError) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        f"the files of the commit cannot be written: {trouble.strerror or type(trouble).__name__}.",
        "Free space on the disk of MCD.",
    )


def _refused(name: bytes, why: str, hint: str = "") -> McdError:
    return McdError(Code.INVALID, f"{_shown(name)} {why}.", hint or "Mend the commit.", reason="PathNotAllowed")
