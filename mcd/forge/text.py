"""A text file at a commit, read in one way by everybody: one limit, one decoding.

What is no UTF-8 keeps its bytes (as half surrogates), so that whoever reads the text names the place that is wrong. It
must not know what the file is for.
"""

from __future__ import annotations

from mcd.forge.forge import Forge

LIMIT = 256 * 1024
"""Bytes that a file which people write may have (app-yaml 2.1)."""


async def read_text(forge: Forge, repository: str, commit: str, path: str) -> str:
    """Raises McdError of the Forge: not_found, too_large, invalid, unavailable."""
    raw = await forge.read(repository, commit, path, limit=LIMIT)
    return raw.decode("utf-8", "surrogateescape")
