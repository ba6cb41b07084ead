"""A program of a build runs alike in each loop that a server may run in."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from mcd.build.process import Ended, Place, run

SAYS = "echo one > /dev/stdout; echo two >&2; i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; exit 3"
Loops = Callable[[], asyncio.AbstractEventLoop]

both = pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["python", "uvloop"])


def place(folder: Path, seconds: float) -> Place:
    variables = {"PATH": os.environ["PATH"]}
    return Place(variables, folder, asyncio.get_running_loop().time() + seconds)


@both
def test_every_line_of_a_program_is_handed_on_and_how_it_ended(loops: Loops, tmp_path: Path) -> None:
    heard: list[str] = []

    async def hear(line: str) -> None:
        heard.append(line)

    async def told() -> Ended:
        return await run(["sh", "-c", SAYS], place(tmp_path, 60), hear)

    with asyncio.Runner(loop_factory=loops) as runner:
        ended = runner.run(told())
    assert ended.code == 3
    assert heard == ["one", "two", *map(str, range(3000))]


@both
def test_a_program_says_much_before_it_has_to_wait_for_who_reads_it(loops: Loops, tmp_path: Path) -> None:
    """buildah loses its last words when it ends while its pipe is full."""
    heard: list[str] = []

    async def hear(line: str) -> None:
        heard.append(line)

    async def told() -> Ended:
        asks = "import fcntl; print([fcntl.fcntl(stream, fcntl.F_GETPIPE_SZ) for stream in (1, 2)])"
        return await run([sys.executable, "-c", asks], place(tmp_path, 60), hear)

    with asyncio.Runner(loop_factory=loops) as runner:
        assert runner.run(told()).code == 0
    assert heard == [f"[{1024**2}, {1024**2}]"]


@both
def test_a_program_that_is_too_slow_leaves_nothing_running(loops: Loops, tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    async def slow() -> None:
        await run(["sh", "-c", f"sleep 61239 & echo $! > {mark}; wait"], place(tmp_path, 1), None)

    with asyncio.Runner(loop_factory=loops) as runner, pytest.raises(TimeoutError):
        runner.run(slow())
    state = Path(f"/proc/{mark.read_text().strip()}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


@both
def test_a_program_that_is_not_there_is_said_and_leaves_no_file_open(loops: Loops, tmp_path: Path) -> None:
    async def missing() -> int:
        with pytest.raises(FileNotFoundError):
            await run(["/nonexistent/program"], place(tmp_path, 60), None)
        await asyncio.sleep(0)  # the pipe closes in the next turn of the loop
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    with asyncio.Runner(loop_factory=loops) as runner:
        first = runner.run(missing())  # with what the loop opens for its first program
        assert [runner.run(missing()) for _ in range(3)] == [first] * 3
