"""docs/quick-start.md and the README: what they tell a stranger to type is typed here, as far as it needs no server.

The rest of the page (the pushes, mcd, curl) is typed by the acceptance on the real node: tests/acceptance/page.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.page import QUICK_START, README, ROOT, block, shown
from tests.docs.typing import blocks
from tests.servers.registry import free_port

SECONDS = 20.0
_NEEDS_A_SERVER = ("git push http", "curl ", "mcd ", "git config credential")


def _typed(lines: str, folder: Path, cwd: Path) -> None:
    """Types the lines of a block that need no server, one after the other, as a terminal does."""
    own = "\n".join(line for line in lines.splitlines() if not line.startswith(_NEEDS_A_SERVER))
    text = own.replace("/tmp/hello", str(folder)).replace("git ", "git -c user.name=Ada -c user.email=a@example.com ")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["bash", "-e"], input=text, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def _answer(folder: Path) -> str:
    """What the page of the program in this folder says."""
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-B", "app.py"], cwd=folder, env={"PATH": os.environ["PATH"], "PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + SECONDS
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    return str(answer.read().decode().strip())
            except urllib.error.URLError:
                assert program.poll() is None, f"app.py ends with {program.returncode}"
                assert time.monotonic() < deadline, "the program never listened"
                time.sleep(0.02)
    finally:
        program.kill()
        program.wait()


def test_each_step_changes_the_program_to_what_the_page_shows(tmp_path: Path) -> None:
    """A `sed` that also hits the name of a class makes a program that does not start."""
    folder = tmp_path / "hello"
    first, change = block(QUICK_START, "cp -r examples/hello"), block(QUICK_START, "app.py")
    _typed(first, folder, ROOT)
    assert _answer(folder) == shown(QUICK_START, block(QUICK_START, "curl", just=True))
    _typed(change, folder, folder)
    assert _answer(folder) == shown(QUICK_START, change)
    before = (folder / "app.yaml").read_text()
    _typed(block(QUICK_START, "app.yaml"), folder, folder)
    assert (folder / "app.yaml").read_text() != before, "nothing is broken, so nothing is seen"


@pytest.mark.parametrize("page", [README, QUICK_START], ids=["README", "quick start"])
def test_the_first_block_may_be_typed_twice(tmp_path: Path, page: str) -> None:
    folder = tmp_path / "hello"
    for _ in range(2):
        _typed(block(page, "cp -r examples/hello"), folder, ROOT)
    there = {each.name for each in folder.iterdir()} - {".git"}
    assert there == {each.name for each in (ROOT / "examples" / "hello").iterdir()} - {"__pycache__"}
    done = subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_no_block_is_left_out() -> None:
    """The acceptance types these; `make up` and `make down` are how it begins and ends."""
    words = ("cp -r examples/hello", "app.py", "app.yaml", "mcd rollback")
    typed = [block(QUICK_START, word) for word in words] + [block(QUICK_START, "curl", just=True)]
    assert sorted(blocks("quick-start.md")) == sorted([*typed, "make up\n", "make down\n"])
