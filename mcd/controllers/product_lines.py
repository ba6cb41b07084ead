"""Keeps a ProductLine's namespace true: Namespace, quota, limits, policies, rights, and the secrets of the line.

It writes namespace-wide objects only, never one of an App, and it never deletes a namespace that holds anything of
somebody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mcd.appyaml.live import line_objects
from mcd.errors import McdError
from mcd.kube.apply import Applied, carry_out
from mcd.kube.decision import hold
from mcd.kube.gate import LINE_KINDS, Bounds
from mcd.kube.inventory import FIGHT_COUNT, FIGHT_WINDOW, being_deleted, is_ours, plan
from mcd.kube.live import LiveObjects
from mcd.kube.secret import Values
from mcd.kube.verdict import outcome_of
from mcd.model import (
    Action,
    Change,
    ChangeSet,
    EventKind,
    EventNote,
    Fence,
    Heal,
    Outcome,
    ProductLineItem,
    Ready,
    Reason,
    Result,
    Stalled,
    Waiting,
)
from mcd.model.why import Note, Told, say, told
from mcd.objects import Object, Ref, in_apply_order, ref_of

RETRY = 2.0
API_ROLE = "mcd-line-api"
"""The ClusterRole of what the API may do in a product line."""


async def reconcile(
    item: ProductLineItem,
    live: LiveObjects,
    fence: Fence,
    owner: str,
    now: datetime,
    *,
    values: Values,
    api_account: str = "",
) -> Result:
    """One pass. `values` opens a secret of the product line while its Secret object is written; `api_account` is the
    ServiceAccount of the API where it has one of its own. Raises LeaseLost; KubeError is for the loop to retry."""
    if item.line.state.deleted_at is not None:
        return await _take_away(item, live, fence, owner)
    if not item.cluster.serves.kubernetes:
        return Result(Waiting(Reason.CLUSTER_PENDING, say(Note.CLUSTER_NOT_SEEN, name=item.cluster.name), RETRY / 2))
    try:
        wanted = _with_api(line_objects(item.line, item.cluster, item.pools), api_account)
    except McdError as error:
        words = say(Note.LINE_WRONG, said=str(error), name=item.line.name)
        return Result(Stalled(Reason.INVALID_PRODUCT_LINE, words))
    refs = {ref_of(obj) for obj in wanted} | {entry.ref for entry in item.inventory}
    decided = plan(
        wanted,
        item.inventory,
        # What somebody else made has no label of ours, so no watch shows it: to adopt it is to ask for it.
        await live.get(refs, fresh=refs if item.line.take_over else ()),
        owner=owner,
        take_over=item.line.take_over,
        wished_deletes=[entry.ref for entry in item.inventory if entry.ref.kind != "Namespace"],
    )
    if any(change.ref.kind == "Namespace" and change.reason is Reason.NOT_OURS for change in decided.held):
        # What bounds and isolates a namespace would bound and isolate what somebody else runs in theirs.
        decided = replace(decided, apply=(), delete=())
    applied = await carry_out(
        live.cluster,
        decided,
        fence,
        inventory=item.inventory,
        owner=owner,
        bounds=Bounds(item.line.namespace, LINE_KINDS),
        values=values,
    )
    live.wrote(applied.answers)
    outcome = outcome_of(applied) or Ready(say(Note.LINE_AS_ASKED, name=item.line.namespace))
    return _with_heals(item, _result(item, outcome, applied), now)


def _with_api(wanted: list[Object], account: str) -> list[Object]:
    """And the API's rights beside the controllers': it looks and opens shells, and writes nothing."""
    if not account:
        return wanted
    made = []
    for obj in wanted:
        if obj["kind"] == "RoleBinding" and obj["metadata"]["name"] == "mcd-controller":
            meta = {**obj["metadata"], "name": "mcd-api"}
            subjects = [{**subject, "name": account} for subject in obj["subjects"]]
            made.append(
                {**obj, "metadata": meta, "roleRef": {**obj["roleRef"], "name": API_ROLE}, "subjects": subjects}
            )
    return in_apply_order([*wanted, *made])


def _with_heals(item: ProductLineItem, result: Result, now: datetime) -> Result:
    """What isolates and bounds a namespace is put back always: to yield would let whoever writes often enough switch it
    off. People are told of the first time, and once more when it is a fight; not of each time of a thousand."""
    recent = [heal for heal in item.heals if now - heal.at <= FIGHT_WINDOW]
    counts = Counter(heal.ref for heal in recent)
    healed = [change for change in result.changes if change.healed_from]
    new = [Heal(c.ref, c.detail, c.healed_from, now) for c in healed if counts[c.ref] < FIGHT_COUNT]
    fights = tuple(
        EventNote(
            EventKind.WARNING,
            say(
                Note.LINE_GUARD,
                object=str(c.ref),
                manager=c.healed_from,
                detail=c.detail,
                minutes=FIGHT_WINDOW.seconds // 60,
            ),
            {"reason": Reason.FIELD_FIGHT.value, "manager": c.healed_from},
        )
        for c in healed
        if counts[c.ref] == FIGHT_COUNT - 1
    )
    return replace(
        result,
        events=(*result.events, *fights),
        heals=(*recent, *new) if new or len(recent) != len(item.heals) else None,
        told_lately=frozenset(c.ref for c in healed if counts[c.ref]),
    )


def _result(item: ProductLineItem, outcome: Outcome, applied: Applied) -> Result:
    return Result(
        outcome,
        changes=applied.changes,
        inventory=applied.inventory if applied.inventory != item.inventory else None,
    )


async def _take_away(item: ProductLineItem, live: LiveObjects, fence: Fence, owner: str) -> Result:
    """Deletes our objects, the Namespace last and only when nothing of anybody else is left in it."""
    if item.apps:
        return Result(Waiting(Reason.DELETING, say(Note.LINE_HOLDS_APPS, n=item.apps), RETRY * 5))
    namespace = next((e for e in item.inventory if e.ref.kind == "Namespace"), None)
    there = (await live.get([namespace.ref], fresh=[namespace.ref]))[namespace.ref] if namespace is not None else None
    if namespace is not None and there is None:
        # All that was in it went with it, and so did our right to look for it there.
        return _gone(item, ())
    ours = there is not None and is_ours(namespace, there, owner)
    if there is not None and ours and there["metadata"].get("deletionTimestamp"):
        going = Change(ref_of(there), Action.HELD, being_deleted(there), reason=Reason.DELETING)
        stop = hold([going])
        assert stop is not None
        return Result(stop)
    if namespace is not None and (foreign := await live.foreign(item.line.namespace, {e.ref for e in item.inventory})):
        message = say(Note.LINE_HOLDS_OTHERS, what=_listed(foreign), namespace=item.line.namespace)
        # Nobody watches what is not ours: it is looked at again, so that it goes on when the person has made room.
        return Result(Waiting(Reason.NAMESPACE_NOT_EMPTY, message, RETRY * 5))
    # What lets us in goes with the Namespace, never before it: who is stopped in between must still get in.
    chosen = [entry for entry in item.inventory if not (ours and entry.ref.kind == "RoleBinding")]
    wished = [entry.ref for entry in chosen]
    decided = plan((), chosen, await live.get(wished), owner=owner, wished_deletes=wished)
    if ours:
        # What is gone already is not asked for one by one: the end of the Namespace is the end of all of it.
        decided = replace(decided, gone=())
    bounds = Bounds(item.line.namespace, LINE_KINDS)
    applied = await carry_out(live.cluster, decided, fence, inventory=item.inventory, owner=owner, bounds=bounds)
    if problem := outcome_of(applied):
        return _result(item, problem, applied)
    left = () if ours and not any(e.ref.kind == "Namespace" for e in applied.inventory) else applied.inventory
    if left:
        message = say(Note.WAITS_TO_GO, what=_listed([e.ref for e in left]))
        return _result(item, Waiting(Reason.DELETING, message, RETRY), applied)
    return _gone(item, applied.changes)


def _gone(item: ProductLineItem, changes: ChangeSet) -> Result:
    note = EventNote(EventKind.DELETED, say(Note.GONE_WITH_NAMESPACE, name=item.line.namespace))
    return Result(Ready(say(Note.PLAIN_GONE)), changes=changes, inventory=(), events=(note,), gone=True)


def _listed(refs: Sequence[Ref]) -> Told:
    names = [str(ref) for ref in refs]
    others = told(Note.AND_MORE, n=len(names) - 5) if len(names) > 5 else ""
    return told(Note.LISTED, names=", ".join(names[:5]), others=others)
