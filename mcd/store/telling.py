"""Which Events a recorded pass is worth: what was done to objects, what the reconciler noted, how the state turned.

A pass that found nothing new tells nothing, however often it runs. It writes no rows but Events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from mcd.model import (
    REPEATING,
    Action,
    Actor,
    Change,
    ConditionType,
    EventKind,
    Noun,
    ProductLine,
    Ready,
    Reason,
    Release,
    Result,
    Rollout,
    Stalled,
    Waiting,
)
from mcd.model.why import Note, say, told
from mcd.objects import Ref
from mcd.store import events
from mcd.store import tables as t
from mcd.store.nouns import Row, ref_json
from mcd.store.question import Question
from mcd.store.rolling import event_name
from mcd.store.tx import Tx

if TYPE_CHECKING:
    from mcd.store.leases import Lease

_WRITTEN = (Action.CREATED, Action.CONFIGURED, Action.DELETED)
_COUNTED = {
    Action.CREATED: Note.COUNT_CREATED,
    Action.CONFIGURED: Note.COUNT_CONFIGURED,
    Action.DELETED: Note.COUNT_DELETED,
}
_NAMED = 5
"""Objects that a message names; all are in its data."""
_LOOKED_THROUGH = 100
"""Events of one thing among which it is looked for whether something was told."""


def as_person(name: str) -> Actor:
    """Who is named in an Event for what a person's push leads to later."""
    return Actor(person="", name=name, via="controller")


def was_ready(row: Row) -> bool:
    return any(c["type"] == ConditionType.READY.value and c["status"] for c in row["conditions"])


async def tell(tx: Tx, now: datetime, lease: Lease, row: Row, result: Result) -> None:
    """Appends the Events of a pass. `row` is the row as it was before the record."""
    teller = _Teller(tx, now, lease)
    _tell_changes(teller, row, result.changes, result.told_lately)
    for note in result.events:
        teller.say(note.kind, note.message, note.data, note.ago)
    noted = {note.kind for note in result.events}
    if lease.noun is Noun.ROLLOUT and not row["live"]:
        return
    await _tell_turn(teller, row, result, noted)


class _Teller:
    def __init__(self, tx: Tx, now: datetime, lease: Lease) -> None:
        self.tx, self.now, self.noun = tx, now, lease.noun
        subject = lease.subject
        self.app: str | None = None
        if isinstance(subject, Release | Rollout):
            self.app, self.name = subject.app, event_name(subject.app, subject.number)
            self.line: str | None = lease.item.line.name  # type: ignore[union-attr]
        else:
            self.name = subject.name
            self.line = subject.name if isinstance(subject, ProductLine) else None

    def say(self, kind: EventKind, message: str, data: Mapping[str, Any] | None = None, ago: float = 0.0) -> None:
        events.append(
            self.tx, self.now - timedelta(seconds=ago), events.MCD, kind, message,
            noun=self.noun, name=self.name, product_line=self.line, app=self.app, data=data,
        )  # fmt: skip

    async def say_once(self, row: Row, kind: EventKind, reason: Reason, message: str) -> None:
        """What a pod says with every try is told when it begins. It begins anew only after a READY was told: conditions
        alone forget it, when causes take turns."""
        if reason in REPEATING:
            for told in await self._since_ready(row):
                begun = told["kind"] == kind.value and told["data"].get("reason") == reason.value
                if begun and _about(told["message"]) == _about(message):
                    return
        self.say(kind, message, {"reason": reason.value})

    async def is_news(self, row: Row) -> bool:
        """Whether people wait for the word that it is ready: they were never told, or told of something else since.
        Pods that are replaced, as after a heal, are no trouble, and their end is none."""
        return not await self._ready_at(row) or bool(await self._since_ready(row))

    async def _ready_at(self, row: Row) -> int:
        """The sequence of the last READY; 0: there was none. Not of an older thing of this name."""
        found = await self.tx.ask_one(_READY_AT, noun=self.noun.value, name=self.name, since=row["created_at"])
        assert found is not None
        return int(found["sequence"] or 0)

    async def _since_ready(self, row: Row) -> Sequence[Row]:
        """The turns that were told since the last READY, newest first."""
        after = await self._ready_at(row)
        return await self.tx.ask(
            _TURNS, noun=self.noun.value, name=self.name, since=row["created_at"], after=after
        )  # fmt: skip


