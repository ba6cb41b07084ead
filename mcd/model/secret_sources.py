"""Where the values come from that fill a Secret object, and the texts that they stand in.

Names, versions and places only. It must not hold a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SecretSource:
    """One version of a secret of an App, or of its product line; or, where `lengths` is not empty, what is made once
    for an App: key → characters."""

    name: str
    version: int = 0
    of_line: bool = False
    lengths: Mapping[str, int] = field(default_factory=dict)


Pieces: TypeAlias = tuple[str | tuple[str, str], ...]
"""A text and the values in it: a text is sent as it is, whatever stands in it; a pair is Secret object and key."""


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """The files of an App with secrets in them: Secret object → key → its pieces; and where the values come from, by
    Secret object."""

    texts: Mapping[str, Mapping[str, Pieces]] = field(default_factory=dict)
    sources: Mapping[str, SecretSource] = field(default_factory=dict)


NO_SECRET_FILES = SecretFiles()
