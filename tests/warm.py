"""Children that compile, kept for all tests of a process: a fresh interpreter for each test would be most of its time.

They are ended with the process. A test that ends children on purpose has a compiler of its own.
"""

from __future__ import annotations

import atexit

from mcd.compiling.children import Child
from mcd.compiling.compiler import Compiler

_WARM: list[Child] = []


def compiler() -> Compiler:
    """One for one event loop."""
    return Compiler(idle=_WARM)


def _end() -> None:
    while _WARM:
        _WARM.pop().end()


atexit.register(_end)