_MINE = (
    t.event.c.noun == bindparam("noun"), t.event.c.name == bindparam("name"), t.event.c.at >= bindparam("since"),
)  # fmt: skip
_READY_AT = Question(
    select(func.max(t.event.c.sequence).label("sequence")).where(*_MINE, t.event.c.kind == EventKind.READY.value)
)
_TURNS = Question(
    select(t.event.c.kind, t.event.c.message, t.event.c.data)
    .where(*_MINE, (t.event.c.kind == EventKind.STALLED.value) | (t.event.c.kind == EventKind.PROGRESS.value))
    .where(t.event.c.sequence > bindparam("after"))
    .order_by(t.event.c.sequence.desc())
    .limit(_LOOKED_THROUGH)
)


def _tell_changes(teller: _Teller, row: Row, changes: Iterable[Change], told_lately: Collection[Ref]) -> None:
    written = [c for c in changes if c.action in _WRITTEN and not c.healed_from]
    if written:
        counts = {action: sum(c.action is action for c in written) for action in _WRITTEN}
        counted = tuple(told(_COUNTED[action], n=count) for action, count in counts.items() if count)
        first = ", ".join(str(c.ref) for c in written[:_NAMED]) + (", …" if len(written) > _NAMED else "")
        data = {"changes": [_change(c) for c in written]}
        teller.say(EventKind.APPLIED, say(Note.OBJECTS_WRITTEN, counts=counted, objects=first), data)
    for change in changes:
        if change.healed_from and change.ref not in told_lately:
            said = say(Note.OBJECT_HEALED, object=str(change.ref), manager=change.healed_from, detail=change.detail)
            teller.say(EventKind.HEALED, said, {**_change(change), "manager": change.healed_from})
    held_before = {(_key(c["ref"]), c["detail"]) for c in row.get("changes", ()) if c["action"] == Action.HELD.value}
    for change in changes:
        if change.action is Action.HELD and (_key(ref_json(change.ref)), change.detail) not in held_before:
            said = say(Note.OBJECT_HELD, object=str(change.ref), detail=change.detail)
            teller.say(EventKind.HELD, said, _change(change))


def _change(change: Change) -> dict[str, Any]:
    return {"object": ref_json(change.ref), "action": change.action.value, "detail": change.detail}


def _key(ref: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(ref[word] for word in ("api_version", "kind", "namespace", "name"))


async def _tell_turn(teller: _Teller, row: Row, result: Result, noted: set[EventKind]) -> None:
    """The state turned: it became ready, it stalled, it waits for something else than before."""
    of_release = teller.noun is Noun.RELEASE
    before = {c["type"]: c for c in row["conditions"]}
    match result.outcome:
        case Ready(message):
            if was_ready(row) or result.gone:
                return
            if of_release or row["generation"] != row["observed_generation"] or await teller.is_news(row):
                teller.say(EventKind.RELEASE_READY if of_release else EventKind.READY, message or say(Note.IS_READY))
        case Stalled(reason, message):
            kind = EventKind.RELEASE_FAILED if of_release else EventKind.STALLED
            if kind not in noted and not _same(before.get(ConditionType.STALLED.value), reason, message):
                await teller.say_once(row, kind, reason, message)
        case Waiting(reason, message):
            pods_change = reason is Reason.PROGRESSING and row.get("ready_at") is not None
            said_before = _same(before.get(ConditionType.RECONCILING.value), reason, message)
            if not said_before and not pods_change and reason is not Reason.RETRYING:
                await teller.say_once(row, EventKind.PROGRESS, reason, message)


def _same(old: Mapping[str, Any] | None, reason: Reason, message: str) -> bool:
    """Whether a condition said this already."""
    return bool(old and old["status"] and (old["reason"], old["message"]) == (reason.value, message))


def _about(message: str) -> str:
    """The component that a message begins with."""
    return message.partition(":")[0]
