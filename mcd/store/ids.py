"""Ids of rows: sortable by the time of their making and not to be guessed, as UUID version 7 has them.

The clock is an argument; only the random part comes from the system. Nothing is stored here.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime


def new_id(now: datetime) -> str:
    """48 bits of Unix milliseconds, 74 random bits: an id in a URL tells nobody the next one."""
    milliseconds = int(now.timestamp() * 1000)
    high = (milliseconds & (1 << 48) - 1) << 80
    value = high | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))
