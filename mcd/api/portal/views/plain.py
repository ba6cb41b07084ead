"""A stranger's text as a page and a terminal may show it.

Pure. Templates and scripts treat it as text all the same.
"""

from __future__ import annotations

_HIDDEN = (
    (0x00, 0x08), (0x0A, 0x1F), (0x7F, 0x9F), (0x061C, 0x061C), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
    (0xFEFF, 0xFEFF), (0xD800, 0xDFFF),
)  # fmt: skip
_ESCAPES = {n: f"\\x{n:02x}" if n < 256 else f"\\u{n:04x}" for first, last in _HIDDEN for n in range(first, last + 1)}


def plain(text: str) -> str:
    """Control characters, marks without a width and those that turn the direction, as escapes."""
    return text.translate(_ESCAPES)
