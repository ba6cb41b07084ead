"""The last lines of what died in the Rollout that matters now, where its pods are gone with their logs.

From what a controller wrote down when it saw the death. It must not answer lines of an older Rollout as if they were of
this one, nor lines that no container said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from mcd import model
from mcd.api.newest import LOOKED_THROUGH
from mcd.model import Actor, Reason, Trigger
from mcd.store import reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

DIED = frozenset({Reason.CRASH_LOOPING, Reason.OOM_KILLED})
"""Reasons whose evidence is what a container said before it ended; that of others is what the cluster says of it."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """What died in a Rollout, with the last lines of each; a container that said nothing has none."""

    rollout: int
    died: tuple[model.ComponentHealth, ...]


async def last_words(
    actor: Actor, tx: Tx, app: str, component: str | None = None, *, only: str | None = None
) -> LastWords | None:
    """Of the live Rollout, or of the one that MCD went back from by itself. None when nothing of it died, and when one
    pod or container is meant (`only`): which one said the lines was not kept. Raises McdError not_found."""
    if only:
        return None
    part = await reads.rollouts(actor, tx, app, Part(LOOKED_THROUGH))
    meant = next((r for r in part.items if r.trigger is not Trigger.AUTO_ROLLBACK), None)
    if meant is None:
        return None
    seen = await reads.rollout_seen(actor, tx, meant.id)
    died = tuple(h for h in seen.health if h.reason in DIED and component in (None, h.component))
    return LastWords(meant.number, died) if died else None


async def as_lines(said: LastWords, *, prefix: bool) -> AsyncIterator[bytes]:
    """As the log of an App tells them: what MCD says itself begins with `mcd:`."""
    for one in said.died:
        what = f"mcd: {one.component} of Rollout {said.rollout} died ({one.reason.value}) and its log is gone with it"
        if not one.evidence:
            yield f"{what}. It said nothing before, or nothing of it could be kept.\n".encode()
            continue
        yield f"{what}. Its last lines were kept:\n".encode()
        begin = f"{one.component} | " if prefix else ""
        for line in one.evidence:
            yield f"{begin}{line}\n".encode()
