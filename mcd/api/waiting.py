"""The sentence for a wait without news, the same in a push and in the command: how long, for what, what answers.

Pure, and without a package of the server behind it: the command says it too.
"""

from __future__ import annotations

EVERY = 30.0
"""Seconds without news after which it is said."""


def still_waiting(waited: float, limit: float, why: str, *, old_answers: bool) -> str:
    """`waited` and `limit` are in seconds. `old_answers`: the App was Ready before, and what ran then goes on."""
    cause = " ".join(why.split()).rstrip(".") or "nothing was said yet"
    old = "; the old version answers" if old_answers else ""
    return f"still waiting, {spoken(waited)} of at most {spoken(limit)}: {cause}{old}. Ctrl-C stops the watching only."


def spoken(seconds: float) -> str:
    """`90` as `1m30s`, `600` as `10m`, `7` as `7s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if count]
    return "".join(parts) or "0s"
