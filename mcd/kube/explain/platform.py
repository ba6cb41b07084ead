"""What is said of MCD's own conditions and of what the platform does to an App: builds, refusals, holds, deletes.

Pure, over the reason and the message of a condition, and over objects that are being deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.errors import echo
from mcd.kube.explain.facts import Cause, at, clean, evidence
from mcd.kube.status import condition
from mcd.model import Reason
from mcd.model.why import WORDS, Note, Saying, Why, as_told, param_of, text, told, told_by
from mcd.model.why.said import names_in
from mcd.objects import Object

CONDITIONS: Mapping[Reason, Why] = {
    Reason.BUILD_FAILED: Why.BUILD_FAILED,
    Reason.IMAGE_MISSING: Why.IMAGE_MISSING,
    Reason.BUILD_UNAVAILABLE: Why.BUILD_UNAVAILABLE,
    Reason.COMMIT_NOT_FOUND: Why.COMMIT_GONE,
    Reason.INVALID_APP_YAML: Why.APP_YAML_WRONG,
    Reason.FIELD_FIGHT: Why.FIELD_FIGHT,
    Reason.NOT_OURS: Why.FOREIGN_OBJECT,
    Reason.IMMUTABLE_FIELD: Why.IMMUTABLE_FIELD,
    Reason.KIND_NOT_SERVED: Why.KIND_NOT_SERVED,
    Reason.NAMESPACE_TERMINATING: Why.NAMESPACE_TERMINATING,
    Reason.FORBIDDEN: Why.RIGHT_MISSING,
    Reason.PRUNE_NEEDS_CONFIRMATION: Why.PRUNE_WAITS,
    Reason.NEWER_IN_CLUSTER: Why.NEWER_IN_CLUSTER,
    Reason.QUARANTINED: Why.QUARANTINED,
    Reason.ROLLED_BACK: Why.PUT_BACK,
    Reason.QUOTA_EXCEEDED: Why.QUOTA,
    Reason.DEADLINE_EXCEEDED: Why.ROLLOUT_DEADLINE,
}
"""The states that are told by a condition of MCD's own."""


def explain_condition(app: str, reason: Reason, message: str, namespace: str = "") -> Cause:
    """What a condition that is not as it should be says of an App of `namespace`. A reason without a sentence of its
    own is told as it is, and so is what an older version of MCD wrote down."""
    parts = told_by(message)
    plain = told(Note.WHOLE, of=parts) if parts else text(echo(" ".join(message[:4000].split()), 700))
    command, why = param_of(parts, "command"), CONDITIONS.get(reason, Why.OTHER)
    words = told(
        why, app=echo(app), said=plain, quota=plain, reason=reason.value, what=plain,
        name=echo(namespace) or "?", seconds=param_of(parts, "seconds") or "?",
        command=told(Note.COMMAND_IS, command=command) if command else told(Note.COMMAND_NAMED),
    )  # fmt: skip
    told_whole = parts and names_in(WORDS[why].sentence.en) & {"said", "what", "quota"}
    return Cause(words, () if told_whole else evidence(message), final=True)


def as_saying(reason: Reason, message: str) -> str:
    """The message of a condition so that it can be told in another language, where its reason has a sentence of its own
    and the message does not know what it says. Of a namespace that goes it has no name, so those words stay."""
    if told_by(message) or not message or reason not in CONDITIONS or reason is Reason.NAMESPACE_TERMINATING:
        return message
    return Saying(message, (explain_condition("APP", reason, message).told,))


def explain_away(cluster: str, since: object, message: str, *, refused: bool) -> Cause:
    """That a cluster does not answer, or does not let MCD in."""
    why = Why.CLUSTER_REFUSES_US if refused else Why.CLUSTER_UNREACHABLE
    said = as_told(message) if told_by(message) else text(f"{clean(message)}.")
    return Cause(told(why, cluster=echo(cluster), since=at(since), said=said), evidence(message))


_KUBERNETES = frozenset({"foregroundDeletion", "orphan", "kubernetes"})


def explain_deleting(obj: Object) -> Cause | None:
    """An object that is being deleted and waits for somebody: whose finalizer it is. None when nothing is in its way
    but Kubernetes' own."""
    meta: Mapping[str, Any] = obj["metadata"]
    waits = [f for f in meta.get("finalizers") or () if f not in _KUBERNETES]
    if not meta.get("deletionTimestamp") or not waits:
        return None
    first = str(waits[0])
    owner = first.partition("/")[0] if "/" in first else first
    words = told(
        Why.FINALIZER_STUCK, kind=str(obj["kind"]), name=echo(str(meta["name"])), finalizer=echo(first, 200),
        owner=echo(owner, 200), since=at(meta["deletionTimestamp"]),
    )  # fmt: skip
    return Cause(words, tuple(echo(str(f), 200) for f in waits))


_REMAINS = ("NamespaceFinalizersRemaining", "NamespaceContentRemaining", "NamespaceDeletionContentFailure",
            "NamespaceDeletionDiscoveryFailure")  # fmt: skip


def explain_namespace(namespace: Object) -> Cause | None:
    """A namespace that is being deleted, and what it waits for. None when it is not."""
    if (namespace.get("status") or {}).get("phase") != "Terminating" and not namespace["metadata"].get(
        "deletionTimestamp"
    ):
        return None
    name = echo(str(namespace["metadata"]["name"]))
    left = [c for kind in _REMAINS if (c := condition(namespace, kind)).get("status") == "True"]
    said = " ".join(str(c.get("message", ""))[:2000] for c in left)
    if not said:
        return Cause(told(Why.NAMESPACE_TERMINATING, name=name))
    return Cause(told(Why.NAMESPACE_FINALIZER, name=name, said=clean(said)), evidence("\n".join(
        str(c.get("message", "")) for c in left)))  # fmt: skip
