"""The process that compiles: asked over a socket, one ask at a time, each within processor time and memory of its own.

It ends when its parent is gone. It must not open a file, a network connection or a database, and it has no setting and
no secret of the server in its environment.
"""

from __future__ import annotations

import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcd.compiling.asks import ASKS
from mcd.compiling.frames import END, HEAD, OUT_OF_MEMORY, framed, read_exactly
from mcd.errors import McdError
from mcd.observability.garbage import look_seldom

_NO_MEMORY = framed(OUT_OF_MEMORY) + END
"""Made before it is needed."""


def main(pipe: socket.socket) -> None:
    """Answers until the other side is gone, or an ask took all the memory that it may."""
    look_seldom()
    # Ctrl-C goes to the whole group of processes: the parent ends what it began.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The end of the time ends the process, wherever it is: no code of ours has to be reached for that.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    while (ask := _next(pipe)) is not None:
        seconds, memory, word, args = pickle.loads(ask)  # noqa: S301 - from our own parent
        try:
            with _bounds(seconds, memory):
                for frame in _answer(word, args):
                    pipe.sendall(frame)
                pipe.sendall(END)
        except MemoryError:
            # What is left of the heap is nobody's guess.
            pipe.sendall(_NO_MEMORY)
            return


def _next(pipe: socket.socket) -> bytes | None:
    head = read_exactly(pipe, HEAD)
    return None if head is None else read_exactly(pipe, int.from_bytes(head, "big"))


def _answer(word: str, args: tuple[Any, ...]) -> Iterator[bytes]:
    try:
        pieces: Iterable[Any] = [("is", piece) for piece in ASKS[word](*args)]
    except McdError as error:
        told = (error.code, error.message, error.hint, error.reason, error.problems, error.retry_after, error.place)
        pieces = [("refused", told)]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, who asked hears of it and raises
        pieces = [("bug", traceback.format_exc())]
    for piece in pieces:
        yield framed(pickle.dumps(piece, 5))


@contextmanager
def _bounds(seconds: float, memory: int) -> Iterator[None]:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_size() + memory, most))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _size() -> int:
    """Bytes of address space that the process has now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
