"""Machines' door: take what is due, keep it, write down what a pass found, or give it back.

A lease is a token in the row: whoever writes must still hold it, and what a pass that lost it found is dropped whole.
Nothing here calls a reconciler or reads a clock; the loop does both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, insert, select, update

from mcd.model import (
    Cluster,
    ConditionType,
    EventKind,
    Noun,
    ProductLine,
    Reason,
    Reconciled,
    Release,
    Rollout,
    RolloutObserved,
    WorkItem,
)
from mcd.model.conditions import quarantined
from mcd.model.why import Note, say
from mcd.objects import Ref
from mcd.store import events, neighbours
from mcd.store import tables as t
from mcd.store.due import NOW, busy_app, hint, is_due
from mcd.store.ids import new_id
from mcd.store.nouns import Row, conditions_json, ref_json
from mcd.store.question import Command, OfMany, Question
from mcd.store.records import owner_of, record
from mcd.store.rolling import event_name
from mcd.store.session import Database
from mcd.store.tx import Tx
from mcd.store.work import TABLES, load

__all__ = [
    "MOST_TAKES",
    "Lease",
    "append_build_log",
    "extend",
    "free_held",
    "give_back",
    "intend",
    "next_due",
    "outlived",
    "record",
    "take",
    "wake",
]

MOST_TAKES = 3
"""Leases without a record after which a row is left alone: working on it ends the process each time."""

QUARANTINED_FOR = 3600.0
"""Seconds until such a row is tried once more. It may have died with others' processes: a machine that was switched off
three times has killed whatever was worked on, and nobody may know of it to ask again."""

LOG_LINES = 20_000
"""Lines of one build that are kept."""

LOG_LINE = 4_096
"""Characters of a line that are kept."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One row for one pass. `ttl` in seconds; `failures` counts the passes before it, in a row, that ended badly."""

    noun: Noun
    row_id: str
    token: str
    item: WorkItem
    ttl: float
    failures: int
    taken_at: datetime
    taken_from: str = ""
    """The holder that let it run out, or an empty text."""

    @property
    def subject(self) -> Cluster | ProductLine | Release | Rollout:
        """The noun itself, out of its work item."""
        word = {Noun.CLUSTER: "cluster", Noun.PRODUCT_LINE: "line"}.get(self.noun, self.noun.value)
        found: Cluster | ProductLine | Release | Rollout = getattr(self.item, word)
        return found

    @property
    def item_state(self) -> Reconciled:
        return self.subject.state


# --- due ------------------------------------------------------------------------------------------------------------

_STILL_DUE = {
    noun: OfMany(
        lambda among, noun=noun, table=table: (  # type: ignore[misc]
            select(table.c.id, table.c.takes, table.c.attempts, table.c.lease_holder)
            .where(among(table.c.id, "row"), is_due(noun, NOW))
            .with_for_update(skip_locked=True, of=table)
        )
    )
    for noun, table in TABLES.items()
}
_TAKEN = {
    noun: Command(
        update(table)
        .where(table.c.id == bindparam("row"))
        .values(
            lease_token=bindparam("token"),
            lease_until=bindparam("until", type_=table.c.lease_until.type),
            lease_holder=bindparam("holder"),
            next_run_at=bindparam("until", type_=table.c.lease_until.type),
            takes=table.c.takes + 1,
            attempts=table.c.attempts + 1,
            **({"rest_due": None} if "rest_due" in table.c else {}),
        )
    )
    for noun, table in TABLES.items()
}


async def take(
    db: Database, noun: Noun, chosen: Sequence[str], holder: str, now: datetime, ttl: float
) -> list[Lease]:  # fmt: skip
    """Leases of those of these rows that are still due, in their order, each for `ttl` seconds; `turns.in_turn` says
    which. A row that was taken three times and never recorded is quarantined instead. Rows that another process is
    taking are skipped."""
    if not chosen:
        return []
    question, given = _STILL_DUE[noun].of({"row": chosen})
    async with db.writing() as tx:
        due = {row["id"]: row for row in await tx.ask(question, **given, now=now)}
        rows = [due[row_id] for row_id in chosen if row_id in due]
        poisoned = {row["id"]: row["takes"] for row in rows if row["takes"] >= MOST_TAKES}
        left_alone = await _quarantine(tx, noun, poisoned, now) if poisoned else set()
        kept = {row["id"]: row for row in rows if row["id"] not in left_alone}
        tokens = {row_id: new_id(now) for row_id in kept}
        until = now + timedelta(seconds=ttl)
        if kept:
            await tx.told(
                _TAKEN[noun],
                *({"row": row, "token": token, "until": until, "holder": holder} for row, token in tokens.items()),
            )
        if noun is Noun.ROLLOUT:
            # Before it is compiled: what nobody has is this App's from now on, and what another one has is refused.
            await neighbours.claim_of(tx, list(kept))
        items = await load(tx, noun, list(kept), sparing=True)
    return [
        Lease(
            noun,
            row_id,
            tokens[row_id],
            items[row_id],
            ttl,
            kept[row_id]["attempts"],
            now,
            taken_from=kept[row_id]["lease_holder"] or "",
        )
        for row_id in kept
        if row_id in items
    ]


