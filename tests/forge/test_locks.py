"""Folders that live as long as their process: what is handed out is there, whoever cleans up at the same moment."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from mcd.forge.locks import claimed, sweep


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_folder_that_is_swept_before_its_lock_was_taken_is_not_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another push sweeps at the worst moment: the folder is open and nobody holds its lock yet."""
    swept: list[int] = []
    flock = fcntl.flock

    def late(handle: int, how: int) -> None:
        if not swept:
            swept.append(-1)
            swept[0] = sweep(tmp_path)
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    before = handles()
    folder, handle = claimed(tmp_path)
    try:
        assert swept == [1]
        assert folder.is_dir()
        assert os.fstat(handle).st_ino == folder.stat().st_ino
        assert sweep(tmp_path) == 0
        assert list(folder.parent.iterdir()) == [folder]
    finally:
        os.close(handle)
    assert handles() == before
