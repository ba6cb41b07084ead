"""Runs the git program as a child process: a list of words, a clean environment, a time limit.

No configuration of the machine or of a person, no hooks, no prompts, no remote: git works on the one repository that it
is given. It must not know what a push means.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcd.errors import Code, McdError

_SAID_LIMIT = 64 * 1024
_CONFIG = (
    "safe.directory=*",  # the folder may belong to another user where it is a mounted volume; it is still ours
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.bigFileThreshold=64g",  # no object is streamed past the memory limit
    "core.deltaBaseCacheLimit=32m",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "pack.windowMemory=64m",
    "uploadpack.hideRefs=refs/mcd",
)


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended. `said` is the end of what it wrote to stderr, at most 64 KiB."""

    code: int
    out: bytes
    said: str


def _environment(memory: int, extra: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOC_LIMIT": str(memory),
        **extra,
    }


@asynccontextmanager
async def started(
    *words: str,
    folder: Path,
    stdin: int = DEVNULL,
    memory: int = 512 * 1024 * 1024,
    extra: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """A running git with pipes at stdout and stderr; `memory` is the largest piece in bytes that it may allocate. It
    and its children are killed when the block ends before they do. Raises McdError(unavailable) without git."""
    settings = [word for setting in _CONFIG for word in ("-c", setting)]
    try:
        process = await asyncio.create_subprocess_exec(
            "git", *settings, f"--git-dir={folder}", *words,
            stdin=stdin, stdout=PIPE, stderr=PIPE, cwd="/", start_new_session=True,
            env=_environment(memory, extra or {}),
        )  # fmt: skip
    except FileNotFoundError:
        raise McdError(
            Code.UNAVAILABLE, "the git program is not installed here.", "Install git on this host."
        ) from None
    except OSError as trouble:
        # No more processes, descriptors or memory.
        raise McdError(
            Code.UNAVAILABLE,
            f"git cannot be started now ({trouble.strerror}).",
            "Try again in a minute.",
            retry_after=60,
        ) from trouble
    try:
        yield process
    finally:
        if process.returncode is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                process.kill()
        await process.wait()


async def run(
    *words: str,
    folder: Path,
    seconds: float,
    stdin: int | bytes = DEVNULL,
    memory: int = 512 * 1024 * 1024,
) -> Finished:
    """Runs git to its end. `stdin` is a file descriptor or the bytes themselves. Raises McdError(unavailable) after
    `seconds`, when git and its children were killed."""
    piped = stdin if isinstance(stdin, bytes) else None
    try:
        async with (
            asyncio.timeout(seconds),
            started(*words, folder=folder, stdin=PIPE if isinstance(stdin, bytes) else stdin, memory=memory) as process,
        ):
            out, said = await process.communicate(piped)
    except TimeoutError:
        raise McdError(
            Code.UNAVAILABLE,
            f"git {words[0]} took longer than {seconds:g} seconds and was stopped.",
            "Push less at once, or try again later.",
            reason="GitTimeout",
        ) from None
    return Finished(process.returncode or 0, out, said[-_SAID_LIMIT:].decode("utf-8", "replace"))