async def _quarantine(tx: Tx, noun: Noun, takes: Mapping[str, int], now: datetime) -> set[str]:
    """Leaves rows alone that ended their process, also when a hint made them due; answers which. One whose time is over
    is tried once more: with one more death, one more take, it begins anew."""
    table = TABLES[noun]
    items = await load(tx, noun, list(takes), sparing=True)
    left_alone = set()
    for row_id, count in takes.items():
        lease = Lease(noun, row_id, "", items[row_id], 0, 0, now)
        state = lease.item_state
        stalled = state.condition(ConditionType.STALLED)
        known = stalled is not None and stalled.reason is Reason.QUARANTINED and count == MOST_TAKES
        since = stalled.last_transition if stalled is not None and known else now
        until = since + timedelta(seconds=QUARANTINED_FOR)
        if until <= now:
            continue
        left_alone.add(row_id)
        said = say(Note.ENDED_PROCESS, n=MOST_TAKES)
        await tx.run(
            update(table)
            .where(table.c.id == row_id)
            .values(
                conditions=conditions_json(quarantined(said, state.generation, since)),
                observed_generation=state.generation,
                next_run_at=until,
                takes=MOST_TAKES,
                lease_token=None,
                lease_until=None,
                lease_holder=None,
            )
        )
        if known:
            continue
        name, line, app = _named(lease)
        events.append(
            tx, now, events.MCD, EventKind.STALLED, said, noun=noun, name=name, product_line=line, app=app,
            data={"reason": Reason.QUARANTINED.value},
        )  # fmt: skip
    return left_alone


def _named(lease: Lease) -> tuple[str, str | None, str | None]:
    """Name for Events, product line, App."""
    subject = lease.subject
    if isinstance(subject, Release | Rollout):
        return event_name(subject.app, subject.number), lease.item.line.name, subject.app  # type: ignore[union-attr]
    return subject.name, subject.name if isinstance(subject, ProductLine) else None, None


async def next_due(tx: Tx, now: datetime) -> datetime | None:
    """When the next row will be due, of any noun; `now` when one is; None when there is nothing to wait for."""
    found = [row["first"] for question in _NEXT.values() for row in await tx.ask(question, now=now)]
    first = min((at for at in found if at is not None), default=None)
    return None if first is None else max(first, now)


def _next(noun: Noun) -> Select[Any]:
    table = TABLES[noun]
    condition: ColumnElement[bool] = table.c.next_run_at.is_not(None)
    if noun is Noun.ROLLOUT:
        # One that waits for the pass of the Rollout before it is told by that pass's record.
        condition = and_(condition, t.rollout.c.live, ~busy_app(NOW))
    # A row under lease is due again when its lease ends, whatever was wished meanwhile.
    when = case(
        (and_(table.c.lease_until > NOW, table.c.lease_until > table.c.next_run_at), table.c.lease_until),
        else_=table.c.next_run_at,
    )
    return select(func.min(when).label("first")).where(condition)


_NEXT = {noun: Question(_next(noun)) for noun in TABLES}


# --- while it is held -----------------------------------------------------------------------------------------------


def _held(lease: Lease) -> ColumnElement[bool]:
    table = TABLES[lease.noun]
    mine = and_(table.c.id == lease.row_id, table.c.lease_token == lease.token)
    return and_(mine, t.rollout.c.live) if lease.noun is Noun.ROLLOUT else mine


async def extend(tx: Tx, lease: Lease, now: datetime, ttl: float) -> bool:
    """Holds it for `ttl` seconds from now. False: it ran out, somebody else has it, or it was superseded."""
    table = TABLES[lease.noun]
    until = now + timedelta(seconds=ttl)
    untouched = table.c.next_run_at >= table.c.lease_until
    return bool(
        await tx.run(
            update(table)
            .where(_held(lease), table.c.lease_until > now)
            .values(lease_until=until, next_run_at=case((untouched, until), else_=table.c.next_run_at))
        )
    )


async def intend(tx: Tx, lease: Lease, refs: Iterable[Ref], observed: RolloutObserved | None = None) -> bool:
    """Puts the references into the inventory before they are created, and notes what the Rollout is about to make
    true. False: the lease is lost, nothing was written. Raises McdError conflict when an object is in the inventory of
    somebody else."""
    if not await tx.ask(_MINE[lease.noun], row=lease.row_id, token=lease.token):
        return False
    owner, owner_id, cluster_id = owner_of(lease)
    unborn = {"uid": "", "applied": "", "owner": owner.value, "owner_id": owner_id, "cluster_id": cluster_id}
    rows = [{**ref_json(ref), **unborn} for ref in refs]
    if rows:
        await tx.told(_UNBORN, *rows)
    if lease.noun is Noun.ROLLOUT:
        began = {"row": lease.row_id, "now": lease.taken_at}
        if observed is None:
            await tx.told(_BEGAN, began)
        else:
            saw = {"saw_commits": dict(observed.commits), "saw_digests": dict(observed.digests)}
            await tx.told(_BEGAN_WITH, {**began, **saw})
    return True


