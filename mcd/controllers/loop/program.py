"""Which program this is: a word that changes with every version of MCD, of Python, and of what is installed beside it.

What one program found says nothing to another. It must not read more than names, sizes and times of files.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import orjson

import mcd


@functools.cache
def program() -> str:
    """Of a checkout also the files as they are: they change without a new commit."""
    installed = Path(orjson.__file__).parent.parent.stat().st_mtime_ns
    told = repr((mcd.__version__, mcd.REVISION, sys.version, installed, tuple(_files())))
    return blake2b(told.encode(), digest_size=12).hexdigest()


def _files() -> Iterator[tuple[str, int, int]]:
    root = Path(mcd.__file__).parent
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            if not name.endswith(".pyc"):
                found = Path(folder, name).stat()
                yield f"{folder[len(str(root)) :]}/{name}", found.st_size, found.st_mtime_ns
