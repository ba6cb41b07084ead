"""What of a cluster's word about what it serves is believed, and what of an App stays while a kind is away.

Pure. An API server that starts lists less than it serves for a moment; it must never follow from that, that what MCD
made there is not wanted any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from mcd.kube.kinds import KINDS
from mcd.model import InventoryEntry, Serves
from mcd.objects import Ref

READ_AGAIN = 5
"""How many answers in a row must leave a kind out before it counts as gone."""
LASTS = timedelta(minutes=5)
"""How long they must do so: longer than an API server needs to start, and to read its resource definitions."""

_OURS = frozenset(str(kind) for kind in KINDS)

_ROUTE, _LISTENERS = "gateway.networking.k8s.io/v1/HTTPRoute", "gateway.networking.k8s.io/v1/ListenerSet"
_SCALED, _TRIGGER = "keda.sh/v1alpha1/ScaledObject", "keda.sh/v1alpha1/TriggerAuthentication"
_RULE, _MONITOR = "monitoring.coreos.com/v1/PrometheusRule", "monitoring.coreos.com/v1/PodMonitor"
_CERTIFICATE = "cert-manager.io/v1/Certificate"

_WITH: Mapping[str, str] = {_LISTENERS: _ROUTE, _TRIGGER: _SCALED, _MONITOR: _RULE}
"""Kinds that the compiler leaves out where another one is not served, though they may be served themselves."""


def believed(before: Serves, read: Serves, now: datetime) -> Serves:
    """What counts as served after an answer. What is new counts at once; a kind that MCD works with and that is missing
    counts as gone only once `READ_AGAIN` answers in a row, over `LASTS` at the least, left it out."""
    missing = (before.kinds - read.kinds) & _OURS
    if not missing:
        return read
    if before.unseen_since is None or now < before.unseen_since or not missing <= before.unseen:
        since, reads = now, 1
    else:
        since, reads = before.unseen_since, before.unseen_reads + 1
    if reads >= READ_AGAIN and now - since >= LASTS:
        return read
    return replace(read, kinds=read.kinds | missing, unseen=missing, unseen_since=since, unseen_reads=reads)


def not_counted(serves: Serves) -> Serves:
    """After no answer: what was left out before it is counted anew, because the API server may have started since."""
    return replace(serves, unseen=frozenset(), unseen_since=None, unseen_reads=0)


def away(inventory: Iterable[InventoryEntry], wanted: Collection[Ref], serves: Serves) -> dict[Ref, str]:
    """What may be missing from `wanted` only because the cluster does not serve a kind now, each with why it is kept.
    It is neither looked up nor deleted. (A cluster that does not answer at all is `mcd.api.away`.)"""
    stale = {entry.ref: _kind(entry.ref) for entry in inventory if entry.ref not in wanted}
    there = set(stale.values())
    found: dict[Ref, str] = {}
    for ref, kind in stale.items():
        cause = kind if kind not in serves.kinds else _hangs_on(ref, there)
        if cause not in serves.kinds:
            version, _, word = cause.rpartition("/")
            found[ref] = f"the cluster does not serve {version} {word} now; it is kept until it does."
    return found


def _hangs_on(ref: Ref, stale: Collection[str]) -> str:
    """The kind without which the compiler renders no such object. A canary is nothing without routes that split; of a
    Certificate and of what has a canary's name that is so only where a route went with it."""
    kind = _kind(ref)
    if kind == _CERTIFICATE or "-canary-" in f"{ref.name}-":
        return _ROUTE if _ROUTE in stale else kind
    return _WITH.get(kind, kind)


def _kind(ref: Ref) -> str:
    return f"{ref.api_version}/{ref.kind}"
