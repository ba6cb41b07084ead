"""Prometheus' own reader of rules for tests: what it takes, a Prometheus loads; what it says of a rule, is so.

It is a program and no server. It must not know who made the rules.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.promtool import found


def promtool() -> Path:
    """Skips with a reason where it is missing, unless MCD_REQUIRE says that nothing may be skipped."""
    program = found()
    if program is None and os.environ.get("MCD_REQUIRE") == "all":
        pytest.fail("promtool must be there: MCD_REQUIRE=all. Run `make servers`.")
    if program is None:
        pytest.skip("there is no promtool: `make servers` fetches it")
    return program


def check_rules(files: list[Path]) -> tuple[bool, str]:
    """Whether Prometheus takes these rule files, and what it says."""
    return _asked("check", "rules", *map(str, files))


def test_rules(file: Path) -> tuple[bool, str]:
    """Whether the alerts of a test file fire as it expects, and what promtool says."""
    return _asked("test", "rules", str(file))


test_rules.__test__ = False  # type: ignore[attr-defined]


def _asked(*words: str) -> tuple[bool, str]:
    ended = subprocess.run([str(promtool()), *words], capture_output=True, text=True, timeout=120)
    return ended.returncode == 0, ended.stdout + ended.stderr
