"""Leaves out what an App can live without where the cluster does not serve it, and says so (app-yaml 6.15).

A file that is valid at one site must deploy at another. What protects the App is never left out here.
"""

from __future__ import annotations

from mcd.appyaml.context import ClusterFacts
from mcd.appyaml.record import replace
from mcd.appyaml.resolve.rollout import without_a_gateway
from mcd.appyaml.resolve.scaling import without_keda
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings


def without_what_the_cluster_lacks(
    component: ComponentSpec, cluster: ClusterFacts, findings: Findings
) -> ComponentSpec:
    """The component as this cluster can run it; each thing that is left out is a warning at its field."""
    path: Path = ("components", component.name)
    autoscale = without_keda(component.autoscale, cluster, path, findings)
    rollout = without_a_gateway(component.rollout, cluster, path, findings)
    if autoscale is not component.autoscale or rollout is not component.rollout:
        component = replace(component, autoscale=autoscale, rollout=rollout)
    web = component.web
    if web is None or cluster.gateway_api:
        return component
    if cluster.ingress_class is None:
        message = f'cluster "{cluster.name}" has neither Gateway API nor Ingress: the route is left out.'
        findings.warn("cluster.degraded", path, message, key=True)
        return component
    if web.request_timeout is not None:
        message = f'cluster "{cluster.name}" has no Gateway API: request_timeout is left out.'
        findings.warn("cluster.degraded", (*path, "request_timeout"), message)
    if web.h2c:
        message = f'cluster "{cluster.name}" has no Gateway API: h2c is left out.'
        findings.warn("cluster.degraded", (*path, "protocol"), message)
    return replace(component, web=replace(web, request_timeout=None, h2c=False))
