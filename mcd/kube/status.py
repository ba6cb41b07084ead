"""What a live object says of itself: one condition of its status, and a time that somebody wrote there.

Pure. Whoever may write a status can write anything: what cannot be read is nothing, and never an error. It must not
judge what is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def condition(obj: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The condition of this type; empty when the object has none."""
    conditions: Sequence[Mapping[str, Any]] = (obj.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == name), {})


def time_of(text: object) -> datetime | None:
    """None for what is no time, and for one without a zone: nobody knows when that was, and to compare it with a time
    of ours would end the pass."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
