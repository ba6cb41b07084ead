"""What this process wrote a moment ago: a watch that tells it again is an echo, and wakes nobody.

Only the very version that the API server answered with is an echo. It must not say so of anything else, because whoever
is not woken does not look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mcd.objects import Object

MOST = 20_000
"""Versions that are remembered. An echo that was forgotten costs one look."""

Version = tuple[str, str]
"""UID and resourceVersion."""


def version_of(obj: Object) -> Version:
    meta = obj.get("metadata") or {}
    return str(meta.get("uid", "")), str(meta.get("resourceVersion", ""))


@dataclass(slots=True)
class Echoes:
    """The versions that are still to be told. Of one object the last one that was written."""

    _written: dict[str, str] = field(default_factory=dict)

    def wrote(self, answers: Iterable[Object]) -> None:
        """What the API server answered to writes of this process."""
        for answer in answers:
            uid, version = version_of(answer)
            self._written.pop(uid, None)
            self._written[uid] = version
        while len(self._written) > MOST:
            self._written.pop(next(iter(self._written)))

    def heard(self, told: Iterable[Version]) -> bool:
        """Whether all of these are what was written here and nothing else. They are forgotten then."""
        told = tuple(told)
        only = all(uid and self._written.get(uid) == version for uid, version in told)
        if only:
            for uid, _ in told:
                self._written.pop(uid, None)
        return only