_MINE = {
    noun: Question(
        select(table.c.id)
        .where(
            table.c.id == bindparam("row"),
            table.c.lease_token == bindparam("token"),
            *([t.LIVE] if noun is Noun.ROLLOUT else []),
        )
        .with_for_update()
    )
    for noun, table in TABLES.items()
}


def _unborn(into: Any) -> Any:
    """An entry without a UID, also where there is one of an object that is gone: what is made now has another."""
    made = into(t.inventory).values({column.name: bindparam(column.name) for column in t.inventory.c})
    return made.on_conflict_do_update(
        index_elements=["owner_id", "api_version", "kind", "namespace", "name"],
        set_={"uid": made.excluded.uid, "applied": made.excluded.applied},
    )


_UNBORN = Command(_unborn)
_BEGINNING = update(t.rollout).where(t.rollout.c.id == bindparam("row"))
_SINCE = {"began_at": func.coalesce(t.rollout.c.began_at, bindparam("now", type_=t.rollout.c.began_at.type))}
_BEGAN = Command(_BEGINNING.values(_SINCE))
_BEGAN_WITH = Command(
    _BEGINNING.values({**_SINCE, "commits": bindparam("saw_commits"), "digests": bindparam("saw_digests")})
)


async def outlived(tx: Tx, lease: Lease) -> None:
    """The lease was lost and the process lives: it was slow, or the machine was, and the row has ended nothing."""
    table = TABLES[lease.noun]
    await tx.run(update(table).where(table.c.id == lease.row_id, table.c.takes > 0).values(takes=table.c.takes - 1))


async def give_back(tx: Tx, lease: Lease) -> None:
    """Ends the lease as if it had not been taken: the row is due at once, for anybody. For a process that stops."""
    table = TABLES[lease.noun]
    row: Row | None = await tx.row(
        select(table).where(table.c.id == lease.row_id, table.c.lease_token == lease.token).with_for_update()
    )
    if row is None:
        return
    superseded = lease.noun is Noun.ROLLOUT and not row["live"]
    await tx.run(
        update(table)
        .where(table.c.id == lease.row_id)
        .values(
            next_run_at=None if superseded else lease.taken_at,
            takes=max(row["takes"] - 1, 0),
            attempts=max(row["attempts"] - 1, 0),
            lease_token=None,
            lease_until=None,
            lease_holder=None,
        )
    )
    tx.wished = True


async def free_held(tx: Tx, holder: str, now: datetime) -> int:
    """Ends the leases that a process of this name held before it died, so that its successor need not wait for them to
    run out. Only for a name that no other living process bears. The takes stay counted: it died with them."""
    freed = 0
    for noun, table in TABLES.items():
        live: ColumnElement[bool] = t.rollout.c.live if noun is Noun.ROLLOUT else table.c.id.is_not(None)
        freed += await tx.run(
            update(table)
            .where(table.c.lease_holder == holder, table.c.lease_token.is_not(None))
            .values(lease_token=None, lease_until=None, lease_holder=None, next_run_at=case((live, now), else_=None))
        )
    tx.wished = tx.wished or freed > 0
    return freed


# --- hints and logs -------------------------------------------------------------------------------------------------


async def wake(
    tx: Tx, noun: Noun, names: Collection[str], now: datetime, *, skip_locked: bool = False
) -> int:  # fmt: skip
    """Makes rows due now: live Rollouts and Releases by the name of their App, product lines and clusters by their own.
    A hint only: names that are unknown, or not ours to know, are passed over, and with `skip_locked` rows that somebody
    holds. Answers how many rows will be looked at sooner."""
    table = TABLES[noun]
    if noun in (Noun.ROLLOUT, Noun.RELEASE):
        apps = select(t.app.c.id).where(t.app.c.name.in_(sorted(names)), t.app.c.gone_at.is_(None))
        condition: ColumnElement[bool] = table.c.app_id.in_(apps)
        if noun is Noun.ROLLOUT:
            condition = condition & t.rollout.c.live
        else:
            condition = condition & t.release.c.next_run_at.is_not(None)
    else:
        condition = table.c.name.in_(sorted(names)) & table.c.gone_at.is_(None)
    return await hint(tx, now, table, condition, skip_locked=skip_locked)


async def append_build_log(tx: Tx, release_id: str, lines: Sequence[str]) -> None:
    """Adds lines to a Release's log. Over 20,000 lines the rest is dropped, and the log says so."""
    table = t.build_log
    last = await tx.value(select(func.max(table.c.line)).where(table.c.release_id == release_id)) or 0
    if last >= LOG_LINES:
        return
    kept = [line[:LOG_LINE] for line in lines[: LOG_LINES - last]]
    if last + len(lines) > LOG_LINES:
        kept[-1] = f"… the log is longer than {LOG_LINES} lines; the rest is not kept"
    await tx.run(
        insert(table), [{"release_id": release_id, "line": last + 1 + i, "text": text} for i, text in enumerate(kept)]
    )
