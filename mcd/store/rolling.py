"""How a new Rollout takes the place of the live one: in one transaction, numbers without gaps, the old one told so.

Shared by people's wishes and by the record of a pass. Whoever calls holds the lock on the App's row; nothing here
checks who may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select, update

from mcd.errors import Code, McdError
from mcd.model import Actor, ConditionType, EventKind, Noun, Reason, Trigger
from mcd.model.conditions import fresh, superseded
from mcd.model.named import TRIGGERS
from mcd.model.why import Note, say, told
from mcd.store import events, neighbours
from mcd.store import tables as t
from mcd.store.due import NOW, pass_over
from mcd.store.ids import new_id
from mcd.store.nouns import Row, conditions_json, state_of
from mcd.store.question import Command, Question, inserted
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new Rollout is to run, and how."""

    release: int
    settings: int
    trigger: Trigger
    take_over: bool = False
    restarts: Mapping[str, str] = field(default_factory=dict)
    """Asked for now; those of the Rollout before are kept, or its pods would restart once more."""
    confirmed_prune: str = ""
    wished_deletes: tuple[Mapping[str, str], ...] = ()


_LIVE = Question(select(t.rollout).where(t.rollout.c.app_id == bindparam("app"), t.LIVE))
_HIGHEST = Question(select(func.max(t.rollout.c.number).label("number")).where(t.rollout.c.app_id == bindparam("app")))
_NEW = Command(
    inserted(
        t.rollout, "id", "app_id", "number", "release", "settings", "trigger", "take_over", "restarts",
        "confirmed_prune", "wished_deletes", "live", "created_at", "created_by", "conditions", "next_run_at",
    )
)  # fmt: skip
_SUPERSEDE = Command(
    update(t.rollout)
    .where(t.rollout.c.id == bindparam("old"))
    .values(live=False, next_run_at=None, conditions=bindparam("said"))
)
_NEWEST_SETTINGS = Question(
    select(func.max(t.settings.c.revision).label("revision")).where(t.settings.c.app_id == bindparam("app"))
)


async def live_of(tx: Tx, app_id: str) -> Row | None:
    """The row of an App's live Rollout."""
    return await tx.ask_one(_LIVE, app=app_id)


def event_name(app: str, number: int) -> str:
    """How a Release or Rollout is named in Events: `shop/41`."""
    return f"{app}/{number}"


def fresh_conditions(now: datetime, generation: int, reason: Reason, message: str) -> list[dict[str, Any]]:
    """Not ready, on its way: what is seen until a controller has looked."""
    return conditions_json(fresh(reason, message, generation, now))


def superseded_conditions(now: datetime, row: Row, by: int) -> list[dict[str, Any]]:
    """What the Rollout of this row says from now on that Rollout `by` took its place."""
    return conditions_json(superseded(state_of(row), by, now))


async def add(tx: Tx, now: datetime, actor: Actor, app: Row, wanted: Wanted) -> str:
    """Makes the Rollout and answers its id. The pass that may be running on the old one loses nothing that it wrote:
    its lease stays until it ends, and the new one is not taken before (`leases.take`)."""
    old = await live_of(tx, app["id"])
    highest = await tx.ask_one(_HIGHEST, app=app["id"])
    assert highest is not None
    number = (highest["number"] or 0) + 1
    _names_what_runs(app, old, wanted)
    deletes = list(wanted.wished_deletes)
    restarts = dict(wanted.restarts)
    if old is not None:
        restarts = {**old["restarts"], **restarts}
        if old["ready_at"] is None:
            # The deletes that the unfinished one was to do are still wished.
            deletes += [d for d in old["wished_deletes"] if d not in deletes]
        await _supersede(tx, now, actor, app, old, number)
    rollout_id = new_id(now)
    await tx.told(
        _NEW,
        {
            "id": rollout_id,
            "app_id": app["id"],
            "number": number,
            "release": wanted.release,
            "settings": wanted.settings,
            "trigger": wanted.trigger,
            "take_over": wanted.take_over,
            "restarts": restarts,
            "confirmed_prune": wanted.confirmed_prune,
            "wished_deletes": deletes,
            "live": True,
            "created_at": now,
            "created_by": actor.name,
            "conditions": fresh_conditions(now, 1, Reason.NEW, say(Note.NOT_TAKEN_YET)),
            "next_run_at": now,
        },
    )
    tx.wished = True
    await neighbours.settle(tx, app["id"])
    await wake_neighbours(tx, now, app["id"], app["name"])
    events.append(
        tx,
        now,
        actor,
        EventKind.ROLLOUT_REQUESTED,
        say(
            Note.ASKED_FOR,
            number=number,
            app=app["name"],
            release=wanted.release,
            settings=wanted.settings,
            trigger=told(TRIGGERS[Trigger(wanted.trigger)]),
        ),
        noun=Noun.ROLLOUT,
        name=event_name(app["name"], number),
        product_line=app["line"],
        app=app["name"],
        data={"rollout": rollout_id, "release": wanted.release, "settings": wanted.settings, "trigger": wanted.trigger},
    )
    return rollout_id


