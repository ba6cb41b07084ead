"""Looks up what a decision about a Rollout needs: its own objects, and whatever else of its App the cluster holds.

One door for a pass and for a dry run, or the two would see different clusters. It must not decide, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.kube.cluster import Kind
from mcd.kube.decision import Intent
from mcd.kube.gate import APP_KINDS
from mcd.kube.kinds import KINDS
from mcd.kube.live import LiveObjects
from mcd.kube.secret import KIND as SECRET
from mcd.model import Cluster
from mcd.objects import Object, Ref


def kinds_of_apps(cluster: Cluster) -> tuple[Kind, ...]:
    """The kinds that an App may be made of and that the cluster serves. Secrets are not among them: nothing runs in
    one, and they are watched only where something needs them."""
    return tuple(
        kind
        for kind in KINDS
        if kind.kind in APP_KINDS and kind != SECRET and cluster.serves.has(kind.api_version, kind.kind)
    )


async def seen_for(intent: Intent, live: LiveObjects) -> Mapping[Ref, Object | None]:
    """Every reference of `intent.refs`, None for what does not exist, and each other object with the App's label: one
    that a later database made is named by nothing that this one knows."""
    item = intent.item
    beside = await live.of_kinds(kinds_of_apps(item.cluster), item.line.namespace, item.app.name)
    return {**beside, **await live.get(intent.refs, fresh=intent.asked)}
