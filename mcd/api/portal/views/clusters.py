"""Clusters and node pools: whether they answer, what they serve, how many devices are there, used and free, by whom.

Pure. Of Apps that the person may not see only the sum is told. It must not judge where a pod fits.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mcd import model
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.words import n_
from mcd.kube.asked import shown
from mcd.kube.stock import NodeStock, Stock, is_device

SERVES: Mapping[str, str] = {
    "gateway.networking.k8s.io/v1/HTTPRoute": n_("Gateway API"),
    "networking.k8s.io/v1/Ingress": n_("Ingress"),
    "keda.sh/v1alpha1/ScaledObject": n_("KEDA"),
    "cert-manager.io/v1/Certificate": n_("cert-manager"),
    "monitoring.coreos.com/v1/PodMonitor": n_("Prometheus Operator"),
}
"""What of a cluster's kinds is told by name."""


@dataclass(frozen=True, slots=True)
class ClusterRow:
    name: str
    idc: str
    sign: Sign
    version: str
    message: str
    since: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClusterList:
    rows: tuple[ClusterRow, ...]
    next_cursor: str | None
    first: bool


@dataclass(frozen=True, slots=True)
class Use:
    """Who has how much of a resource. `who` empty: others, whom the person may not see."""

    who: str
    line: str
    count: str


@dataclass(frozen=True, slots=True)
class Amount:
    """One resource of a pool. `part` is for a bar: used of total, 0 to 100."""

    name: str
    title: str
    total: str
    used: str
    free: str
    part: int
    uses: tuple[Use, ...]
    device: bool


@dataclass(frozen=True, slots=True)
class PoolRow:
    name: str
    cluster: str
    devices: tuple[str, ...]
    dedicated_to: str
    arch: str
    labels: tuple[str, ...]
    taints: tuple[str, ...]
    nodes: int = 0
    ready: int = 0
    simulated: int = 0
    """Nodes of these that only play one."""
    amounts: tuple[Amount, ...] = ()

    @property
    def url(self) -> str:
        return f"/node-pools/{self.cluster}/{self.name}"


@dataclass(frozen=True, slots=True)
class PoolList:
    """`at`: when the nodes were counted; None: nobody has yet. `trouble`: why there is nothing newer, per cluster."""

    pools: tuple[PoolRow, ...]
    clusters: tuple[str, ...]
    cluster: str
    at: datetime | None
    troubles: tuple[tuple[str, str], ...]
    next_cursor: str | None = None
    first: bool = True


@dataclass(frozen=True, slots=True)
class ClusterPage:
    row: ClusterRow
    serves: tuple[tuple[str, bool], ...]
    kinds: tuple[str, ...]
    storage_classes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    pools: tuple[PoolRow, ...]
    more_pools: bool
    lines: tuple[str, ...]
    """Product lines there that the person may see."""


@dataclass(frozen=True, slots=True)
class PoolPage:
    pool: PoolRow
    nodes: tuple[tuple[str, Sign, tuple[tuple[str, str], ...]], ...]
    """Name, state, and `free / total` of each resource."""
    at: datetime | None
    trouble: str


def cluster_row(cluster: model.Cluster) -> ClusterRow:
    ready = cluster.state.condition(model.ConditionType.READY)
    away = model.why_away(cluster.state)
    told = sign("unknown") if away is not None else sign(model.state_word(cluster.state).value)
    return ClusterRow(
        cluster.name,
        cluster.idc,
        told,
        cluster.serves.kubernetes,
        ready.message if ready is not None else "",
        ready.last_transition if ready is not None else None,
        cluster.seen_at,
    )


def cluster_page(
    cluster: model.Cluster, pools: Iterable[model.NodePool], lines: Iterable[str], *, more_pools: bool
) -> ClusterPage:
    kinds = cluster.serves.kinds
    return ClusterPage(
        cluster_row(cluster),
        tuple((title, kind in kinds) for kind, title in SERVES.items()),
        tuple(sorted(kinds)),
        cluster.serves.storage_classes,
        tuple((key, _as_written(value)) for key, value in sorted(cluster.facts.items())),
        tuple(pool_row(pool, None, {}) for pool in pools),
        more_pools,
        tuple(sorted(lines)),
    )


