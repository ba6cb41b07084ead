"""Same input, same bytes: in another process, with other hashes, another language, another folder, another day.

Every case is made twice, by two processes that share nothing that could be shared by accident.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON", "TZ", "MCD_"))
}
THIS_WAY = {"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TZ": "UTC"}
THAT_WAY = {"PYTHONHASHSEED": "4242", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "TZ": "Asia/Shanghai", "COLUMNS": "40"}


def made(environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """All that the cases become, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.appyaml.everything"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**CLEAN, **environment, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_two_processes_two_hash_seeds_and_two_locales_give_the_same_bytes(tmp_path: Path) -> None:
    both = [made(THIS_WAY, ROOT), made(THAT_WAY, tmp_path)]
    here, there = ((process.communicate(timeout=120), process.returncode) for process in both)
    assert here[1] == there[1] == 0, (here[0][1][-2000:], there[0][1][-2000:])
    assert here[0][0] == there[0][0]
    assert here[0][0].count(b"\n# ") > 300


def test_the_two_ways_do_differ() -> None:
    """A test of stability proves nothing where the hashes are the same."""
    order = "print(list({'a', 'b', 'c', 'd', 'e', 'f'}), __import__('sys').stdout.encoding)"
    said = {
        subprocess.run(
            [sys.executable, "-c", order], env={**CLEAN, **way}, capture_output=True, check=True, timeout=30
        ).stdout
        for way in (THIS_WAY, THAT_WAY)
    }
    here, there = (text.rpartition(b" ") for text in said)
    assert here[0] != there[0]
    assert here[2] != there[2]
