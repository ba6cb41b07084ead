"""A component of an App as pages tell of it. Pure; it must not know how it was compiled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A component. `long`: it runs all the time, and so has `replicas`."""

    name: str
    type: str
    replicas: int
    long: bool
    urls: tuple[str, ...]
