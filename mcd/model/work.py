"""Work in, result out: what a reconciler is handed, what it answers, what applying would do, how a component is.

It must not know who takes the work or where the result goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from mcd.model.facts import NO_FACTS, Facts, Footprint
from mcd.model.nouns import App, Cluster, NodePool, ProductLine, Release, Rollout, Serves, Settings
from mcd.model.outcomes import Change, ChangeSet, EventNote, InventoryEntry, Outcome, Reason
from mcd.model.why import Told, sentence
from mcd.objects import Object, Ref


class LeaseLost(Exception):
    """Another process owns the row now. The pass ends at once and nothing of it is recorded."""


class Fence(Protocol):
    """What a reconciler holds while it works on a row: proof that the row is still its own, and the one thing that must
    be written before the work is done (ADR 2)."""

    def check(self) -> None:
        """Raises LeaseLost when the lease's deadline has passed on the monotonic clock. Called before each write."""

    async def intend(self, refs: tuple[Ref, ...], observed: RolloutObserved | None = None) -> None:
        """Writes the references into the inventory before they are created, guarded by the lease token, together with
        what the Rollout is about to make true. Raises LeaseLost."""


@dataclass(frozen=True, slots=True)
class Heal:
    """A field that another manager changed and that was taken back."""

    ref: Ref
    field: str
    manager: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ClusterItem:
    cluster: Cluster


@dataclass(frozen=True, slots=True)
class ProductLineItem:
    line: ProductLine
    cluster: Cluster
    pools: tuple[NodePool, ...]
    inventory: tuple[InventoryEntry, ...]
    apps: int
    """Number of Apps that still live in it: it is not deleted while there are any."""
    heals: tuple[Heal, ...] = ()
    """Changes by hand that were taken back lately, at most three of an object in ten minutes."""


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    release: Release
    app: App
    line: ProductLine
    cluster: Cluster
    pools: tuple[NodePool, ...]
    settings: Settings
    builds: Mapping[str, str]
    """Inputs digest → image reference by digest, of earlier builds of this App."""
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of the wishes for an App: when a person last said what is to run (None: never), and each
    Rollout that was asked for since, by number and time. A Rollout beside these is of another database."""

    asked_at: datetime | None = None
    since: frozenset[tuple[int, datetime]] = frozenset()


@dataclass(frozen=True, slots=True)
class RolloutItem:
    rollout: Rollout
    app: App
    release: Release
    settings: Settings
    line: ProductLine
    cluster: Cluster
    pools: tuple[NodePool, ...]
    inventory: tuple[InventoryEntry, ...]
    previous: Rollout | None
    """The last Rollout of this App that began to write, other than this one."""
    last_good: Rollout | None
    """The last Rollout of this App that was Ready, other than this one."""
    wished_deletes: tuple[Ref, ...] = ()
    """Deletes that the push of this Rollout named, so that the brake does not ask again."""
    known: Known = Known()
    was_ready: bool = False
    """This Rollout was Ready before: what fails now is not its own start, and nothing is rolled back."""
    heals: tuple[Heal, ...] = ()
    """Changes by hand that were taken back lately: three of one field in ten minutes are a fight."""
    facts: Facts = NO_FACTS


WorkItem = ClusterItem | ProductLineItem | ReleaseItem | RolloutItem


@dataclass(frozen=True, slots=True)
class ClusterObserved:
    serves: Serves
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseObserved:
    """What reading and building found. `builds` are inputs digest → image by digest, to be reused."""

    commit: str = ""
    author: str = ""
    title: str = ""
    app_yaml: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    builds: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Any, ...] = ()
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    """All that app.yaml names, where this pass read them; as in `Release`."""


@dataclass(frozen=True, slots=True)
class RolloutObserved:
    commits: Mapping[str, str]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """What one pass decided and saw. `record` writes it, guarded by the lease token, or drops it whole.

    `inventory` is the whole new inventory, or None when it did not change. `gone`: the noun's own row may go.
    `roll_back_to`: ask for a Rollout of this older one.
    """

    outcome: Outcome
    changes: ChangeSet = ()
    events: tuple[EventNote, ...] = ()
    inventory: tuple[InventoryEntry, ...] | None = None
    observed: ClusterObserved | ReleaseObserved | RolloutObserved | None = None
    gone: bool = False
    roll_back_to: Rollout | None = None
    health: tuple[ComponentHealth, ...] | None = None
    heals: tuple[Heal, ...] | None = None
    """The new list of the work item's `heals`, or None when it did not change."""
    told_lately: frozenset[Ref] = frozenset()
    """Objects of which people were told already that they are put back: it is done again, and not told again."""
    footprint: Footprint | None = None
    """What the Release has to do with other Apps, where this pass compiled it."""


class HealthState(StrEnum):
    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    """Its cluster does not let us look. Never written down: only what was seen is."""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node and everything that keeps a pod from it, the plainest first. `devices`, `cpu`, `memory` and `pods` are
    what is free of what there is, `model` what people call its devices; empty where there is none."""

    node: str
    model: str = ""
    devices: str = ""
    cpu: str = ""
    memory: str = ""
    pods: str = ""
    why: tuple[Told, ...] = ()

    def __str__(self) -> str:
        return f"node {self.node}: {'; '.join(sentence(bar) for bar in self.why)}"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """How one component is, in words. `evidence` are lines of a log or of the cluster's own messages."""

    component: str
    state: HealthState
    reason: Reason
    message: str
    ready: int = 0
    """Pods of the wished version that are ready."""
    desired: int = 0
    evidence: tuple[str, ...] = ()
    again_in: float = 0.0
    """Seconds after which it is well if nothing happens until then; 0: it is not known. Never written down."""
    unseen: bool = False
    """Nobody in the cluster has looked at what was wished last, so there is nothing to say of it before somebody does.
    Never written down."""
    old: int = 0
    """Pods of older versions that are ready: they go on until the new ones are."""
    told: tuple[Told, ...] = ()
    """What `message` says, before it had a language: the state first, then what is said beside it. Empty in what an
    older version of MCD wrote down."""
    nodes: tuple[NodeRow, ...] = ()
    """Why it has no place, node by node."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would do, decided from inventory, desired and live objects before anything is written.

    `apply` are desired objects that differ or do not exist, in apply order; `delete` are stale entries in reverse
    order; `held` are objects that are left alone, with why; `unchanged` are references of what is already so.
    """

    apply: tuple[Planned, ...]
    delete: tuple[InventoryEntry, ...]
    held: tuple[Change, ...]
    unchanged: tuple[Ref, ...]
    kept: tuple[InventoryEntry, ...] = ()
    """No longer wanted, but it holds data: it stays, unclaimed."""
    gone: tuple[InventoryEntry, ...] = ()
    """No longer wanted and not seen any more, or an object of somebody else: the entry is dropped once the API server
    confirms it. Nothing is written for these."""
    found: tuple[InventoryEntry, ...] = ()
    """Entries of `unchanged` objects as they should be recorded: UID and hash filled in after a crash lost them."""
    prune_digest: str = ""
    """Not empty when the brake holds the deletes: what a person must confirm (`confirmed_prune`)."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One write. `live` is what it was decided on (None: create); `force` takes fields of another manager back."""

    desired: Object
    live: Object | None
    force: bool
    healed_from: str = ""
    detail: str = ""
    """What differs, for a person."""
