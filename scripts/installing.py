"""Says how far pip is, in a few lines: `pip install … | python scripts/installing.py 212`.

Reads what pip says on stdin; what it complains of goes to stderr by itself. It must need nothing but Python, because
nothing else is there yet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

PARTS = 4
"""Lines about fetching, at most."""


def told(lines: Iterable[str], total: int) -> Iterator[str]:
    """What a person who waits is told of these lines of pip's, for so many packages."""
    fetched, step = 0, max(1, -(-total // PARTS))
    for line in lines:
        if line.startswith("Collecting "):
            fetched += 1
            if fetched % step == 0 or fetched == total:
                yield f"    fetched {fetched} of {total}"
        elif line.startswith("Installing collected packages"):
            yield f"    unpacking {total}, which says nothing for a minute or two"


def main() -> int:
    for line in told(sys.stdin, int(sys.argv[1])):
        print(line, file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
