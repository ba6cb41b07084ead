"""The words of the loop: conditions, reasons, outcomes, changes, and the Events that tell of them.

It must not make a condition: `mcd/model/conditions.py` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mcd.objects import Ref


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
    """The objects are written; pods are starting or being replaced, or old ones still finish the requests that they are
    sent. It goes on by itself."""
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
    more while its pod is there, and shows them again when it is gone."""
    OOM_KILLED = "OOMKilled"
    """The program needed more memory than resources.memory allows and was killed. Raise it, or use less."""
    IMAGE_PULL = "ImagePull"
    """The node cannot fetch the image. Check its name, and that the registry has it and can be reached from the node;
    `mcd restart APP` tries it again at once, `mcd deploy APP` what was put back."""
    CONFIG_MISSING = "ConfigMissing"
    """A Secret or ConfigMap that the pod needs does not exist. Set it: `mcd secret set`."""
    PROBE_FAILING = "ProbeFailing"
    """The program runs but does not answer its health check. Check port and path in app.yaml, and the program's log."""
    NO_ENDPOINTS = "NoEndpoints"
    """The pods are ready, and a Service of the component leads to none of them: somebody changed it by hand.
    `mcd deploy APP` puts it back."""
    VOLUME_PENDING = "VolumePending"
    """The volume is not there yet."""
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    """The new pods did not become ready in time (rollout.timeout). `mcd status` shows why."""
    ROLLED_BACK = "RolledBack"
    """The new version failed and the one before it was put back (rollout.on_fail: rollback)."""
    NOT_OURS = "NotOurs"
    """An object with our name exists and is not ours. Delete it, or take it over: `mcd deploy APP --take-over`; one of
    a product line: `mcd product-line set NAME --take-over`."""
    FIELD_FIGHT = "FieldFight"
    """Somebody changes the same field back again and again. Stop the other manager, or leave the field to it; then
    deploy again."""
    PRUNE_NEEDS_CONFIRMATION = "PruneNeedsConfirmation"
    """More would be deleted than the brake allows, or something that holds data. Read the list in the message, then
    give the command that it ends with: it goes on with this very Rollout."""
    NEWER_IN_CLUSTER = "NewerInCluster"
    """The cluster runs a Rollout that MCD's database does not know: the database is older, perhaps restored from a
    backup. Nothing of the App is written. Restore a newer backup; or run the commit that runs there with the Settings
    known here, `mcd deploy APP --commit COMMIT` as the message says it; or `mcd deploy APP` to go on with what is known
    here."""
    IMMUTABLE_FIELD = "ImmutableField"
    """A field that Kubernetes never changes on a living object differs. Delete the object or rename the component."""
    KIND_NOT_SERVED = "KindNotServed"
    """The cluster does not know this kind of object. Ask its owner to install it."""
    FORBIDDEN = "Forbidden"
    """The cluster does not allow MCD to do this. The message names verb and kind; its owner can grant it."""
    INVALID_APP_YAML = "InvalidAppYaml"
    """app.yaml has problems. They are listed; mend them and push again."""
    INVALID_PRODUCT_LINE = "InvalidProductLine"
    """What was set for the product line, its cluster or its node pools is wrong; nothing was written. The message names
    the key. Correct it: `mcd product-line set NAME -f FILE`, `mcd cluster set NAME`."""
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
    IGNORED = "Ignored"
    """A push that does not deploy made this Release: its branch or tag is not in deploy, or nothing of deploy.paths
    changed. The message says which. `mcd deploy APP --release N` deploys it all the same."""
    QUARANTINED = "Quarantined"
    """Working on it ended the process three times. It is left alone for an hour, or until it is asked for again."""


HELD_REASONS = frozenset(
    {Reason.NOT_OURS, Reason.FIELD_FIGHT, Reason.PRUNE_NEEDS_CONFIRMATION, Reason.NEWER_IN_CLUSTER}
)
"""Why MCD itself keeps its hands off until a person decides."""

REPEATING = frozenset({Reason.CRASH_LOOPING, Reason.OOM_KILLED, Reason.IMAGE_PULL, Reason.PROBE_FAILING})
"""What a pod says again with each of its tries, in words that differ: its restarts are counted, its exit codes change.
People are told of it once for each component, and not for each try."""


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
    """It is as it was asked for. Looked at again after `again_in` seconds, whatever happens; None: with the resync."""

    message: str = ""
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """It goes on by itself: looked at again after `retry_in` seconds, or sooner when something changes."""

    reason: Reason
    message: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Stalled:
    """A person must act. Looked at again only after a new wish or a change in the cluster, and after `again_in` seconds
    where it may mend itself without either."""

    reason: Reason
    message: str
    again_in: float | None = None


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
    ago: float = 0.0
    """Seconds between what it tells and the end of the pass."""


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
