"""The storage classes of the local cluster, as objects. Pure."""

from __future__ import annotations

from scripts.cluster.layout import Cluster


def manifest(cluster: Cluster) -> str:
    return ""
