"""A disk that nothing can be written to: MCD says that it is not ready, why, and does not flood its log with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from mcd.api import disk
from mcd.api.disk import Disk
from tests.api.client import Api


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 9 MiB."""
    if os.geteuid():
        pytest.skip("only root can mount a disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "none", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_full_disk_is_named_and_one_with_room_again_is_not(small: Path) -> None:
    looked = Disk(small)
    assert looked.problem() == ""
    filler = small / "filler"
    filler.write_bytes(bytes(8 * 1024 * 1024))
    assert "the disk of MCD_DATA is full: 1024 KiB left, 8 MiB are needed." in looked.problem()
    filler.unlink()
    assert looked.problem() == ""
    assert list(small.iterdir()) == []


def test_a_read_only_disk_is_named(small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    assert Disk(small).problem().startswith("the disk of MCD_DATA is read-only.")


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert Disk(tmp_path / "gone").problem().startswith("the folder of MCD_DATA cannot be read: No such file")


def test_a_file_is_tried_now_and_then_and_not_with_each_question(tmp_path: Path) -> None:
    looked = Disk(tmp_path / "data")
    assert looked._writable(0.0).startswith("the folder of MCD_DATA cannot be written")
    (tmp_path / "data").mkdir()
    assert looked._writable(disk.TRIED_EVERY - 0.1)
    assert looked._writable(disk.TRIED_EVERY) == ""


async def test_not_ready_says_why_in_one_line_and_logs_it_once(api: Api, tmp_path: Path) -> None:
    capture = LogCapture()
    structlog.configure(processors=[capture])
    try:
        state = api.app.state
        state.disk = Disk(tmp_path / f"gone {tmp_path.name}")
        for _ in range(50):
            ready = await api.get("/readyz", "")
    finally:
        structlog.reset_defaults()
    assert ready.status_code == 503
    assert ready.text.startswith("not ready: disk: the folder of MCD_DATA cannot be read:")
    assert ready.text.count("\n") == 1
    assert str(tmp_path) not in ready.text
    told = [line for line in capture.entries if line["event"] == "unavailable"]
    assert len(told) == 1
    assert told[0]["message"].startswith("disk: the folder of MCD_DATA")
