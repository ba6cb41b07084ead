"""Marks text that a page shows, so that it is found for translation where it stands in Python.

Views say what is shown and know no language: they carry the English text, and the template translates it (`_(text)`).
It must not translate anything itself.
"""

from __future__ import annotations


def n_(text: str) -> str:
    """The text itself. `python -m scripts.translations` finds every literal that is given to it."""
    return text
