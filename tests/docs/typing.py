"""Types the blocks of a page at a terminal of one's own, before a whole control plane with a cluster in memory.

A line that only begins with `mcd` runs without a process, which costs a tenth; what has a pipe, a file or another
program in it is given to bash. It must not leave out a line: what is not typed
here is said by the test to be typed elsewhere.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.conftest import Mcd, Platform, environment

DOCS = Path(__file__).resolve().parents[2] / "docs"
ADDRESS = "http://127.0.0.1:7070"
"""Of MCD, in the pages."""
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS_BASH = re.compile(r"[|<>$&;]")


def blocks(page: str) -> list[str]:
    """What a reader is asked to type."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [block for kind, block in _FENCE.findall(text) if kind in ("sh", "bash", "shell", "console")]


def lines(block: str) -> list[str]:
    """Each command, a here-document with its text, a quoted text with its lines."""
    found = list[str]()
    until = ""
    for line in block.splitlines():
        if until or (found and _open(found[-1])):
            found[-1] += f"\n{line}"
            until = "" if line == until else until
        elif line.strip() and not line.lstrip().startswith("#"):
            found.append(line)
            here = re.search(r"<<-?'?(\w+)'?", line)
            until = here[1] if here else ""
    return found


def _open(line: str) -> bool:
    if line.endswith("\\"):
        return True
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return True
    return False


@dataclass
class Terminal:
    """A person's terminal in a folder of their own."""

    mcd: Mcd
    platform: Platform
    folder: Path
    person: str
    env: dict[str, str] = field(default_factory=dict)
    """What the reader exported."""
    swaps: dict[str, str] = field(default_factory=dict)
    """What the page calls something, and what it is here."""
    said: dict[str, str] = field(default_factory=dict)
    """What each line said."""

    def type(self, line: str) -> int:
        """Its exit code. The address of the pages is that of the platform."""
        ours = line
        for theirs, here in {ADDRESS: self.platform.url, **self.swaps}.items():
            ours = ours.replace(theirs, here)
        if exported := re.fullmatch(r"export (\w+)=(.*)", ours):
            code, text = self._bash(f"printf %s {exported[2]}")
            self.env[exported[1]] = text
            return code
        words = [] if "\n" in ours or _NEEDS_BASH.search(ours) else shlex.split(ours, comments=True)
        with self.platform.hurry():
            code, text = self._here(words[1:]) if words[:1] == ["mcd"] else self._bash(ours)
        self.said[line] = text
        return code

    def _here(self, words: list[str]) -> tuple[int, str]:
        ran = self.mcd(*words, env=self._who(), cwd=self.folder)
        return ran.code, ran.out + ran.err

    def _bash(self, text: str) -> tuple[int, str]:
        binaries = Path(__file__).resolve().parents[2] / ".venv" / "bin"
        env = environment(self.folder.parent) | self._who() | {
            "PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(self.folder.parent), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": "!mcd credential", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", text], cwd=self.folder, env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=180, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def _who(self) -> dict[str, str]:
        return {"MCD_SERVER": self.platform.url, "MCD_TOKEN": self.platform.tokens[self.person], **self.env}
