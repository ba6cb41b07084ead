"""Decides what an App's or a ProductLine's pass would write: which objects to apply, which to delete, which to leave.

Pure: inventory, desired objects and live objects in, a Plan out; two plans from the same facts are equal. Never calls a
cluster and never guesses: what is unknown is an error, what is not ours is held, what holds data stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from mcd.errors import Code, McdError, echo
from mcd.kube.clashing import in_the_way
from mcd.kube.cluster import FIELD_MANAGER
from mcd.kube.fields import Difference, Managed, applied_tree, compare, managed, node_at
from mcd.kube.lasting import cannot_become
from mcd.kube.secret import as_applied
from mcd.kube.serving import away
from mcd.model import Action, Change, InventoryEntry, Plan, Planned, Reason, Serves
from mcd.model.why import Note, say
from mcd.objects import (
    HASH,
    KEPT,
    MANAGED_BY,
    OWNER,
    ROLLOUT,
    Object,
    Ref,
    canonical,
    content_hash,
    in_apply_order,
    kind_rank,
    ref_of,
)

BRAKE = 0.2
"""Share of an App's objects that a pass may delete unasked; one object is always allowed. Counted are those that it has
and those that it gets: the same before and after the new ones are made, or what was held would go at the next look."""
ALWAYS_BRAKED = frozenset({"Namespace"}) | KEPT
"""Kinds whose delete a person confirms, however few they are."""
_SCALED = frozenset({"Deployment", "StatefulSet"})
WORDS = 500
"""Characters of what is told of the fields of an object."""
FIGHT_COUNT = 3
FIGHT_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a decision about one object depends on beside the object: see `plan`."""

    owner: str
    take_over: bool
    yielded: frozenset[Ref] = field(default_factory=frozenset)


def stamped(obj: Object, owner: str) -> Object:
    """The object as it is sent: with the annotations that say which MCD made it and the hash of what was sent."""
    meta = obj["metadata"]
    annotations = {**(meta.get("annotations") or {}), OWNER: owner}
    annotations.pop(HASH, None)
    marked = {**obj, "metadata": {**meta, "annotations": annotations}}
    annotations[HASH] = content_hash(marked)
    return marked


def _as_scaled(obj: Object, live: Object | None) -> Object:
    """A workload that a scaler is to have, with the number of pods that it has now, as long as that is the one that we
    set: a field that we take out of what we apply is 1 at once. After the scaler's first word it is his alone. None is
    one here: a scaler leaves a workload alone that somebody has stopped."""
    if live is None or obj["kind"] not in _SCALED or "replicas" in obj["spec"]:
        return obj
    if node_at(applied_tree(live, FIELD_MANAGER), ("f:spec", "f:replicas")) is None:
        return obj
    return {**obj, "spec": {**obj["spec"], "replicas": live["spec"].get("replicas") or 1}}


def applied_hash(obj: Mapping[str, Any]) -> str:
    """The hash annotation of an object, or an empty text."""
    return str((obj["metadata"].get("annotations") or {}).get(HASH, ""))


def uid_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("uid", ""))


