"""The nouns as frozen values, and the words of the loop: conditions, reasons, outcomes, results, work items.

Everything that crosses a border between rooms is one of these. It must not know how any of it is stored, sent or shown.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Never, Protocol

from mcd.objects import MASK, Object, Ref


class Noun(StrEnum):
    """The words of the URL, the table, the command and the metric."""

    CLUSTER = "cluster"
    NODE_POOL = "node-pool"
    PRODUCT_LINE = "product-line"
    APP = "app"
    RELEASE = "release"
    SETTINGS = "settings"
    ROLLOUT = "rollout"
    EVENT = "event"
    PERSON = "person"
    TOKEN = "token"


RECONCILED = (Noun.CLUSTER, Noun.PRODUCT_LINE, Noun.RELEASE, Noun.ROLLOUT)
"""The nouns with the columns of the loop, in the order in which a fresh install needs them."""


# --- what people may do ---------------------------------------------------------------------------------------------


class Role(StrEnum):
    """What a person is in one product line. Each includes the rights of those before it."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    RELEASE_MANAGER = "release_manager"
    OWNER = "owner"


class Verb(StrEnum):
    """What can be done to a thing. One closed list, so that the table role × verb can be tested whole."""

    READ = "read"
    DEPLOY = "deploy"
    """Create an App, push, deploy, roll back, scale, restart."""
    SHELL = "shell"
    """Run a command in a pod, read its logs."""
    SET = "set"
    """Change Settings, secrets, members, delete an App."""
    ADMINISTER = "administer"
    """Create and change product lines, clusters, pools, people."""


class Scope(StrEnum):
    """What a token may be used for at most. Its owner's rights are the other bound."""

    READ = "read"
    DEPLOY = "deploy"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person through a session or a token. `roles` maps the name of a product line to the role there."""

    person: str
    name: str
    admin: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict)
    scope: Scope = Scope.ALL
    default_product_line: str | None = None
    via: str = "session"
    """`session`, `token` or `command`: said in Events."""


# --- conditions and outcomes ----------------------------------------------------------------------------------------


class ConditionType(StrEnum):
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a noun is in its state. A program may switch on it; its docstring is what a person is told about it."""

    READY = "Ready"
    """It is as it was asked for."""
    NEW = "New"
    """It was just asked for and nobody has looked at it yet. A controller takes it within a second; if it stays, see
    `mcd doctor`."""
    APPLYING = "Applying"
    """Objects are being written to the cluster."""
    PROGRESSING = "Progressing"
    """The objects are written; pods are starting or being replaced. It goes on by itself."""
    SUPERSEDED = "Superseded"
    """A newer Rollout of the same App took over. Nothing needs to be done."""
    DELETING = "Deleting"
    """It is being taken away. Objects with a finalizer of somebody else are waited for."""
    BUILDING = "Building"
    """The image is being built. `mcd logs --build APP` shows the builder's output."""
    READING = "Reading"
    """The commit is being read from git."""
    RELEASE_PENDING = "ReleasePending"
    """The Release is not ready yet: its image is being built. The Rollout goes on by itself when it is."""
    PRODUCT_LINE_PENDING = "ProductLinePending"
    """The product line's namespace is not ready yet. It goes on by itself."""
    CLUSTER_PENDING = "ClusterPending"
    """The cluster was not seen yet or does not answer. Nothing was changed; it goes on by itself when it answers."""
    UNREACHABLE = "Unreachable"
    """The cluster's API does not answer. Nothing is lost: wishes are kept and carried out when it is back."""
    CLUSTER_AUTH_FAILED = "ClusterAuthFailed"
    """The cluster does not accept the credential. Give it a new kubeconfig: `mcd cluster set NAME --kubeconfig
    FILE`."""
    VERSION_TOO_OLD = "VersionTooOld"
    """The cluster's Kubernetes is older than 1.29. Upgrade the cluster, or move the product line."""
    QUOTA_EXCEEDED = "QuotaExceeded"
    """The product line's quota is used up. Free something, or ask the owners of the product line for more."""
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    """The namespace is being deleted in the cluster. It is made again when it is gone."""
    UNSCHEDULABLE = "Unschedulable"
    """No node takes the pod. The message says why, node by node. Change resources, gpu or node_pool, or free a
    device."""
    CRASH_LOOPING = "CrashLooping"
    """The program ends again and again. The last lines of the dead container are shown; `mcd logs --previous` has
    more."""
    OOM_KILLED = "OOMKilled"
    """The program needed more memory than resources.memory allows and was killed. Raise it, or use less."""
    IMAGE_PULL = "ImagePull"
    """The node cannot fetch the image. Check its name and that the registry has it."""
    CONFIG_MISSING = "ConfigMissing"
    """A Secret or ConfigMap that the pod needs does not exist. Set it: `mcd secret set`."""
    PROBE_FAILING = "ProbeFailing"
    """The program runs but does not answer its health check. Check port and path in app.yaml, and the program's log."""
    VOLUME_PENDING = "VolumePending"
    """The volume is not there yet."""
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    """The new pods did not become ready in time (rollout.timeout). `mcd status` shows why."""
    ROLLED_BACK = "RolledBack"
    """The new version failed and the one before it was put back (rollout.on_fail: rollback)."""
    NOT_OURS = "NotOurs"
    """An object with our name exists and is not ours. Delete it, or deploy with `--take-over`."""
    FIELD_FIGHT = "FieldFight"
    """Somebody changes the same field back again and again. Stop the other manager, or leave the field to it; then
    deploy again."""
    PRUNE_NEEDS_CONFIRMATION = "PruneNeedsConfirmation"
    """More would be deleted than the brake allows, or something that holds data. Read the list, then confirm it."""
    IMMUTABLE_FIELD = "ImmutableField"
    """A field that Kubernetes never changes on a living object differs. Delete the object or rename the component."""
    KIND_NOT_SERVED = "KindNotServed"
    """The cluster does not know this kind of object. Ask its owner to install it."""
    FORBIDDEN = "Forbidden"
    """The cluster does not allow MCD to do this. The message names verb and kind; its owner can grant it."""
    INVALID_APP_YAML = "InvalidAppYaml"
    """app.yaml has problems. They are listed; mend them and push again."""
    COMMIT_NOT_FOUND = "CommitNotFound"
    """The commit is not in the repository any more. Push again."""
    BUILD_FAILED = "BuildFailed"
    """The image could not be built. The end of the builder's log is shown; `mcd deploy` tries the same commit again."""
    IMAGE_MISSING = "ImageMissing"
    """An image that app.yaml names is not in the platform's registry. Push it there, then `mcd deploy` tries the same
    commit again; or correct its name and push."""
    BUILD_UNAVAILABLE = "BuildUnavailable"
    """There is no builder or registry here. Use `image:` in app.yaml, or set MCD_BUILDER and MCD_REGISTRY."""
    REFUSED_BY_CLUSTER = "RefusedByCluster"
    """The cluster refused an object. Its own words are in the message."""
    POLICY = "Policy"
    """An object is not allowed by MCD's own object gate. This is a bug or an attack; nothing was written."""
    NAMESPACE_NOT_EMPTY = "NamespaceNotEmpty"
    """The namespace holds objects that are not ours, so it is not deleted. Move or delete them, then it goes on."""
    RETRYING = "Retrying"
    """Something failed on the way and is tried again by itself."""
    QUARANTINED = "Quarantined"
    """Working on it ended the process three times. It is left alone until somebody asks for it again."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in Kubernetes' form. `message` is for people, `reason` for programs."""

    type: ConditionType
    status: bool
    reason: Reason
    message: str
    observed_generation: int
    last_transition: datetime