_CALLERS = select(t.dependency.c.app_id).where(t.dependency.c.called == bindparam("name"))
_CALLED = (
    select(t.app.c.id)
    .join(t.dependency, t.dependency.c.called == t.app.c.name)
    .where(t.dependency.c.app_id == bindparam("app"))
)
_NEAR_ROWS = (
    select(t.rollout.c.id)
    .where(t.LIVE, t.rollout.c.app_id.in_(_CALLERS) | t.rollout.c.app_id.in_(_CALLED))
    .order_by(t.rollout.c.id)
)
_NEAR = Question(_NEAR_ROWS)
_FREE = Question(_NEAR_ROWS.with_for_update(skip_locked=True))
_DUE_NOW = Command(
    update(t.rollout)
    .where(
        t.rollout.c.id == bindparam("rollout"),
        # As `due.hint`: one that is due keeps its time, and is not at rest any more.
        t.rollout.c.next_run_at.is_(None) | (t.rollout.c.next_run_at > NOW) | t.rollout.c.rest_due.is_not(None),
    )
    .values(next_run_at=case((t.rollout.c.next_run_at <= NOW, t.rollout.c.next_run_at), else_=NOW), rest_due=None)
)


async def wake_neighbours(tx: Tx, now: datetime, app_id: str, name: str) -> None:
    """Who calls the App, and whom it calls, is looked at again: an address or who is let in may be another. Rows that
    another transaction holds are hinted when this one is over, because two Apps that call one another would wait in a
    circle."""
    there = {row["id"] for row in await tx.ask(_NEAR, app=app_id, name=name)}
    if not there:
        return
    free = [row["id"] for row in await tx.ask(_FREE, app=app_id, name=name)]
    pass_over(tx, now, t.rollout, there.difference(free))
    if await tx.told(_DUE_NOW, *({"rollout": row, "now": now} for row in free)):
        tx.wished = True


def _names_what_runs(app: Row, old: Row | None, wanted: Wanted) -> None:
    """While the cluster runs what this database does not know, only a wish that names a Release goes on: a changed
    number of pods would bring the older Release back unasked. Raises McdError conflict."""
    if old is None or wanted.trigger not in (Trigger.SETTINGS, Trigger.RESTART):
        return
    state = state_of(old)
    held = state.condition(ConditionType.STALLED)
    if held is not None and held.reason is Reason.NEWER_IN_CLUSTER and state.is_now(ConditionType.STALLED):
        raise McdError(Code.CONFLICT, f"{app['name']}: {held.message}", reason=held.reason.value)


async def _supersede(tx: Tx, now: datetime, actor: Actor, app: Row, old: Row, by: int) -> None:
    await tx.told(_SUPERSEDE, {"old": old["id"], "said": superseded_conditions(now, old, by)})
    events.append(
        tx,
        now,
        actor,
        EventKind.ROLLOUT_SUPERSEDED,
        say(Note.TAKEN_OVER, number=old["number"], app=app["name"], by=by),
        noun=Noun.ROLLOUT,
        name=event_name(app["name"], old["number"]),
        product_line=app["line"],
        app=app["name"],
        data={"by": by},
    )


async def newest_settings(tx: Tx, app_id: str) -> int:
    """The newest Settings revision of an App. Every App has at least revision 0, which is empty."""
    found = await tx.ask_one(_NEWEST_SETTINGS, app=app_id)
    assert found is not None
    return int(found["revision"])
