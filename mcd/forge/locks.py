"""Locks and folders that live as long as the process that uses them: one push at a time to one repository, and
quarantines that the next push removes when their process was killed.

It must not know git.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from mcd.errors import Code, McdError
from mcd.forge.sayings import full_disk, unwritten

_INCOMING = ".incoming"
_LOCKS = ".locks"


@asynccontextmanager
async def locked(root: Path, name: str, seconds: float) -> AsyncIterator[None]:
    """Holds the one lock of a repository, across processes; the name is checked by the caller. The lock file goes when
    the last holder leaves. Raises McdError(unavailable) after `seconds`, or for a full disk."""
    folder = root / _LOCKS
    with disk():
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    handle = await _taken(path, seconds, name)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


async def _taken(path: Path, seconds: float, name: str) -> int:
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        with disk():
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _names(path, handle):
                return handle
        except BlockingIOError:
            pass
        os.close(handle)
        if asyncio.get_running_loop().time() > deadline:
            raise McdError(
                Code.UNAVAILABLE, f"another push to {name} has not ended for {seconds:g} seconds.", "Push again later."
            )
        await asyncio.sleep(0.05)


def _names(path: Path, handle: int) -> bool:
    """Whether the path still names the open file. The one who held the lock may have removed it: then what we hold is
    the lock of nothing."""
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


@contextmanager
def disk() -> Iterator[None]:
    """Says in a line what the disk refused."""
    try:
        yield
    except OSError as trouble:
        if trouble.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full_disk() from trouble
        raise unwritten(f"MCD cannot write to its disk ({trouble.strerror})") from trouble


def sweep(root: Path) -> int:
    """Removes quarantines whose process is gone, and answers how many. One that is in use holds a lock."""
    removed = 0
    for folder in (root / _INCOMING).glob("*"):
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
    return removed


def claimed(root: Path) -> tuple[Path, int]:
    """A new empty folder and the handle that holds it: `sweep` leaves it alone until the handle is closed."""
    (root / _INCOMING).mkdir(parents=True, exist_ok=True)
    while True:
        folder = root / _INCOMING / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if folder.exists():
                    return folder, handle
            except BlockingIOError:
                pass
            os.close(handle)
