"""What all refusals have in common: one clear line, the right exit code or status, no trace, nothing written.

It judges an answer that somebody else provoked.
"""

from __future__ import annotations

import re

import httpx

from tests.acceptance.rows import Miss, Seen
from tests.acceptance.world import Ran, World

_TRACE = re.compile(r"Traceback \(most recent|^\s+File \".*\", line \d+|\.py:\d+|Internal Server Error", re.MULTILINE)


def by_command(world: World, ran: Ran, mark: int, code: int | tuple[int, ...], *words: str) -> Seen:
    """A command that ended with `code` and said a line that has all the words. Nothing was written since the mark."""
    codes = (code,) if isinstance(code, int) else code
    line = _line(ran.text, words)
    if ran.code not in codes or not line:
        raise Miss(f"[exit {ran.code}, expected {codes}] {ran.text.strip()[-400:]}")
    _clean(ran.text)
    return Seen(f"{line} [exit {ran.code}]", _nothing_written(world, mark))


def by_answer(world: World, answer: httpx.Response, mark: int, status: int | tuple[int, ...], *words: str) -> Seen:
    """An answer with this status, a problem in JSON with all the words in its sentence."""
    statuses = (status,) if isinstance(status, int) else status
    text = answer.text
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        told = answer.json()
        text = " ".join([str(told.get("detail", "")), *(str(p.get("message")) for p in told.get("problems") or [])])
    if answer.status_code not in statuses or not _line(text, words):
        raise Miss(f"[{answer.status_code}, expected {statuses}] {answer.text[:400]}")
    _clean(answer.text)
    return Seen(f"{' '.join(text.split())[:300]} [{answer.status_code}]", _nothing_written(world, mark))


def _line(text: str, words: tuple[str, ...]) -> str:
    """The first line that has all the words."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if all(word.lower() in line.lower() for word in words)), "")


def _clean(text: str) -> None:
    found = _TRACE.search(text)
    if found:
        raise Miss(
            f"a stack trace or an internal error was shown: {text[max(0, found.start() - 80) : found.end() + 80]}"
        )


def _nothing_written(world: World, mark: int) -> int:
    written = world.witness.writes(mark, world.line)
    if written:
        raise Miss(f"{len(written)} writes: {', '.join(str(f) for f in written[:4])}")
    return 0
