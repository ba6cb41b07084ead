"""Which Events a recorded pass is worth: what was done to objects, what the reconciler noted, how the state turned.

A pass that found nothing new tells nothing, however often it runs. It writes no rows but Events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcd.model import (
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
from mcd.objects import Ref
from mcd.store import events
from mcd.store.nouns import Row, ref_json
from mcd.store.rolling import event_name
from mcd.store.tx import Tx

if TYPE_CHECKING:
    from mcd.store.leases import Lease

_WRITTEN = (Action.CREATED, Action.CONFIGURED, Action.DELETED)
_NAMED = 5
"""Objects that a message names; all are in its data."""


def as_person(name: str) -> Actor:
    """Who is named in an Event for what a person's push leads to later."""
    return Actor(person="", name=name, via="controller")


def was_ready(row: Row) -> bool:
    return any(c["type"] == ConditionType.READY.value and c["status"] for c in row["conditions"])


def tell(tx: Tx, now: datetime, lease: Lease, row: Row, result: Result) -> None:
    """Appends the Events of a pass. `row` is the row as it was before the record."""
    teller = _Teller(tx, now, lease)
    _tell_changes(teller, row, result.changes, result.told_lately)
    for note in result.events:
        teller.say(note.kind, note.message, note.data)
    noted = {note.kind for note in result.events}
    if lease.noun is Noun.ROLLOUT and not row["live"]:
        return
    _tell_turn(teller, row, result, noted)


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

    def say(self, kind: EventKind, message: str, data: Mapping[str, Any] | None = None) -> None:
        events.append(
            self.tx, self.now, events.MCD, kind, message,
            noun=self.noun, name=self.name, product_line=self.line, app=self.app, data=data,
        )  # fmt: skip


def _tell_changes(teller: _Teller, row: Row, changes: Iterable[Change], told_lately: Collection[Ref]) -> None:
    written = [c for c in changes if c.action in _WRITTEN and not c.healed_from]
    if written:
        counts = {action: sum(c.action is action for c in written) for action in _WRITTEN}
        said = ", ".join(f"{count} {action.value}" for action, count in counts.items() if count)
        first = ", ".join(str(c.ref) for c in written[:_NAMED]) + (", …" if len(written) > _NAMED else "")
        data = {"changes": [_change(c) for c in written]}
        teller.say(EventKind.APPLIED, f"{said}: {first}.", data)
    for change in changes:
        if change.healed_from and change.ref not in told_lately:
            said = f"{change.ref} was changed by {change.healed_from} and is put back: {change.detail}"
            teller.say(EventKind.HEALED, said, {**_change(change), "manager": change.healed_from})
    held_before = {(_key(c["ref"]), c["detail"]) for c in row.get("changes", ()) if c["action"] == Action.HELD.value}
    for change in changes:
        if change.action is Action.HELD and (_key(ref_json(change.ref)), change.detail) not in held_before:
            teller.say(EventKind.HELD, f"{change.ref}: held: {change.detail}", _change(change))


def _change(change: Change) -> dict[str, Any]:
    return {"object": ref_json(change.ref), "action": change.action.value, "detail": change.detail}


def _key(ref: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(ref[word] for word in ("api_version", "kind", "namespace", "name"))


def _tell_turn(teller: _Teller, row: Row, result: Result, noted: set[EventKind]) -> None:
    """The state turned: it became ready, it stalled, it waits for something else than before."""
    of_release = teller.noun is Noun.RELEASE
    before = {c["type"]: c for c in row["conditions"]}
    match result.outcome:
        case Ready(message):
            if not was_ready(row) and not result.gone:
                teller.say(EventKind.RELEASE_READY if of_release else EventKind.READY, message or "is ready")
        case Stalled(reason, message):
            kind = EventKind.RELEASE_FAILED if of_release else EventKind.STALLED
            old = before.get(ConditionType.STALLED.value, {})
            said_before = old.get("status") and (old["reason"], old["message"]) == (reason.value, message)
            if not said_before and kind not in noted:
                teller.say(kind, message, {"reason": reason.value})
        case Waiting(reason, message):
            old = before.get(ConditionType.RECONCILING.value, {})
            same = old.get("status") and (old["reason"], old["message"]) == (reason.value, message)
            if not same and reason is not Reason.RETRYING:
                teller.say(EventKind.PROGRESS, message, {"reason": reason.value})
