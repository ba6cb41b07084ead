"""Writes that wait for the one writer of a SQLite file, carried out together: one transaction, one commit, one answer
from the disk for all of them.

Each is told when it is committed and not before, and what one raises is undone alone. It must not know what is written,
or keep anybody waiting for others to come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mcd.store.tx import Tx

T = TypeVar("T")

MOST = 32
"""Writes of one transaction: the others of this process wait for it, some tens of milliseconds."""


@dataclass(slots=True)
class _Write:
    write: Callable[[Tx], Awaitable[Any]]
    done: asyncio.Future[Any]
    answer: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class Queue:
    """`writing` begins a transaction, as `Database.writing` does."""

    writing: Callable[[], AbstractAsyncContextManager[Tx]]
    _waiting: deque[_Write] = field(default_factory=deque)
    _carrier: asyncio.Task[None] | None = None

    async def write(self, write: Callable[[Tx], Awaitable[T]]) -> T:
        """As `Database.together`."""
        one = _Write(write, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._carrier is None or self._carrier.done():
            self._carrier = asyncio.create_task(self._carry(), name="store-queue")
        answer: T = await one.done
        return answer

    async def close(self) -> None:
        """Returns when nobody waits any more."""
        if self._carrier is not None:
            await asyncio.gather(self._carrier, return_exceptions=True)

    async def _carry(self) -> None:
        while self._waiting:
            taken: list[_Write] = []
            try:
                async with self.writing() as tx:
                    # Whoever came while the writer was busy.
                    while self._waiting and len(taken) < MOST:
                        one = self._waiting.popleft()
                        if not one.done.done():
                            taken.append(one)
                            await _carried_out(tx, one)
            except Exception as error:  # noqa: BLE001 - it is raised to each of those whom it concerns
                for one in taken or self._take_all():
                    _tell(one.done, one.error or error)
            except BaseException:
                for one in (*taken, *self._take_all()):
                    one.done.cancel()
                raise
            else:
                for one in taken:
                    _tell(one.done, one.error, one.answer)

    def _take_all(self) -> list[_Write]:
        """The transaction did not begin."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting


async def _carried_out(tx: Tx, one: _Write) -> None:
    told, wished = len(tx.pending), tx.wished
    await tx.savepoint("SAVEPOINT one")
    try:
        one.answer = await one.write(tx)
    except Exception as error:  # noqa: BLE001 - it is raised to the one who asked
        one.error = error
        try:
            await tx.savepoint("ROLLBACK TO one")
        except Exception:  # noqa: BLE001 - the database undid everything by itself, as it does on a full disk
            raise error from None
        del tx.pending[told:]
        tx.wished = wished
    await tx.savepoint("RELEASE one")


def _tell(done: asyncio.Future[Any], error: Exception | None, answer: Any = None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(answer)
    else:
        done.set_exception(error)
