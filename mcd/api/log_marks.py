"""How far the log of each container was read, as a short text that an address or the id of a message can carry.

Each container has a time of its own: the clocks of nodes differ, and the newest time of one says nothing of another. It
must not carry a name: keys are digests.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping

from mcd.errors import Code, McdError

KEY, TIME = 6, 8
"""Bytes of a key and of a time."""
MOST = 200
"""Containers in one text, so that it fits a line of a request: those with the newest times."""
LONGEST = -(-MOST * (KEY + TIME) * 4 // 3)
"""Characters."""


def written(marks: Mapping[bytes, int]) -> str:
    """Times are nanoseconds since 1970. Empty for none."""
    newest = sorted(marks.items(), key=lambda one: one[1], reverse=True)[:MOST]
    raw = b"".join(key + at.to_bytes(TIME) for key, at in newest)
    return urlsafe_b64encode(raw).decode().rstrip("=")


def read(text: str) -> dict[bytes, int]:
    """Raises McdError(invalid) for what `written` never writes."""
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError:
        raw = b"?"
    size = KEY + TIME
    if len(text) > LONGEST or len(raw) % size or "=" in text:
        raise McdError(
            Code.INVALID, "the place in the log is none that MCD gave out.", "Open the page of the log again."
        )
    parts = [raw[begin : begin + size] for begin in range(0, len(raw), size)]
    return {part[:KEY]: int.from_bytes(part[KEY:]) & (2**63 - 1) for part in parts}
