"""What one pass of a Rollout would do to the cluster, decided once: the pass carries it out, a dry run tells it.

Pure: the work item, the objects that are wanted and the live ones in, a Decision out. Nothing may be decided beside it
by either of the two, or what is shown before is not what is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mcd.kube.gate import Bounds, check
from mcd.kube.inventory import fighting, is_ours, plan
from mcd.kube.newer import Newer, newer, signed
from mcd.kube.serving import away
from mcd.model import Change, ConditionType, Plan, Reason, RolloutItem, Stalled, Waiting
from mcd.model.why import Note, Told, say, saying, together, told, told_by
from mcd.objects import KEPT, Object, Ref, ref_of

Stop = Waiting | Stalled

_COMMITS = 5
"""How many commits a message names."""

DEPENDENCY_RETRY = 1.0
"""Seconds until a Rollout looks again whether its Release, product line or cluster is ready."""

WAITS: dict[Reason, float] = {
    Reason.RETRYING: 0.2,
    Reason.DELETING: 5.0,
    Reason.UNREACHABLE: 5.0,
    Reason.NAMESPACE_TERMINATING: 5.0,
    Reason.PRODUCT_LINE_PENDING: 1.0,
    Reason.QUOTA_EXCEEDED: 30.0,
}
"""What goes on by itself, and the seconds until it is looked at again. Every other reason needs a person."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a Rollout is about to make true. `shared` are the Secret objects of the product line that its pods read: the
    line makes them, the App waits for them. `owner` is this installation's id."""

    item: RolloutItem
    objects: tuple[Object, ...]
    shared: tuple[Ref, ...]
    owner: str

    @property
    def refs(self) -> frozenset[Ref]:
        """What has to be looked up before `decide`: of a kind that is away nothing can be."""
        entries = {entry.ref for entry in self.item.inventory} - self.kept.keys()
        return frozenset({ref_of(obj) for obj in self.objects} | entries | set(self.shared))

    @property
    def kept(self) -> Mapping[Ref, str]:
        """What may be wanted no more only because its cluster does not serve a kind now, and why it is kept."""
        return away(self.item.inventory, {ref_of(obj) for obj in self.objects}, self.item.cluster.serves)

    @property
    def asked(self) -> Collection[Ref]:
        """Which of them are asked of the API server itself. What somebody else made has no label of ours, so no watch
        of ours shows it: to adopt it is to ask for it."""
        return self.refs if self.item.rollout.take_over else ()

    @property
    def bounds(self) -> Bounds:
        return bounds_of(self.item)


@dataclass(frozen=True, slots=True)
class Decision:
    """`plan` is what is written, unless there is a `stop`: then nothing is, and it says why. One that waits goes on to
    the plan by itself."""

    plan: Plan
    stop: Stop | None = None


def bounds_of(item: RolloutItem) -> Bounds:
    """Where and what the App may write."""
    return Bounds(item.line.namespace, security=item.line.wishes.get("security", "restricted"))


def not_before(item: RolloutItem) -> Waiting | None:
    """What must be there before anything of an App is looked at: a cluster that answered, and the line's namespace."""
    if not item.cluster.serves.kubernetes:
        return Waiting(Reason.CLUSTER_PENDING, say(Note.CLUSTER_NOT_SEEN, name=item.cluster.name), DEPENDENCY_RETRY)
    if item.line.state.is_now(ConditionType.READY):
        return None
    said = item.line.state.condition(ConditionType.READY)
    words = say(Note.LINE_NOT_READY, name=item.line.name, said=said.message if said else "")
    return Waiting(Reason.PRODUCT_LINE_PENDING, words, DEPENDENCY_RETRY)


def decide(intent: Intent, seen: Mapping[Ref, Object | None], now: datetime) -> Decision:
    """`seen` has every reference of `intent.refs`, None for what does not exist, and whatever else is live of the App
    (`seen_for`). Raises McdError: forbidden when an object does not pass the gate, internal when something was not
    looked up."""
    item = intent.item
    found = plan(
        intent.objects,
        item.inventory,
        seen,
        owner=intent.owner,
        take_over=item.rollout.take_over,
        confirmed=item.rollout.confirmed_prune,
        wished_deletes=item.wished_deletes,
        yielded=fighting([(heal.at, heal.ref) for heal in item.heals], now),
        serves=item.cluster.serves,
    )
    found = replace(found, apply=tuple(replace(p, desired=signed(p.desired, item.rollout)) for p in found.apply))
    for planned in found.apply:
        check(planned.desired, intent.bounds)
    stop = _knows_less(intent, seen) or not_before(item) or _waits_for_the_line(intent, seen)
    return Decision(found, stop or _secret_of_another(found))


def _knows_less(intent: Intent, seen: Mapping[Ref, Object | None]) -> Stop | None:
    """A database that was restored wishes what was wished then. Whether the years between are worth less than that is
    for a person to say, by a new wish that names what is to run."""
    later = newer((obj for _, obj in sorted(seen.items()) if obj is not None), intent.item.known, intent.owner)
    if later is None:
        return None
    words = told(
        Note.NEWER_RUNS, number=later.number, at=f"{later.at:%Y-%m-%d %H:%M:%S}", object=str(later.ref),
        others=_and_more(later.others), way=_way_out(intent, later, seen),
    )  # fmt: skip
    return Stalled(Reason.NEWER_IN_CLUSTER, saying(words))


