"""Where going back leads, out of what an App ran; and what it would take back of its Settings. Pure.

The command and the portal decide with it alike. It must not take what was never Ready for a place to go back to, and
never goes further back than a person means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcd.model.triggers import BACK, Trigger

SHOWN = 60
"""Characters of a value in a line about Settings."""

Values = Mapping[str, Any]
"""What one revision of Settings holds."""


@dataclass(frozen=True, slots=True)
class Past:
    """One Rollout of an App, as far as the way back goes."""

    number: int
    release: int
    settings: int
    trigger: str
    live: bool
    ready: bool
    """It was Ready once."""

    @property
    def pair(self) -> tuple[int, int]:
        return self.release, self.settings


def way_back(rollouts: Iterable[Past]) -> list[Past]:
    """What an App would go back through, the oldest first and what runs now last.

    A rollback leaves behind what it went back from: the next one goes further back, and never forward again to what
    somebody fled from.
    """
    way: list[Past] = []
    for one in _in_order(rollouts):
        if one.trigger in BACK and any(other.pair == one.pair for other in way):
            while way[-1].pair != one.pair:
                way.pop()
        elif not way or way[-1].pair != one.pair:
            if one.ready or one.live:
                way.append(one)
        elif one.ready:
            # The same again, by a restart: the newest of them is told.
            way[-1] = one
    return way


def before(rollouts: Iterable[Past]) -> Past | None:
    """What was Ready before what runs now; None when nothing else was."""
    rows = _in_order(rollouts)
    live = next((one for one in rows if one.live), None)
    way = way_back(rows)
    if live is not None and way and way[-1].pair == live.pair:
        way.pop()
    return way[-1] if way else None


@dataclass(frozen=True, slots=True)
class WentBack:
    """MCD went back by itself, and nobody wished anything else since."""

    failed: Past | None
    """What it went back from."""
    to: Past
    """What runs since then."""


def went_back(rollouts: Iterable[Past]) -> WentBack | None:
    """Whether what runs is what MCD put back. A restart of it changes nothing about that."""
    rows = _in_order(rollouts)
    live = next((one for one in rows if one.live), None)
    if live is None:
        return None
    for at in range(rows.index(live), -1, -1):
        one = rows[at]
        if one.trigger == Trigger.AUTO_ROLLBACK:
            return WentBack(rows[at - 1] if at else None, one)
        if one.trigger != Trigger.RESTART or one.pair != live.pair:
            return None
    return None


def _in_order(rollouts: Iterable[Past]) -> Sequence[Past]:
    return sorted(rollouts, key=lambda one: one.number)


# --- what it takes back of the Settings -------------------------------------------------------------------------------


def taken_back(now: Values, then: Values) -> tuple[str, ...]:
    """How Settings differ, a line for each value: `components.web.replicas: 3 becomes as app.yaml says`. A secret is
    told by its version. Empty when they are the same."""
    before, after = dict(_flat(now)), dict(_flat(then))
    names = sorted({*before, *after})
    return tuple(
        _line(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )


def _flat(values: Values) -> Iterator[tuple[str, Any]]:
    for component, overrides in (values.get("components") or {}).items():
        for key, value in (overrides or {}).items():
            yield f"components.{component}.{key}", value
    for name, value in (values.get("env") or {}).items():
        yield f"env.{name}", value
    for name, texts in (values.get("configs") or {}).items():
        for key, text in (texts or {}).items():
            yield f"configs.{name}.{key}", text
    for name, secret in (values.get("secrets") or {}).items():
        yield f"secrets.{name}", (secret or {}).get("version", 0)


def _line(name: str, now: Any, then: Any) -> str:
    if name.startswith("configs.") and None not in (now, then):
        return f"{name}: another text"
    return f"{name}: {_shown(name, now)} becomes {_shown(name, then)}"


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "as app.yaml says" if name.startswith("components.") else "nothing"
    if name.startswith("secrets."):
        return f"version {value}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
