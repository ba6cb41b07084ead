"""What the rig does inside the process that it kills: counts commits, and ends (or stops) the process at the n-th.

Installed in the process when it starts, through SQLAlchemy's own events and around the commands that are given to the
driver directly: product code knows nothing of it. It must not change what is committed.
"""

from __future__ import annotations

import mmap
import os
import re
import signal
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FORM = struct.Struct("<qqqq")
_WRITTEN = re.compile(r"\s*(INSERT|UPDATE|DELETE)\s+(?:OR\s+\w+\s+)?(?:INTO\s+|FROM\s+)?\"?(\w+)", re.IGNORECASE)

OF_THE_PROCESS = frozenset({"controller", "process", "cluster"})
"""Tables whose commits are no points of a workload: that a process lives, and what a cluster serves, is written by the
clock."""


@dataclass
class Board:
    """A few numbers that the rig and the process both see: the signal that ends the process if commits are counted, at
    which one, on which side of it, and how many there were."""

    memory: mmap.mmap

    @classmethod
    def open(cls, file: Path) -> Board:
        if not file.exists():
            file.write_bytes(bytes(_FORM.size))
        with file.open("r+b") as opened:
            return cls(mmap.mmap(opened.fileno(), _FORM.size))

    def arm(self, target: int = 0, *, after: bool = False, signal: signal.Signals = signal.SIGKILL) -> None:
        """Counts from now on; the process sends itself the signal at the commit `target`, 0 for none."""
        _FORM.pack_into(self.memory, 0, int(signal), target, int(after), 0)

    def disarm(self) -> None:
        _FORM.pack_into(self.memory, 0, 0, 0, 0, self.count)

    @property
    def count(self) -> int:
        return int(_FORM.unpack_from(self.memory)[3])

    def step(self) -> tuple[int, int]:
        """One more commit. Answers the signal to send before it and the one to send after it; 0 for none."""
        armed, target, after, count = _FORM.unpack_from(self.memory)
        if not armed:
            return 0, 0
        struct.pack_into("<q", self.memory, 24, count + 1)
        number = armed if count + 1 == target else 0
        return (0, number) if after else (number, 0)


def tables_of(statement: str) -> Iterable[str]:
    found = _WRITTEN.match(statement)
    return (found[2].lower(),) if found else ()


def install(board: Board, log: Path) -> None:
    """Listens to every engine of this process. `log` gets a line for each commit that is counted."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    from mcd.store.direct import FileDirect

    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def end(number: int) -> None:
        os.kill(os.getpid(), number)

    @event.listens_for(Engine, "before_cursor_execute")
    def told(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        for table in tables_of(statement):
            connection.info.setdefault("rig", set()).add(table)

    run, run_many, direct = FileDirect.run, FileDirect.run_many, dict[int, set[str]]()

    async def told_directly(self: FileDirect, command: Any, given: Any) -> int:
        direct.setdefault(id(self.driver), set()).update(tables_of(command.prepared(self.dialect).sql))
        return await run(self, command, given)

    async def told_many(self: FileDirect, command: Any, many: Any) -> int:
        direct.setdefault(id(self.driver), set()).update(tables_of(command.prepared(self.dialect).sql) if many else ())
        return await run_many(self, command, many)

    FileDirect.run = told_directly  # type: ignore[method-assign]
    FileDirect.run_many = told_many  # type: ignore[method-assign]

    def written(connection: Any) -> set[str]:
        driver = connection.connection.driver_connection
        return {*connection.info.pop("rig", ()), *direct.pop(id(driver), ())}

    @event.listens_for(Engine, "rollback")
    def undone(connection: Any) -> None:
        written(connection)

    @event.listens_for(Engine, "commit")
    def commits(connection: Any) -> None:
        touched = written(connection)
        if touched <= OF_THE_PROCESS:
            return
        before, after = board.step()
        os.write(lines, f"{' '.join(sorted(touched))}\n".encode())
        if before:
            end(before)
        connection.info["rig end"] = after

    @event.listens_for(Pool, "checkin")
    def returned(_connection: Any, record: Any) -> None:
        if number := record.info.pop("rig end", 0):
            end(number)


def from_environment() -> None:
    """Installs what MCD_RIG_BOARD names, if anything."""
    board = os.environ.get("MCD_RIG_BOARD", "")
    if board:
        install(Board.open(Path(board)), Path(board).with_suffix(".commits"))
