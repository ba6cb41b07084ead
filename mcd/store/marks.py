"""Whether anything was committed since: one cheap question, whose answer is a mark of the state of the database.

Two marks that are equal were answered with no commit between them, by whichever process; after a commit no mark is ever
again what it was before. So what was read after a mark was asked for is true for whoever is answered the same mark
later. Nothing is kept here, and no table is known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable
from pathlib import Path
from typing import Protocol

Mark = Hashable | None
"""None: it is not known, and equal to nothing."""


class Marks(Protocol):
    async def ask(self) -> Mark:
        """The mark of now, or one that is equal to no other, where it would be out of date at once. Raises nothing."""

    def connections(self) -> tuple[int, int]:
        """Those that are open: in use, idle."""

    async def close(self) -> None: ...


class FileMarks:
    """Of a SQLite file: `PRAGMA data_version` on a connection that never writes. SQLite looks at a counter in memory
    that all processes share, and changes the number when any other connection has committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._opened = 0

    async def ask(self) -> Mark:
        try:
            there = self._path.stat()
            if self._connection is None or self._file != (there.st_dev, there.st_ino):
                self._open((there.st_dev, there.st_ino))
            assert self._connection is not None
            # Read to the end: a statement that is left open would hold on to the state that it saw.
            ((version,),) = self._connection.execute("PRAGMA data_version").fetchall()
        except (sqlite3.Error, OSError):
            return None
        return self._opened, version

    def connections(self) -> tuple[int, int]:
        return 0, int(self._connection is not None)

    def _open(self, file: tuple[int, int]) -> None:
        self._shut()
        # It must never wait: that would be in the event loop.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)
        self._connection.execute("PRAGMA query_only = ON")
        self._file, self._opened = file, self._opened + 1

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    async def close(self) -> None:
        self._shut()
