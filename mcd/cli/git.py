"""The git program of the person who types: asked about a folder, without changing anything in it.

No hook and no other program of the repository runs, and the network is never asked. It must not know what is looked
for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 30
"""How long git may take for one question."""
BROKEN = (OSError, subprocess.SubprocessError, ValueError)
"""No git, no repository, a merge under way, no such name: git cannot say."""


@dataclass(frozen=True)
class Git:
    """git in a folder, with `more` in its environment. Raises one of BROKEN."""

    folder: Path
    more: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *words: str) -> bytes:
        # Nothing of the repository's own programs runs, and its index is not refreshed behind the person's back.
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")
        variables = {"GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
        done = subprocess.run(
            ["git", *quiet, "-C", str(self.folder), *words],
            capture_output=True, timeout=SECONDS, check=True, stdin=subprocess.DEVNULL,
            env={**os.environ, **variables, **self.more},
        )  # fmt: skip
        return done.stdout

    def line(self, *words: str) -> str:
        return os.fsdecode(self(*words)).rstrip("\n")
