"""A line of a log as text.

Pure. Every other control character stays in it: who shows it makes it harmless.
"""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;:]{0,64}m")


def text_of(line: bytes) -> str:
    """What a program said, without the colours that it said it in."""
    text = line.decode("utf-8", "replace")
    return _COLOURS.sub("", text) if "\x1b" in text else text
