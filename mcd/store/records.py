"""Writes down what a pass decided and saw, in one transaction, if its lease still stands; else drops it whole.

Conditions, inventory, what was observed, Events, and the rows that follow (a ready Release's Rollout, a way back, the
end of what was deleted). It decides nothing: all of it is in the Result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from mcd.model import (
    Action,
    ClusterItem,
    ClusterObserved,
    Condition,
    InventoryEntry,
    Noun,
    ProductLineItem,
    Ready,
    ReleaseItem,
    ReleaseObserved,
    Result,
    RolloutItem,
    RolloutObserved,
    Stalled,
    Trigger,
)
from mcd.objects import KEPT
from mcd.store import files, neighbours, telling
from mcd.store import tables as t
from mcd.store.due import hint, hint_apps
from mcd.store.events import MCD
from mcd.store.finish import finish_app, finish_cluster, finish_line
from mcd.store.nouns import Row, change_json, conditions_json, heal_json, health_json, ref_json, serves_json
from mcd.store.question import Command, Question
from mcd.store.resting import Rest, at_rest
from mcd.store.rolling import Wanted, add, live_of, newest_settings, wake_neighbours
from mcd.store.tx import Tx
from mcd.store.work import TABLES

if TYPE_CHECKING:
    from mcd.store.leases import Lease

BUILDS_KEPT = 200
"""Images of an App whose inputs are remembered."""


_APP = Question(select(t.app).where(t.app.c.id == bindparam("app")).with_for_update())
_HELD = {
    noun: Question(
        select(table)
        .where(
            table.c.id == bindparam("row"),
            table.c.lease_token == bindparam("token"),
            table.c.lease_until > bindparam("now"),
        )
        .with_for_update()
    )
    for noun, table in TABLES.items()
}


@cache
def _writes(noun: Noun, names: tuple[str, ...]) -> Command:
    """Writes these columns of a row."""
    table = TABLES[noun]
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return Command(update(table).where(table.c.id == bindparam("row")).values(values))


async def record(
    tx: Tx,
    lease: Lease,
    result: Result,
    conditions: Iterable[Condition],
    next_run_at: datetime | None,
    attempts: int,
    now: datetime,
    rest: Rest | None = None,
) -> bool:
    """False: the lease ran out or somebody else has it; nothing was written. A wish or a hint that came during the pass
    makes the row due at once, and it is not at `rest`. What a superseded Rollout did is kept (its inventory, its
    Events), what it thought of itself is not."""
    app = await _locked_app(tx, lease)
    row = await tx.ask_one(_HELD[lease.noun], row=lease.row_id, token=lease.token, now=now)
    if row is None:
        return False
    values: dict[str, Any] = {
        "lease_token": None,
        "lease_until": None,
        "lease_holder": None,
        "takes": 0,
        "attempts": attempts,
        **_observed(lease, row, result, now),
    }
    superseded = lease.noun is Noun.ROLLOUT and not row["live"]
    if superseded:
        values["next_run_at"] = None
    else:
        touched = row["next_run_at"] is not None and row["next_run_at"] < row["lease_until"]
        again = row["generation"] != lease.item_state.generation or touched
        values["next_run_at"] = now if again else next_run_at
        values |= at_rest(lease.noun, None if again else rest, next_run_at)
        values["conditions"] = conditions_json(conditions)
        values["observed_generation"] = lease.item_state.generation
    if lease.noun is Noun.RELEASE and (values.get("ready_at") or (app is not None and app["deleted_at"] is not None)):
        # Frozen, or nobody's any more: nothing will ever change in it.
        values["next_run_at"] = None
    await tx.told(
        _writes(lease.noun, tuple(values)), {"row": lease.row_id, **{f"new_{k}": v for k, v in values.items()}}
    )
    if result.inventory is not None:
        await _write_inventory(tx, lease, result.inventory)
    await telling.tell(tx, now, lease, row, result)
    await _follow(tx, now, lease, row, app, result)
    await _note(tx, now, lease, row, result)
    tx.wished = True
    return True


async def _locked_app(tx: Tx, lease: Lease) -> Row | None:
    """The App comes first in every transaction that also writes its Releases or Rollouts: one order, no deadlock."""
    if not isinstance(lease.item, ReleaseItem | RolloutItem):
        return None
    row = await tx.ask_one(_APP, app=lease.item.app.id)
    assert row is not None
    return {**row, "line": lease.item.line.name}


async def _note(tx: Tx, now: datetime, lease: Lease, row: Row, result: Result) -> None:
    """Last: whoever waits for a host holds no other row that somebody needs."""
    match lease.item:
        case ReleaseItem(release=release) | RolloutItem(release=release) if not result.gone:
            found = result.footprint
            if found is not None and found != release.footprint:
                await neighbours.note(tx, row["app_id"], release.number, found)
                await wake_neighbours(tx, now, row["app_id"], release.app)
            elif isinstance(result.outcome, Stalled) or (isinstance(result.outcome, Ready) and row["ready_at"] is None):
                # It gives up what it will not serve, or what ran before it.
                await neighbours.settle(tx, row["app_id"])
        case _:
            return


# --- what was seen --------------------------------------------------------------------------------------------------


def _observed(lease: Lease, row: Row, result: Result, now: datetime) -> dict[str, Any]:
    """The columns of the noun itself."""
    match lease.noun, result.observed:
        case Noun.CLUSTER, ClusterObserved(serves, seen_at):
            return {"serves": serves_json(serves), "seen_at": seen_at}
        case Noun.PRODUCT_LINE, _:
            return {"changes": _changes(row, result), **_heals(result)}
        case Noun.RELEASE, seen:
            return _release(row, result, seen if isinstance(seen, ReleaseObserved) else None, now)
        case Noun.ROLLOUT, seen:
            return _rollout(row, result, seen if isinstance(seen, RolloutObserved) else None, now)
        case _:
            return {}


def _release(row: Row, result: Result, seen: ReleaseObserved | None, now: datetime) -> dict[str, Any]:
    if row["ready_at"] is not None:
        return {}
    values: dict[str, Any] = {}
    if seen is not None:
        texts = {"author": seen.author, "title": seen.title, "app_yaml": seen.app_yaml}
        values = {word: text for word, text in texts.items() if text}
        values["images"] = dict(seen.images)
        values["problems"] = [_problem(problem) for problem in seen.problems]
    if isinstance(result.outcome, Ready):
        values["ready_at"] = now
    return values


def _problem(problem: Any) -> dict[str, Any]:
    fields = ("code", "file", "line", "column", "field", "message", "hint")
    return {**{name: getattr(problem, name) for name in fields}, "severity": problem.severity.value}


def _rollout(row: Row, result: Result, seen: RolloutObserved | None, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"changes": _changes(row, result)}
    if seen is not None:
        values |= {"commits": dict(seen.commits), "digests": dict(seen.digests), "began_at": row["began_at"] or now}
    if result.health is not None:
        values["health"] = [health_json(health) for health in result.health]
    values |= _heals(result)
    if isinstance(result.outcome, Ready) and row["ready_at"] is None and row["deleted_at"] is None:
        values["ready_at"] = now
    return values


def _heals(result: Result) -> dict[str, Any]:
    return {} if result.heals is None else {"heals": [heal_json(heal) for heal in result.heals]}


def _changes(row: Row, result: Result) -> list[dict[str, Any]]:
    """The newest action of each object that this Rollout wrote or left alone. What was held and is not any more, is
    not held."""
    told = [change for change in result.changes if change.action != "unchanged"]
    # Unchanged since it was written is no newer action: what the Rollout did stays told.
    named = {change.ref for change in told}
    kept = [
        old
        for old in row["changes"]
        if old["action"] != "held" and not any(old["ref"] == ref_json(ref) for ref in named)
    ]
    return kept + [change_json(change) for change in told]


def _made_by_it(changes: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, str], ...]:
    """What a failed Rollout created itself, but for what holds data: putting the one before back takes it away again,
    unasked (ADR 11)."""
    return tuple(c["ref"] for c in changes if c["action"] == "created" and c["ref"]["kind"] not in KEPT)


# --- inventory ------------------------------------------------------------------------------------------------------


def owner_of(lease: Lease) -> tuple[Noun, str, str]:
    """Whose inventory a pass writes: the noun, its id, and the cluster."""
    match lease.item:
        case RolloutItem(app=app, cluster=cluster):
            return Noun.APP, app.id, cluster.id
        case ProductLineItem(line=line, cluster=cluster):
            return Noun.PRODUCT_LINE, line.id, cluster.id
        case _:
            raise ValueError(f"a {lease.noun} has no inventory")


async def _write_inventory(tx: Tx, lease: Lease, entries: Iterable[InventoryEntry]) -> None:
    owner, owner_id, cluster_id = owner_of(lease)
    table = t.inventory
    keys = ("api_version", "kind", "namespace", "name")
    before = {tuple(row[key] for key in keys): row for row in await tx.ask(_INVENTORY, owner=owner_id)}
    after = {(e.ref.api_version, e.ref.kind, e.ref.namespace, e.ref.name): e for e in entries}
    for key in before.keys() - after.keys():
        await tx.run(delete(table).where(table.c.owner_id == owner_id, *_is(key, keys)))
    changed = []
    for key, entry in after.items():
        old = before.get(key)
        if old is None:
            await tx.run(
                insert(table).values(
                    owner_id=owner_id,
                    owner=owner.value,
                    cluster_id=cluster_id,
                    uid=entry.uid,
                    applied=entry.applied,
                    **ref_json(entry.ref),
                )
            )
        elif (old["uid"], old["applied"]) != (entry.uid, entry.applied):
            changed.append({"b_owner": owner_id, **{f"b_{n}": v for n, v in zip(keys, key, strict=True)},
                            "uid": entry.uid, "applied": entry.applied})  # fmt: skip
    if changed:
        await tx.told(_ENTRY, *changed)


_INVENTORY = Question(select(t.inventory).where(t.inventory.c.owner_id == bindparam("owner")).with_for_update())
_ENTRY = Command(
    update(t.inventory)
    .where(
        t.inventory.c.owner_id == bindparam("b_owner"),
        *(t.inventory.c[name] == bindparam(f"b_{name}") for name in ("api_version", "kind", "namespace", "name")),
    )
    .values(uid=bindparam("uid"), applied=bindparam("applied"))
)
"""All entries of an App in one go: after its first pass each of them has a new UID."""


def _is(key: tuple[Any, ...], names: tuple[str, ...]) -> list[Any]:
    return [t.inventory.c[name] == value for name, value in zip(names, key, strict=True)]


# --- what follows ---------------------------------------------------------------------------------------------------


async def _follow(tx: Tx, now: datetime, lease: Lease, row: Row, app: Row | None, result: Result) -> None:
    ready = isinstance(result.outcome, Ready)
    became_ready = ready and not telling.was_ready(row)
    match lease.item:
        case ClusterItem(cluster=cluster):
            if result.gone:
                await finish_cluster(tx, now, MCD, cluster.id, cluster.name)
            elif became_ready:
                await _wake_lines(tx, now, t.product_line.c.cluster_id == cluster.id)
        case ProductLineItem(line=line):
            if result.gone:
                await finish_line(tx, now, MCD, line.id, line.name)
            elif ready:
                made = any(change.action is Action.CREATED for change in result.changes)
                if became_ready or made:
                    await _wake_waiting(tx, now, t.product_line.c.id == line.id)
                if made:
                    # What was in the namespace before it was made anew, or could not be written without our rights.
                    await hint_apps(tx, now, t.product_line.c.id == line.id)
        case ReleaseItem():
            assert app is not None
            await _freeze(tx, row, result.observed)
            await _remember_builds(tx, now, app["id"], result.observed)
            if ready and row["ready_at"] is None:
                await _deploy(tx, now, app, row)
        case RolloutItem():
            assert app is not None
            if not row["live"]:
                await hint(tx, now, t.rollout, t.rollout.c.live & (t.rollout.c.app_id == app["id"]))
            elif result.gone and app["deleted_at"] is not None:
                await finish_app(tx, now, MCD, app)
                # Skipped when somebody holds the product line: waiting for it here could be a deadlock.
                await hint(tx, now, t.product_line, t.product_line.c.id == app["product_line_id"], skip_locked=True)
            elif result.roll_back_to is not None and app["deleted_at"] is None:
                back = result.roll_back_to
                deletes = _made_by_it(_changes(row, result))
                wanted = Wanted(back.release, back.settings, Trigger.AUTO_ROLLBACK, wished_deletes=deletes)
                await add(tx, now, MCD, app, wanted)


async def _wake_lines(tx: Tx, now: datetime, condition: Any) -> None:
    await hint(tx, now, t.product_line, condition & t.product_line.c.next_run_at.is_not(None))
    await _wake_waiting(tx, now, condition)


async def _wake_waiting(tx: Tx, now: datetime, condition: Any) -> None:
    """Those that wait for this are looked at now, and not when they would have looked again. A row that is ready needs
    no look."""
    apps = select(t.app.c.id).join(t.product_line, t.product_line.c.id == t.app.c.product_line_id).where(condition)
    pending = t.release.c.ready_at.is_(None) & t.release.c.next_run_at.is_not(None) & t.release.c.app_id.in_(apps)
    await hint(tx, now, t.release, pending)
    waiting = t.rollout.c.live & t.rollout.c.ready_at.is_(None) & t.rollout.c.app_id.in_(apps)
    await hint(tx, now, t.rollout, waiting)


async def _freeze(tx: Tx, release: Row, observed: Any) -> None:
    """The files that this pass read, all that app.yaml names. One that is ready keeps those that it is ready with."""
    if isinstance(observed, ReleaseObserved) and observed.files and release["ready_at"] is None:
        await files.thaw(tx, release["id"])
        await files.freeze(tx, release["id"], observed.files)


async def _remember_builds(tx: Tx, now: datetime, app_id: str, observed: Any) -> None:
    if not isinstance(observed, ReleaseObserved) or not observed.builds:
        return
    table = t.build
    for inputs, image in observed.builds.items():
        await tx.run(delete(table).where(table.c.app_id == app_id, table.c.inputs == inputs))
        await tx.run(insert(table).values(app_id=app_id, inputs=inputs, image=image, created_at=now))
    newest = select(table.c.inputs).where(table.c.app_id == app_id).order_by(table.c.created_at.desc())
    kept = newest.limit(BUILDS_KEPT).subquery().select()
    await tx.run(delete(table).where(table.c.app_id == app_id, table.c.inputs.not_in(kept)))


async def _deploy(tx: Tx, now: datetime, app: Row, release: Row) -> None:
    """A Release that became ready: its Rollout, unless somebody wished something newer since the push. A Rollout that
    names it already and waits for it goes on."""
    if app["deleted_at"] is not None:
        return
    live = await live_of(tx, app["id"])
    if live is not None and live["release"] == release["number"]:
        await hint(tx, now, t.rollout, t.rollout.c.id == live["id"])
        return
    if not release["deploys"] or await _overtaken(tx, app, release):
        return
    settings = await newest_settings(tx, app["id"])
    deletes = tuple(release["wished_deletes"])
    actor = telling.as_person(release["created_by"])
    await add(tx, now, actor, app, Wanted(release["number"], settings, Trigger.PUSH, wished_deletes=deletes))


async def _overtaken(tx: Tx, app: Row, release: Row) -> bool:
    """A newer push that is deployed already, or a deploy or rollback that a person asked for after this push: builds
    end in any order, and an old one must not undo a newer wish."""
    found = await tx.ask(_NEWER, app=app["id"], release=release["number"], before=release["rollouts_before"])
    return bool(found)


_NEWER = Question(
    select(t.rollout.c.id)
    .where(
        t.rollout.c.app_id == bindparam("app"),
        t.rollout.c.number > bindparam("before"),
        ((t.rollout.c.trigger == Trigger.PUSH.value) & (t.rollout.c.release > bindparam("release")))
        | (t.rollout.c.trigger == Trigger.DEPLOY.value)
        | (t.rollout.c.trigger == Trigger.ROLLBACK.value),
    )
    .limit(1)
)
