"""Keeps what is known of a Cluster true: does it answer, what does it serve, may we use it?

It only asks. Nothing is ever written to a cluster here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mcd.kube.cluster import Cluster, KubeError, KubeReason
from mcd.kube.kinds import NODE, STORAGE_CLASS
from mcd.kube.serving import LASTS, READ_AGAIN, believed, not_counted
from mcd.kube.stock import PLAYED
from mcd.kube.watch import Caches
from mcd.model import (
    ClusterItem,
    ClusterObserved,
    EventKind,
    EventNote,
    Ready,
    Reason,
    Result,
    Serves,
    Stalled,
    Waiting,
)
from mcd.model.why import Note, Saying, say, saying, told
from mcd.objects import OLDEST_MINOR

ASKED_AGAIN = 60.0
UNREACHABLE_RETRY = 5.0

_NAMED = 3
"""How many kinds a message names."""

_PLAYED_MOST = 100
"""Simulated nodes that are known by name."""


async def reconcile(item: ClusterItem, cluster: Cluster, now: datetime, surroundings: Caches | None = None) -> Result:
    """Asks discovery and says what came back. An incomplete answer is no answer: what was known before stays. So does a
    kind that an answer leaves out, until that has lasted. What `surroundings` show of nodes and storage classes is not
    asked for."""
    if item.cluster.state.deleted_at is not None:
        return Result(Ready(say(Note.FORGOTTEN)), gone=True)
    try:
        serves = believed(item.cluster.serves, await cluster.serves(_classes(surroundings)), now)
        serves = replace(serves, simulated=await _simulated(cluster, surroundings))
    except KubeError as error:
        return _silent(item, error)
    observed = ClusterObserved(serves, now)
    if not _new_enough(serves):
        message = say(Note.CLUSTER_OLD, name=item.cluster.name, version=serves.kubernetes, minor=OLDEST_MINOR)
        return Result(Stalled(Reason.VERSION_TOO_OLD, message), observed=observed)
    return Result(
        Ready(_answers(serves), again_in=ASKED_AGAIN),
        events=_news(item.cluster.serves, serves),
        observed=observed,
    )


def _classes(surroundings: Caches | None) -> list[str] | None:
    """The storage classes; None where nobody watches them."""
    if surroundings is None or not surroundings.synced(STORAGE_CLASS):
        return None
    return [str(each["metadata"]["name"]) for each in surroundings.all(STORAGE_CLASS)]


async def _simulated(cluster: Cluster, surroundings: Caches | None) -> frozenset[str]:
    """The nodes that only play one. Who may not look at nodes is told of none."""
    if surroundings is not None and surroundings.synced(NODE):
        found = surroundings.all(NODE)
    else:
        try:
            found = (await cluster.list(NODE, selector=PLAYED)).objects
        except KubeError as error:
            if error.kube_reason is not KubeReason.FORBIDDEN:
                raise
            return frozenset()
    return frozenset(sorted(str(node["metadata"]["name"]) for node in found)[:_PLAYED_MOST])


def _answers(serves: Serves) -> Saying:
    """That it answers; and what it does not list any more and is not believed to have lost yet."""
    answers = told(Note.CLUSTER_ANSWERS, version=serves.kubernetes)
    if serves.unseen_since is None:
        return saying(answers)
    names = sorted(serves.unseen)
    others = told(Note.AND_MORE, n=len(names) - _NAMED) if len(names) > _NAMED else ""
    return saying(answers, told(
        Note.CLUSTER_UNLISTED, since=f"{serves.unseen_since:%Y-%m-%d %H:%M:%S}",
        kinds=told(Note.LISTED, names=", ".join(names[:_NAMED]), others=others), times=READ_AGAIN,
        minutes=LASTS.seconds // 60,
    ))  # fmt: skip


def _silent(item: ClusterItem, error: KubeError) -> Result:
    result = _why_silent(item, error)
    known = item.cluster
    if known.serves.unseen_since is None or known.seen_at is None:
        return result
    return replace(result, observed=ClusterObserved(not_counted(known.serves), known.seen_at))


def _why_silent(item: ClusterItem, error: KubeError) -> Result:
    name = item.cluster.name
    if error.kube_reason is KubeReason.UNAUTHORIZED:
        message = say(Note.CLUSTER_NO_CREDENTIAL, name=name)
        return Result(Stalled(Reason.CLUSTER_AUTH_FAILED, message))
    if error.kube_reason is KubeReason.FORBIDDEN:
        return Result(Stalled(Reason.FORBIDDEN, say(Note.CLUSTER_SAYS, name=name, said=str(error))))
    message = say(Note.CLUSTER_SILENT, name=name, said=error.message)
    return Result(Waiting(Reason.UNREACHABLE, message, error.retry_after or UNREACHABLE_RETRY))


def _new_enough(serves: Serves) -> bool:
    major, _, minor = serves.kubernetes.lstrip("v").partition(".")
    return (int(major), int(minor.split(".")[0])) >= (1, OLDEST_MINOR)


def _news(before: Serves, after: Serves) -> tuple[EventNote, ...]:
    """What the cluster began or ceased to serve, said once."""
    if not before.kubernetes:
        return ()
    notes = []
    if gone := sorted(before.kinds - after.kinds):
        notes.append(EventNote(EventKind.CHANGED, say(Note.SERVES_NO_LONGER, kinds=", ".join(gone))))
    if new := sorted(after.kinds - before.kinds):
        notes.append(EventNote(EventKind.CHANGED, say(Note.SERVES_NOW, kinds=", ".join(new))))
    return tuple(notes)