def _and_more(count: int) -> str | Told:
    return told(Note.AND_MORE, n=count) if count > 0 else ""


def _way_out(intent: Intent, later: Newer, seen: Mapping[Ref, Object | None]) -> Told:
    """The commands that end a hold: first the one that goes on with what runs, of which people lose nothing. What is in
    no inventory of ours has to be taken over with it."""
    app = intent.item.app.name
    entries = {entry.ref: entry for entry in intent.item.inventory}
    strange = [obj for ref in later.refs if (obj := seen[ref]) and not is_ours(entries.get(ref), obj, intent.owner)]
    beside: str | Told = ""
    if strange:
        beside = told(Note.STAYS_BESIDE, object=str(ref_of(strange[0])), others=_and_more(len(strange) - 1))
    back = told(Note.WAY_BACK, command=f"mcd deploy {app}", beside=beside)
    known = intent.item.release.commit
    commits = [commit for commit in later.commits if commit != known] or list(later.commits)
    if not commits:
        return back
    take_over = " --take-over" if strange else ""
    # Not "what runs there": secrets and Settings that changed since the backup are those of this database again.
    command = f"mcd deploy {app} --commit {commits[0]}{take_over}"
    # Only git knows their order: a component keeps the commit that changed it last.
    latest = told(Note.OR_LATEST, commits=", ".join(commits[:_COMMITS])) if len(commits) > 1 else ""
    return told(Note.WAY_FORWARD, command=command, latest=latest, back=back)


def _waits_for_the_line(intent: Intent, seen: Mapping[Ref, Object | None]) -> Waiting | None:
    missing = next((ref for ref in intent.shared if seen[ref] is None), None)
    if missing is None:
        return None
    words = say(Note.WAITS_FOR_LINE, object=str(missing), name=intent.item.line.name)
    return Waiting(Reason.PRODUCT_LINE_PENDING, words, DEPENDENCY_RETRY)


def _secret_of_another(found: Plan) -> Stop | None:
    """No pod may start with the values of somebody else's Secret, or with one that is about to vanish."""
    wrong = [c for c in found.held if c.ref.kind == "Secret" and c.reason in (Reason.NOT_OURS, Reason.DELETING)]
    return hold([wrong[0]]) if wrong else None


def wishes_deleted(there: Iterable[Ref], wanted: Iterable[Ref]) -> tuple[Ref, ...]:
    """The deletes that a push names by leaving something out: what is there and no longer wanted, but for what holds
    data."""
    return tuple(sorted(ref for ref in set(there) - set(wanted) if ref.kind not in KEPT))


def as_pushed(intent: Intent) -> Intent:
    """The intent of a push of the same objects, which wishes its deletes itself."""
    there = (entry.ref for entry in intent.item.inventory)
    deletes = wishes_deleted(there, (ref_of(obj) for obj in intent.objects))
    wished = tuple(sorted({*intent.item.wished_deletes, *deletes}))
    return replace(intent, item=replace(intent.item, wished_deletes=wished))


# --- outcomes ---------------------------------------------------------------------------------------------------------


def hold(held: list[Change]) -> Stop | None:
    """What objects that are left alone mean for the one who asked. One without a reason is left so on purpose."""
    meant = [change for change in held if change.reason is not None]
    if not meant:
        return None
    first = meant[0]
    assert first.reason is not None
    words = f"{first.ref}: held: {first.detail}"
    if told_by(first.detail):
        words = say(Note.OBJECT_HELD, object=str(first.ref), detail=first.detail)
    return outcome(first.reason, and_others(words, len(meant) - 1))


LISTED = 10
"""Objects that a question to a person names one by one."""


def ask(app: str, found: Plan) -> Stalled | None:
    """What the brake waits for: the list, and the one command that goes on with exactly this Rollout. None when it
    holds nothing."""
    braked = [change for change in found.held if change.reason is Reason.PRUNE_NEEDS_CONFIRMATION]
    if not found.prune_digest or not braked:
        return None
    names = ", ".join(str(change.ref) for change in braked[:LISTED])
    others = f" and {len(braked) - LISTED} more" if len(braked) > LISTED else ""
    words = f"{names}{others} {braked[0].detail.rstrip('.')}: `mcd deploy {app} --confirm {found.prune_digest}`"
    return Stalled(Reason.PRUNE_NEEDS_CONFIRMATION, words)


def outcome(reason: Reason, message: str, retry_after: float | None = None) -> Stop:
    """Wait, or a person must act: the reason says which. `retry_after` in seconds is what a server asked for."""
    if reason in WAITS:
        return Waiting(reason, message, retry_after or WAITS[reason])
    return Stalled(reason, message)


def and_others(words: str, count: int) -> str:
    """What is said of one, and how many others there are. What knows what it says goes on knowing it."""
    others = say(Note.AND_OTHERS, n=count) if count > 0 else ""
    return together(words, others if told_by(words) else str(others))
