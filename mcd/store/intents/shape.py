"""How large and how deep a wish of free form may be before it is stored.

Pure. What the keys mean is the compiler's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcd.errors import Code, McdError

LIMIT = 256 * 1024
"""Bytes of JSON of one wish."""

DEPTH = 12


def bounded(what: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The value as plain JSON data. Raises McdError: too_large over 256 KiB, invalid for what is not JSON or is nested
    deeper than 12."""
    if _depth(value, DEPTH + 1) > DEPTH:
        raise McdError(Code.INVALID, f"{what}: nested deeper than {DEPTH}.", "Write it flatter.")
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise McdError(Code.INVALID, f"{what}: not plain data.", "Use text, numbers, lists and mappings.") from None
    if len(text) > LIMIT:
        raise McdError(Code.TOO_LARGE, f"{what}: larger than 256 KiB.", "Make it smaller.")
    return dict(json.loads(text))


def _depth(value: Any, left: int) -> int:
    if left == 0 or not isinstance(value, Mapping | list | tuple):
        return 0
    inner = value.values() if isinstance(value, Mapping) else value
    return 1 + max((_depth(item, left - 1) for item in inner), default=0)


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7396): mappings are merged, null takes a key away, everything else replaces."""
    result = dict(old)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result