def differences(desired: Object, live: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What applying `desired` (stamped) would change. While the live object carries the same hash, a value that the API
    server still counts as ours is what it made of the same request before, so sending it again changes nothing."""
    found = compare(desired, as_applied(live), applied_tree(live, FIELD_MANAGER))
    if applied_hash(desired) and applied_hash(desired) == applied_hash(live):
        return tuple(d for d in found if not d.owned)
    return found


def owned_by(live: Mapping[str, Any]) -> str:
    """The manager, other than MCD, that changed an object last; empty when there is none."""
    latest = max(_others(live), key=lambda m: m.time, default=None)
    return latest.manager if latest is not None else ""


def is_ours(entry: InventoryEntry | None, live: Mapping[str, Any], owner: str) -> bool:
    """Whether a live object is the one that the inventory names: by UID; or, for an entry whose UID a crash lost, by
    our owner annotation and our field manager together."""
    if entry is None or _owner(live) not in ("", owner):
        return False
    if entry.uid:
        return entry.uid == uid_of(live)
    return _owner(live) == owner and applied_tree(live, FIELD_MANAGER) is not None


def _owner(live: Mapping[str, Any]) -> str:
    return str((live["metadata"].get("annotations") or {}).get(OWNER, ""))


def delete_digest(entries: Iterable[InventoryEntry]) -> str:
    """Names one exact list of deletes: changes when any object, or any UID, of it changes."""
    rows = sorted([e.ref.api_version, e.ref.kind, e.ref.namespace, e.ref.name, e.uid] for e in entries)
    return hashlib.sha256(canonical(rows)).hexdigest()[:32]


def fighting(heals: Iterable[tuple[datetime, Ref]], now: datetime) -> frozenset[Ref]:
    """The objects whose fields were taken back `FIGHT_COUNT` times within `FIGHT_WINDOW`: they are left alone now."""
    recent: dict[Ref, int] = {}
    for at, ref in heals:
        if now - FIGHT_WINDOW <= at <= now:
            recent[ref] = recent.get(ref, 0) + 1
    return frozenset(ref for ref, count in recent.items() if count >= FIGHT_COUNT)


def plan(
    desired: Sequence[Object],
    inventory: Sequence[InventoryEntry],
    live: Mapping[Ref, Object | None],
    *,
    owner: str,
    take_over: bool = False,
    confirmed: str = "",
    wished_deletes: Collection[Ref] = (),
    yielded: Collection[Ref] = (),
    serves: Serves | None = None,
) -> Plan:
    """What a pass would do.

    `live` has every reference of `desired` and `inventory`, None for what the API server says does not exist; a missing
    reference is McdError(internal). `confirmed` is the digest that a person confirmed;
    `wished_deletes` what the pushed commit named; `yielded` the objects of a field fight (`fighting`). With `serves`
    what is missing from `desired` only because the cluster does not serve a kind now is held, whoever wished its
    delete, and need not be in `live`.
    """
    terms = Terms(owner, take_over, frozenset(yielded))
    entries = {e.ref: e for e in inventory}
    wanted = in_apply_order([stamped(_as_scaled(obj, live.get(ref_of(obj))), owner) for obj in desired])
    refs = {ref_of(obj) for obj in wanted}
    kept = away(inventory, refs, serves) if serves is not None else {}
    missing = [r for r in (*refs, *entries) if r not in live and r not in kept]
    if missing or len(refs) != len(wanted):
        what = f"{missing[0]} was not looked up" if missing else "an object is wanted twice"
        raise McdError(Code.INTERNAL, f"cannot plan: {what}.", "Nothing was changed.")
    around = _Around(live, inventory, entries, kept, terms)
    fates = [_fate(obj, around) for obj in wanted]
    found = tuple(fate for fate, _ in fates if isinstance(fate, InventoryEntry))
    held = [Change(ref, Action.HELD, words) for ref, words in sorted(kept.items())]
    held += [fate for fate, _ in fates if isinstance(fate, Change)]
    blocked = next((fate for fate, blocks in fates if blocks and isinstance(fate, Change)), None)
    stale = sorted(
        (e for e in inventory if e.ref not in refs and e.ref not in kept), key=lambda e: (-kind_rank(e.ref.kind), e.ref)
    )
    prune, digest = _prune(stale, live, owner), ""
    if blocked is not None:
        prune = _held_back(prune, f"is no longer wanted, but stays while {blocked.ref} is held.", blocked.reason)
    else:
        prune, digest = _braked(prune, wished_deletes, len(refs | entries.keys()), confirmed)
    return Plan(
        apply=tuple(fate for fate, _ in fates if isinstance(fate, Planned)),
        delete=prune.delete,
        held=(*held, *prune.held),
        unchanged=tuple(entry.ref for entry in found),
        kept=prune.kept,
        gone=prune.gone,
        found=found,
        prune_digest=digest,
    )


@dataclass(frozen=True, slots=True)
class _Around:
    """What the fate of one object depends on besides itself."""

    live: Mapping[Ref, Object | None]
    inventory: Sequence[InventoryEntry]
    entries: Mapping[Ref, InventoryEntry]
    kept: Mapping[Ref, str]
    terms: Terms


def _fate(wanted: Object, around: _Around) -> tuple[InventoryEntry | Change | Planned, bool]:
    """What becomes of a wanted object, and whether nothing may be deleted because of that."""
    ref = ref_of(wanted)
    verdict = decide(wanted, around.entries.get(ref), around.live[ref], around.terms)
    if not isinstance(verdict, Change):
        return verdict, False
    if verdict.reason is Reason.NOT_OURS and (made := _maker(wanted, around.live, around.inventory)):
        # There is room for it as soon as that has gone.
        return Change(ref, Action.HELD, f"it goes with {made}, which made it.", reason=Reason.DELETING), False
    if maker := _kept_maker(wanted, around.live, around.kept):
        return Change(ref, Action.HELD, f"it is of {maker}, which is kept."), False
    return verdict, verdict.reason in (Reason.NOT_OURS, Reason.DELETING)


def _maker(wanted: Object, live: Mapping[Ref, Object | None], inventory: Sequence[InventoryEntry]) -> Ref | None:
    """The ScaledObject of ours that goes and whose own autoscaler has the name of the one that comes: KEDA deletes it
    with its ScaledObject, and only then is there room."""
    there = live[ref_of(wanted)]
    if wanted["kind"] != "HorizontalPodAutoscaler" or there is None:
        return None
    makers = {str(owner.get("uid")) for owner in there["metadata"].get("ownerReferences") or ()}
    mine = (entry for entry in inventory if entry.ref.kind == "ScaledObject")
    return next((e.ref for e in mine if (obj := live.get(e.ref)) is not None and uid_of(obj) in makers), None)


def _kept_maker(wanted: Object, live: Mapping[Ref, Object | None], kept: Collection[Ref]) -> Ref | None:
    """The ScaledObject that is kept while its kind is away, and whose own autoscaler has the name of the one that is
    wanted instead."""
    there = live[ref_of(wanted)]
    if wanted["kind"] != "HorizontalPodAutoscaler" or there is None:
        return None
    owners = there["metadata"].get("ownerReferences") or ()
    makers = {owner.get("name") for owner in owners if owner.get("kind") == "ScaledObject"}
    return next((ref for ref in sorted(kept) if ref.kind == "ScaledObject" and ref.name in makers), None)


def decide(
    desired: Object, entry: InventoryEntry | None, live: Object | None, terms: Terms
) -> Planned | Change | InventoryEntry:
    """What to do about one desired (stamped) object: write it, hold it, or leave it as it is (answers its entry)."""
    ref = ref_of(desired)
    if live is None:
        was = "was deleted by somebody" if entry is not None and entry.uid else ""
        return Planned(desired, None, force=False, detail=was)
    if live["metadata"].get("deletionTimestamp"):
        return Change(ref, Action.HELD, being_deleted(live), reason=Reason.DELETING)
    ours = is_ours(entry, live, terms.owner)
    if not ours and (not terms.take_over or _owner(live) not in ("", terms.owner)):
        words = not_ours(live, terms.owner, replaced=bool(entry and entry.uid))
        return Change(ref, Action.HELD, words, reason=Reason.NOT_OURS)
    found = differences(desired, live)
    if not ours:
        words = f'taken over from "{owned_by(live) or "nobody"}": {_listed(found)}'
        return Planned(desired, live, force=True, detail=words)
    if not found:
        return InventoryEntry(ref, uid_of(live), applied_hash(desired))
    return _change(desired, live, found, terms)


def _change(desired: Object, live: Object, found: Sequence[Difference], terms: Terms) -> Planned | Change:
    """A write onto an object of ours, or the fight that stands against it."""
    same_wish = applied_hash(desired) == applied_hash(live)
    holders = {d: _holder(live, d) for d in found}
    edited = [d for d in found if not d.owned and (same_wish or holders[d])]
    healed = ", ".join(sorted({holders[d] or owned_by(live) or "somebody" for d in edited}))
    detail = _listed(found)
    ref = ref_of(desired)
    if healed and ref in terms.yielded:
        return Change(ref, Action.HELD, _fight(healed, detail), reason=Reason.FIELD_FIGHT)
    if words := cannot_become(desired, live):
        return Change(ref, Action.HELD, words, reason=Reason.IMMUTABLE_FIELD)
    if words := in_the_way(desired, live):
        return Change(ref, Action.HELD, words, reason=Reason.REFUSED_BY_CLUSTER)
    return Planned(desired, live, any(holders.values()), healed, detail)


def _holder(live: Mapping[str, Any], difference: Difference) -> str:
    """The other manager that owns a field now, or an empty text."""
    for entry in _others(live):
        if node_at(entry.tree, difference.path) is not None:
            return entry.manager
    return ""


def _others(live: Mapping[str, Any]) -> list[Managed]:
    return [m for m in managed(live) if (m.manager, m.operation) != (FIELD_MANAGER, "Apply") and not m.subresource]


def _listed(found: Sequence[Difference]) -> str:
    words = [str(d) for d in found]
    # The hash differs whenever anything does; it is worth telling only when it is all there is.
    marks = (f"[{HASH}]", f"[{ROLLOUT}]")
    told = [w for w in words if not w.endswith(marks)] or (["fields taken away"] if words else [])
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")


def not_ours(live: Mapping[str, Any], owner: str, *, replaced: bool = False) -> str:
    """The sentence for an object with our name that is somebody else's."""
    if _owner(live) not in ("", owner):
        return say(Note.HELD_OTHER_MCD, owner=echo(_owner(live)))
    manager = owned_by(live) or FIELD_MANAGER
    if manager == FIELD_MANAGER and owner and _owner(live) == owner:
        return say(Note.HELD_OLDER)
    return say(Note.HELD_MADE_AGAIN if replaced else Note.HELD_FOREIGN, manager=echo(manager))


def being_deleted(live: Mapping[str, Any]) -> str:
    """The sentence for an object that has a deletionTimestamp."""
    meta = live["metadata"]
    waits = ", ".join(meta.get("finalizers") or ())
    words = f"it is being deleted since {meta.get('deletionTimestamp')}"
    return f"{words} and waits for {waits}." if waits else f"{words}."


def _fight(manager: str, detail: str) -> str:
    return say(Note.HELD_FIGHT, manager=echo(manager), ours=FIELD_MANAGER, fields=echo(detail, WORDS))


# --- what goes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Prune:
    delete: tuple[InventoryEntry, ...] = ()
    kept: tuple[InventoryEntry, ...] = ()
    gone: tuple[InventoryEntry, ...] = ()
    held: tuple[Change, ...] = ()


def _prune(stale: Sequence[InventoryEntry], live: Mapping[Ref, Object | None], owner: str) -> _Prune:
    delete, kept, gone, held = [], [], [], []
    for entry in stale:
        now = live[entry.ref]
        if now is None or not is_ours(entry, now, owner):
            # Gone, made again by hand under the same name, or never ours: an entry of which the answer was lost.
            gone.append(entry)
        elif entry.ref.kind in KEPT:
            kept.append(entry)
        elif now["metadata"].get("deletionTimestamp"):
            held.append(Change(entry.ref, Action.HELD, being_deleted(now), reason=Reason.DELETING))
        elif let_go(now):
            gone.append(entry)
        else:
            delete.append(replace(entry, uid=uid_of(now)))
    return _Prune(tuple(delete), tuple(kept), tuple(gone), tuple(held))


def let_go(live: Mapping[str, Any]) -> bool:
    """Somebody took both our label and our annotation off: a way to say that MCD must not touch it any more."""
    return not _owner(live) and (live["metadata"].get("labels") or {}).get(MANAGED_BY) != "mcd"


def _braked(prune: _Prune, wished: Collection[Ref], size: int, confirmed: str) -> tuple[_Prune, str]:
    """What may go without being asked for, and the digest that a person has to confirm for the rest; "": nothing has to
    be. `size` is of the inventory and what is wanted together."""
    unasked = [e for e in prune.delete if e.ref not in wished]
    if len(unasked) <= max(1.0, BRAKE * size) and not any(e.ref.kind in ALWAYS_BRAKED for e in unasked):
        return prune, ""
    digest = delete_digest(prune.delete)
    if digest == confirmed:
        return prune, ""
    count = len(prune.delete)
    words = f"would be deleted: {count} of {size} objects at once are deleted only when a person confirms it."
    return _held_back(prune, words, Reason.PRUNE_NEEDS_CONFIRMATION), digest


def _held_back(prune: _Prune, words: str, reason: Reason | None) -> _Prune:
    """Nothing of it is deleted."""
    held = (Change(e.ref, Action.HELD, words, reason=reason) for e in prune.delete)
    return replace(prune, delete=(), held=(*prune.held, *held))
