"""Whether the folder of MCD's data can still be written: there is room, and a file can be made.

Asked by the readiness check, so it is cheap: room is one system call, a file is tried every few seconds at most. It
must not know what is stored there, and nothing that it writes stays.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FLOOR = 8 * 1024 * 1024
"""Bytes. With less than this a push, or the log of SQLite, may end half written."""

FILES = 32
"""Files that can still be made."""

TRIED_EVERY = 5.0
"""Seconds."""

_PROBE = bytes(4096)


@dataclass(slots=True)
class Disk:
    """The disk under one folder."""

    folder: Path
    _tried_at: float = float("-inf")
    _tried: str = ""

    def free(self) -> int | None:
        """Bytes that MCD may still write; None where the folder is not there."""
        try:
            found = os.statvfs(self.folder)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def problem(self) -> str:
        """What is wrong, in one line that names no path, or an empty text."""
        try:
            found = os.statvfs(self.folder)
        except OSError as error:
            return f"the folder of MCD_DATA cannot be read: {error.strerror}. Is its disk mounted?"
        if found.f_flag & os.ST_RDONLY:
            return "the disk of MCD_DATA is read-only. Mount it for writing; look at the kernel's log for why."
        left = found.f_bavail * found.f_frsize
        if left < FLOOR:
            return (
                f"the disk of MCD_DATA is full: {left // 1024} KiB left, {FLOOR // 1024 // 1024} MiB are needed. "
                "Make room there, or make it larger."
            )
        if found.f_files and found.f_favail < FILES:
            return f"the disk of MCD_DATA has room for {found.f_favail} more files. Remove some, or make it larger."
        return self._writable(time.monotonic())

    def _writable(self, now: float) -> str:
        """A quota, a broken disk or a wrong owner shows only when something is written."""
        if now - self._tried_at >= TRIED_EVERY:
            self._tried_at = now
            self._tried = self._try()
        return self._tried

    def _try(self) -> str:
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(_PROBE)
                file.flush()
        except OSError as error:
            return f"the folder of MCD_DATA cannot be written: {error.strerror}. Make it writable for this user."
        return ""
