"""The times with which a cluster begins the lines of a log.

Pure. They are those of the node's clock, which may differ from ours and from that of another node: times of different
nodes must not be compared to find out what was read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
BILLION = 1_000_000_000


def stamp_of(line: bytes) -> tuple[int, int]:
    """Nanoseconds since 1970, and how many bytes of the line say so, with the space after them. Both 0 where it begins
    with no time."""
    found = _STAMP.match(line)
    seconds = _seconds(found[1], found[3]) if found is not None else 0
    if found is None or not seconds:
        return 0, 0
    return seconds * BILLION + int((found[2] or b"0").ljust(9, b"0")), found.end()


def moment(nanoseconds: int) -> datetime:
    """As a time to ask a cluster for, which knows whole seconds only: cut, so that nothing after it is left out."""
    return datetime.fromtimestamp(nanoseconds // BILLION, UTC)


@lru_cache(maxsize=1024)
def _seconds(text: bytes, zone: bytes) -> int:
    try:
        return max(0, int(datetime.fromisoformat((text + zone).decode()).timestamp()))
    except (ValueError, OverflowError):
        return 0