@dataclass(frozen=True, slots=True)
class Ready:
    """It is as it was asked for. Looked at again after `again_in` seconds, whatever happens."""

    message: str = ""
    again_in: float = 600.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """It goes on by itself: looked at again after `retry_in` seconds, or sooner when something changes."""

    reason: Reason
    message: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Stalled:
    """A person must act. Looked at again only after a new wish or a change in the cluster."""

    reason: Reason
    message: str


Outcome = Ready | Waiting | Stalled


class Action(StrEnum):
    """What was done to one object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a ChangeSet. `detail` says for a person what differs or why it is held; `healed_from` names the other
    field manager when a change by hand was taken back."""

    ref: Ref
    action: Action
    detail: str = ""
    healed_from: str = ""
    reason: Reason | None = None
    """Why it is held, for programs. None unless `action` is held."""


ChangeSet = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One object that belongs to an App or a ProductLine. `uid` is empty from the decision to create until the answer.
    `applied` is the content hash of the last set that the API server accepted."""

    ref: Ref
    uid: str = ""
    applied: str = ""


@dataclass(frozen=True, slots=True)
class EventNote:
    """An Event that a reconciler wants to be told. `kind` is a closed word (`EventKind`)."""

    kind: EventKind
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


class EventKind(StrEnum):
    """What an Event tells. Filters and the portal use it; new words are added at the end."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    PUSHED = "pushed"
    PUSH_REFUSED = "push_refused"
    BUILD_STARTED = "build_started"
    BUILD_FINISHED = "build_finished"
    RELEASE_READY = "release_ready"
    RELEASE_FAILED = "release_failed"
    ROLLOUT_REQUESTED = "rollout_requested"
    ROLLOUT_SUPERSEDED = "rollout_superseded"
    APPLIED = "applied"
    PROGRESS = "progress"
    READY = "ready"
    STALLED = "stalled"
    HEALED = "healed"
    HELD = "held"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    EXEC = "exec"
    SECRET_SET = "secret_set"
    WARNING = "warning"


