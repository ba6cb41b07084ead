"""The wish that an App run a Release with a Settings revision. A rollback is the same wish with an older pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from mcd.errors import Code, McdError, echo, not_found
from mcd.model import Actor, ConditionType, HealthState, Noun, Reason, Rollout, Trigger, Verb
from mcd.model.outcomes import REPEATING
from mcd.model.triggers import BY_PEOPLE
from mcd.objects import Ref
from mcd.store import neighbours
from mcd.store import tables as t
from mcd.store.intents.releases import end_ignoring
from mcd.store.lookup import find_app, find_release, not_going
from mcd.store.nouns import Row, health_of, ref_json, rollout_of, state_of
from mcd.store.rolling import Wanted, add, event_name, live_of, newest_settings
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Requested:
    """`created` is False when the live Rollout already is what was asked for: nothing was changed."""

    rollout: Rollout
    created: bool


async def request_rollout(
    actor: Actor,
    tx: Tx,
    now: datetime,
    app: str,
    *,
    release: int,
    settings_revision: int | None = None,
    trigger: Trigger = Trigger.DEPLOY,
    take_over: bool = False,
    restart: Iterable[str] = (),
    confirmed_prune: str = "",
    wished_deletes: Iterable[Ref] = (),
) -> Requested:
    """Takes the place of the live Rollout in this transaction. `settings_revision` None: the newest. The Release may
    still be on its way, but not failed. The same again after it failed makes the pods that failed anew.
    `wished_deletes` is what going back names. Raises McdError not_found, forbidden, conflict, invalid."""
    row = await find_app(actor, tx, Verb.DEPLOY, app, lock=True)
    not_going(Noun.APP, app, row)
    if trigger not in BY_PEOPLE:
        raise McdError(
            Code.INVALID, f'"{echo(trigger)}" is not a reason to deploy.', f"Use one of {', '.join(BY_PEOPLE)}."
        )
    wanted_release = await find_release(tx, row, release)
    _may_still_become(app, wanted_release, await _ignored_since(tx, wanted_release))
    revision = await _revision(tx, row, settings_revision)
    restarts = {component: now.isoformat() for component in restart}
    live = await live_of(tx, row["id"])
    same = live is not None and live["release"] == release and live["settings"] == revision
    if live is not None and same and not (restarts or take_over or confirmed_prune):
        if not _stalled(live):
            return Requested(rollout_of(live, app), created=False)
        restarts = dict.fromkeys(_died(live), now.isoformat())
    await end_ignoring(actor, tx, now, wanted_release)
    rollout_id = await add(
        tx,
        now,
        actor,
        row,
        Wanted(
            release=release,
            settings=revision,
            trigger=trigger,
            take_over=take_over,
            restarts=restarts,
            confirmed_prune=confirmed_prune,
            wished_deletes=tuple(ref_json(ref) for ref in wished_deletes),
        ),
    )
    await neighbours.refuse_taken(tx, row, wanted_release["id"])
    made = await tx.row(select(t.rollout).where(t.rollout.c.id == rollout_id))
    assert made is not None
    return Requested(rollout_of(made, app), created=True)


def _stalled(rollout: Row) -> bool:
    """Asked for again after it failed: that is a wish to try once more."""
    return state_of(rollout).is_now(ConditionType.STALLED)


def _died(rollout: Row) -> list[str]:
    """The components whose pods failed. The same template would leave them as they are, and the verdict would be that
    of before the wish: they are made anew, so that what was mended outside gets its try at once."""
    health = (health_of(found) for found in rollout["health"])
    return [h.component for h in health if h.state is HealthState.FAILED and h.desired and h.reason in _OF_PODS]


_OF_PODS = REPEATING | {Reason.CONFIG_MISSING, Reason.UNSCHEDULABLE, Reason.DEADLINE_EXCEEDED}
"""Why a component failed that new pods may not."""


async def _ignored_since(tx: Tx, release: Row) -> str:
    """What to do about the newest commit that came after it and that no push deployed, or nothing. Whoever mended the
    failed one with a push that deploys nothing is not left with the failure alone."""
    table = t.release
    newer = (table.c.app_id == release["app_id"]) & (table.c.number > release["number"])
    row = await tx.row(
        select(table.c.number, table.c.ignored, table.c.commit).where(newer).order_by(table.c.number.desc()).limit(1)
    )
    if row is None or not row["ignored"]:
        return ""
    why = row["ignored"].rstrip(".")
    number, commit = row["number"], row["commit"][:12]
    step = f"`mcd deploy --release {number}`"
    return f"Release {number} ({commit}) came later and was not deployed, because {why}: {step}."


def _may_still_become(app: str, release: Row, newer: str) -> None:
    state = state_of(release)
    failed = state.condition(ConditionType.STALLED)
    if release["ready_at"] is None and failed is not None and state.is_now(ConditionType.STALLED):
        raise McdError(
            Code.CONFLICT,
            f"Release {release['number']} of {app} failed: {failed.message}",
            f"Mend it and push again, or try it again: `mcd deploy --commit`. {newer}".rstrip(),
            reason=failed.reason.value,
        )


async def _revision(tx: Tx, app: Row, asked: int | None) -> int:
    if asked is None:
        return await newest_settings(tx, app["id"])
    found = await tx.value(
        select(t.settings.c.revision).where(t.settings.c.app_id == app["id"], t.settings.c.revision == asked)
    )
    if found is None:
        raise not_found(Noun.SETTINGS, event_name(app["name"], asked))
    return asked