def _as_written(value: object) -> str:
    """A fact as a file of facts may say it: JSON is YAML too."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def pool_row(pool: model.NodePool, stock: Stock | None, lines: Mapping[str, str]) -> PoolRow:
    """`lines`: namespace → product line, of those that the person may see."""
    nodes = nodes_of(pool, stock) if stock is not None else ()
    return PoolRow(
        pool.name,
        pool.cluster,
        tuple(f"{d.vendor} {d.model}" + (f" × {d.per_node}" if d.per_node else "") for d in pool.devices),
        pool.dedicated_to or "",
        pool.arch,
        tuple(f"{key}={value}" for key, value in sorted(pool.labels.items())),
        tuple(f"{t['key']}={t.get('value', '')}:{t.get('effect', '')}" for t in pool.taints),
        len(nodes),
        sum(node.ready for node in nodes),
        sum(node.simulated for node in nodes),
        _amounts(pool, nodes, stock, lines) if stock is not None else (),
    )


def nodes_of(pool: model.NodePool, stock: Stock) -> tuple[NodeStock, ...]:
    wanted = pool.labels.items()
    return tuple(node for node in stock.nodes if all(node.labels.get(key) == value for key, value in wanted))


def _amounts(
    pool: model.NodePool, nodes: tuple[NodeStock, ...], stock: Stock, lines: Mapping[str, str]
) -> tuple[Amount, ...]:
    names = {node.name for node in nodes}
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for node in nodes:
        for name, number in node.has.items():
            totals[name] += number
    by: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for held in stock.held:
        if held.node not in names:
            continue
        line = lines.get(held.namespace, "")
        whose = (held.app, line) if held.app and line else ("", "")
        for name, number in held.amounts.items():
            if name in totals and number:
                by[name][whose] += number
    models = {d.resource: f"{d.vendor} {d.model}" for d in pool.devices if d.resource}
    found = []
    for name in sorted(totals, key=lambda n: (not is_device(n), n)):
        used, total = sum(by[name].values(), Decimal(0)), totals[name]
        free = max(Decimal(0), total - used)
        holders = sorted(by[name].items(), key=lambda item: (not item[0][0], -item[1], item[0]))
        part = min(100, int(used * 100 / total)) if total else 0
        found.append(
            Amount(
                name, models.get(name, name), shown(name, total), shown(name, used), shown(name, free), part,
                tuple(Use(app, line, shown(name, number)) for (app, line), number in holders), is_device(name),
            )
        )  # fmt: skip
    return tuple(found)


_UP = Sign(n_("ready"), "circle-check", "good")
_PLAYED = Sign(n_("simulated: nothing runs in it"), "info-circle", "wait")
_DOWN = Sign(n_("not ready"), "circle-x", "bad")


def pool_page(
    pool: model.NodePool, stock: Stock | None, lines: Mapping[str, str], at: datetime | None, trouble: str
) -> PoolPage:
    rows = []
    for node in nodes_of(pool, stock) if stock is not None else ():
        used: dict[str, Decimal] = defaultdict(Decimal)
        for held in stock.held if stock is not None else ():
            if held.node == node.name:
                for name, number in held.amounts.items():
                    used[name] += number
        cells = tuple(
            (name, f"{shown(name, max(Decimal(0), total - used[name]))} / {shown(name, total)}")
            for name, total in sorted(node.has.items(), key=lambda item: (not is_device(item[0]), item[0]))
        )
        up = _PLAYED if node.simulated else _UP
        rows.append((node.name, up if node.ready else _DOWN, cells))
    return PoolPage(pool_row(pool, stock, lines), tuple(rows), at, trouble)