# --- the nouns ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The columns that every reconciled table has and a reader may see."""

    generation: int
    observed_generation: int
    conditions: tuple[Condition, ...]
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Serves:
    """What a cluster was seen to serve. `kinds` are `group/version/Kind` for every kind that the renderer may ask
    for."""

    kubernetes: str = ""
    kinds: frozenset[str] = frozenset()
    storage_classes: tuple[str, ...] = ()
    regex_headers: bool = True

    def has(self, api_version: str, kind: str) -> bool:
        return f"{api_version}/{kind}" in self.kinds


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Kubernetes API. `facts` are what people told us about it: the keys of `cluster` in app-yaml 8.2."""

    id: str
    name: str
    idc: str
    facts: Mapping[str, Any]
    serves: Serves
    seen_at: datetime | None
    state: Reconciled


@dataclass(frozen=True, slots=True)
class Device:
    """Devices of a node pool, as app-yaml 8.2 has them. `memory` is text in Kubernetes' form, for one device."""

    vendor: str
    model: str
    product: str = ""
    memory: str = ""
    per_node: int = 0
    resource: str = ""
    mig: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes of one cluster under one label. `dedicated_to` names the only product line that may use it, or is None."""

    id: str
    name: str
    cluster: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...] = ()
    runtime_class: str = ""
    arch: str = "amd64"
    capacity: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    dedicated_to: str | None = None
    oversell: float = 1.0


@dataclass(frozen=True, slots=True)
class ProductLine:
    """One namespace on one cluster. `wishes` holds what people ask for: quota, node_pool, node_pools, config, security,
    egress, timezone (the keys of `product_line` in app-yaml 8.2)."""

    id: str
    name: str
    cluster: str
    namespace: str
    wishes: Mapping[str, Any]
    state: Reconciled


@dataclass(frozen=True, slots=True)
class App:
    """A name unique in the platform, in one product line, bound to one app.yaml. `repository` is a URL that a Forge
    knows; `mcd:` + the App's name for a repository that MCD itself holds."""

    id: str
    name: str
    product_line: str
    repository: str
    path: str
    branch: str
    created_at: datetime
    deleted_at: datetime | None
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Release:
    """One commit of an App. Frozen once ready: `app_yaml` as read, `images` (component → reference pinned by
    digest)."""

    id: str
    app: str
    number: int
    commit: str
    branch: str
    tag: str
    author: str
    title: str
    app_yaml: str
    images: Mapping[str, str]
    deploys: bool
    """False: it only waits for somebody to deploy it."""
    created_at: datetime
    created_by: str
    state: Reconciled


@dataclass(frozen=True, slots=True)
class Settings:
    """What the platform owns for an App: one numbered revision. `values` has the keys of `settings` in app-yaml 8.2:
    components.X.replicas, env, secrets (names and versions, never values)."""

    app: str
    revision: int
    values: Mapping[str, Any]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """This App runs this Release with this Settings revision. `commits` says for each component the commit that changed
    it last (app-yaml 5.3); `digests` the digest of its pod template then."""

    id: str
    app: str
    number: int
    release: int
    settings: int
    trigger: str
    """`push`, `deploy`, `rollback`, `settings`, `restart`, `auto-rollback`, `delete`."""
    take_over: bool
    restarts: Mapping[str, str]
    """Component → RFC 3339 time at which a person asked for a restart."""
    confirmed_prune: str
    """Digest of the list of deletes that a person confirmed, or empty."""
    commits: Mapping[str, str]
    digests: Mapping[str, str]
    live: bool
    created_at: datetime
    created_by: str
    state: Reconciled


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    admin: bool
    default_product_line: str | None
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A personal API token. The secret itself is shown once and never stored."""

    id: str
    person: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `sequence` orders Events, clocks do not."""

    sequence: int
    at: datetime
    noun: Noun
    name: str
    product_line: str | None
    app: str | None
    kind: EventKind
    actor: str
    message: str
    data: Mapping[str, Any]


# --- the loop: work in, result out ----------------------------------------------------------------------------------


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
    was_ready: bool = False
    """This Rollout was Ready before: what fails now is not its own start, and nothing is rolled back."""
    heals: tuple[Heal, ...] = ()
    """Changes by hand that were taken back lately: three of one field in ten minutes are a fight."""


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
    """The new list of `RolloutItem.heals`, or None when it did not change."""


# --- health ---------------------------------------------------------------------------------------------------------


class HealthState(StrEnum):
    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """How one component is, in words. `evidence` are lines of a log or of the cluster's own messages."""

    component: str
    state: HealthState
    reason: Reason
    message: str
    ready: int = 0
    desired: int = 0
    evidence: tuple[str, ...] = ()


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
    """No longer wanted and not seen any more, or replaced by an object of somebody else: the entry is dropped once the
    API server confirms it. Nothing is written for these."""
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
    may_force: bool = True
    """False: when the server says that another manager holds a field, it is left to that manager."""


class SecretText(str):
    """A secret's value on its way from the store to the one place that needs it. As text, in a log line, a repr or JSON
    it is `***`; only `reveal` gives it away. Equal to another one when the values are."""

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, value: str) -> SecretText:
        secret = super().__new__(cls, MASK)
        secret._value = value.reveal() if isinstance(value, SecretText) else value
        return secret

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")
