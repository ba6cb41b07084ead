"""What became of the newest Release when it is not the one that runs: in one sentence, with the last lines it said.

A person who pushed and sees "ready" must not take what runs for what was pushed. It only reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcd import model
from mcd.api.app_shapes import NotLive
from mcd.api.shapes import summary
from mcd.model import Actor, HealthState, Reason, StateWord, Trigger
from mcd.model.outcomes import HELD_REASONS
from mcd.store import reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

LOOKED_THROUGH = 100
"""Rollouts of an App, newest first, among which every face looks for the one that matters now: that of the newest
Release, or the one that MCD went back from."""


CHOICES = (Trigger.DEPLOY, Trigger.ROLLBACK)
"""Wishes by which a person says what is to run instead."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The newest Rollout of a Release that does not run. `chosen` is the newest one after it by which a person said
    that something else is to run: what the Release waits for, or failed of, asks for nothing any more, whatever comes
    of that choice. None: nobody did."""

    rollout: model.Rollout
    chosen: model.Rollout | None


def tried_of(release: int, rollouts: Sequence[model.Rollout]) -> Tried | None:
    """`rollouts` of its App, newest first. None when the Release has none among them."""
    own = next((r for r in rollouts if r.release == release), None)
    if own is None:
        return None
    return Tried(own, next((r for r in rollouts if r.number > own.number and r.trigger in CHOICES), None))


async def tried(actor: Actor, tx: Tx, newest: model.Release | None, live: model.Rollout | None) -> Tried | None:
    """The same of the newest Release, read from the store. None also when it is what runs. Raises McdError
    not_found."""
    if newest is None or (live is not None and live.release == newest.number):
        return None
    return tried_of(newest.number, (await reads.rollouts(actor, tx, newest.app, Part(LOOKED_THROUGH))).items)


async def not_live(
    actor: Actor, tx: Tx, newest: model.Release | None, live: model.Rollout | None, found: Tried | None
) -> NotLive | None:
    """None when the newest Release is what runs, or there is none. `found` is what `tried` answers of the same."""
    if newest is None or (live is not None and live.release == newest.number):
        return None
    if found is None:
        word, reason, message = summary(newest.state)
        if word == "ready":
            message = "it waits for its Rollout." if newest.deploys else "it waits for somebody to deploy it."
        return _told(newest, None, word, reason, message, [])
    own, chosen = found.rollout, found.chosen
    word, reason, message = summary(own.state)
    if word in ("ready", "superseded") and live is not None:
        by = f"{live.trigger} by {live.created_by}"
        message = f"Rollout {live.number} (Release {live.release}, {by}) took its place."
    message = f"Rollout {own.number}: {message}"
    seen = await reads.rollout_seen(actor, tx, own.id)
    evidence = [line for h in seen.health if h.state is HealthState.FAILED for line in h.evidence]
    if chosen is not None:
        words = f"Release {chosen.release} was chosen over it by {chosen.created_by} ({_how(chosen)})."
        failed = word == "stalled" and reason not in HELD_REASONS
        message = f"{words} {message}" if failed else words
        return _told(newest, own.number, StateWord.SUPERSEDED, Reason.SUPERSEDED, message, evidence if failed else [])
    return _told(newest, own.number, word, reason, message, evidence)


def _how(rollout: model.Rollout) -> str:
    return f"Rollout {rollout.number}, {rollout.trigger}"


def _told(
    newest: model.Release, rollout: int | None, word: StateWord, reason: Reason, message: str, evidence: list[str]
) -> NotLive:
    return NotLive(
        release=newest.number, commit=newest.commit, rollout=rollout, state=word, reason=reason,
        message=message or "nothing was said of it yet.", evidence=evidence,
    )  # fmt: skip
