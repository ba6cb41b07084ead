"""One row of the acceptance table, and the check that fills it.

A check is a function of the stage that answers what it saw or raises Miss; the table is made of the answers alone. It
must not know what is checked, and a check that cannot be carried out is a miss like any other.
"""

from __future__ import annotations

import json
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.world import World


class Verdict(StrEnum):
    OK = "ok"
    MISS = "MISS"
    SKIP = "SKIP"


class Miss(AssertionError):
    """What was seen is not what was promised. The text is what was seen."""


class Overdue(Miss):
    """The check did not end in its time."""


@dataclass(frozen=True)
class Seen:
    """What a check saw: the line shown (with exit code or status), and the writes that the audit log counted."""

    line: str
    writes: int | None = None


@dataclass(frozen=True)
class Check:
    """One promise. `seconds` is its deadline. `needs_node`: pods must truly run. `needs_clone`: the stage is
    a fresh clone of our own. `in_slice`: part of `make test`."""

    id: str
    typed: str
    expected: str
    run: Callable[[World], Seen]
    seconds: float = 120.0
    needs_node: bool = False
    needs_clone: bool = False
    in_slice: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table. `seconds` is how long the check took; `writes` is None where none are counted."""

    id: str
    typed: str
    expected: str
    seen: str
    verdict: Verdict
    seconds: float
    writes: int | None = None


def carried_out(check: Check, world: World) -> Row:
    """The row of a check. Whatever it raises is a miss with its last line, never the end of the acceptance."""
    began = time.monotonic()
    row = Row(check.id, check.typed, check.expected, "", Verdict.OK, 0.0)
    try:
        with _deadline(check.seconds):
            seen = check.run(world)
        row = replace(row, seen=_one_line(seen.line), writes=seen.writes)
    except Miss as miss:
        row = replace(row, seen=_one_line(str(miss)), verdict=Verdict.MISS)
    except Exception as error:  # noqa: BLE001
        # A bug of the harness, or of what it talks to: told with its place, because nobody reads this run live.
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        row = replace(row, seen=_one_line(said), verdict=Verdict.MISS)
    return replace(row, seconds=round(time.monotonic() - began, 1))


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Ends the block with Overdue. By a signal, because a check waits in many ways: sockets, children, files."""

    def over(number: int, frame: object) -> None:
        raise Overdue(f"did not end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _one_line(text: str, width: int = 600) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else words[: width - 1] + "…"


def failed(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.verdict is not Verdict.OK]


def as_text(row: Row) -> str:
    """A row as it is shown while the acceptance runs."""
    writes = "" if row.writes is None else f", {row.writes} writes"
    return (
        f"{row.verdict.value:<4} {row.id}  ({row.seconds:.1f} s{writes})\n"
        f"     typed     {row.typed}\n     expected  {row.expected}\n     seen      {row.seen}"
    )


def as_markdown(rows: Sequence[Row]) -> str:
    head = "| | check | typed | expected | seen | writes | s |\n|---|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.verdict.value} | {row.id} | {_cell(row.typed)} | {_cell(row.expected)} | {_cell(row.seen)} "
        f"| {'' if row.writes is None else row.writes} | {row.seconds:.1f} |\n"
        for row in rows
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def write(rows: Sequence[Row], folder: Path) -> None:
    """acceptance.md and acceptance.json, as far as it got: written after each row, so that nothing is lost."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "acceptance.md").write_text(as_markdown(rows), encoding="utf-8")
    told = json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False)
    (folder / "acceptance.json").write_text(told + "\n", encoding="utf-8")
