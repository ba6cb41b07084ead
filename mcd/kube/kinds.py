"""The kinds that MCD reads or writes: their path on the API server and whether they live in a namespace.

A literal table, so that no discovery request is needed to find a path. It must not know how a request is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from mcd.errors import Code, McdError, echo
from mcd.kube.cluster import Kind
from mcd.model import Reason
from mcd.objects import Ref


@dataclass(frozen=True, slots=True)
class Served:
    """How a kind is reached: the plural word of the URL, and whether its objects have a namespace."""

    plural: str
    namespaced: bool = True


NODE, STORAGE_CLASS = Kind("v1", "Node"), Kind("storage.k8s.io/v1", "StorageClass")

KINDS: dict[Kind, Served] = {
    Kind("v1", "Namespace"): Served("namespaces", namespaced=False),
    NODE: Served("nodes", namespaced=False),
    Kind("v1", "PersistentVolume"): Served("persistentvolumes", namespaced=False),
    Kind("v1", "ConfigMap"): Served("configmaps"),
    Kind("v1", "Event"): Served("events"),
    Kind("v1", "LimitRange"): Served("limitranges"),
    Kind("v1", "PersistentVolumeClaim"): Served("persistentvolumeclaims"),
    Kind("v1", "Pod"): Served("pods"),
    Kind("v1", "ResourceQuota"): Served("resourcequotas"),
    Kind("v1", "Secret"): Served("secrets"),
    Kind("v1", "Service"): Served("services"),
    Kind("v1", "ServiceAccount"): Served("serviceaccounts"),
    Kind("apps/v1", "Deployment"): Served("deployments"),
    Kind("apps/v1", "ReplicaSet"): Served("replicasets"),
    Kind("apps/v1", "StatefulSet"): Served("statefulsets"),
    Kind("batch/v1", "CronJob"): Served("cronjobs"),
    Kind("batch/v1", "Job"): Served("jobs"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"): Served("horizontalpodautoscalers"),
    Kind("discovery.k8s.io/v1", "EndpointSlice"): Served("endpointslices"),
    Kind("networking.k8s.io/v1", "Ingress"): Served("ingresses"),
    Kind("networking.k8s.io/v1", "NetworkPolicy"): Served("networkpolicies"),
    Kind("policy/v1", "PodDisruptionBudget"): Served("poddisruptionbudgets"),
    Kind("rbac.authorization.k8s.io/v1", "Role"): Served("roles"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"): Served("rolebindings"),
    STORAGE_CLASS: Served("storageclasses", namespaced=False),
    Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"): Served("customresourcedefinitions", namespaced=False),
    Kind("gateway.networking.k8s.io/v1", "Gateway"): Served("gateways"),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute"): Served("httproutes"),
    Kind("gateway.networking.k8s.io/v1", "ListenerSet"): Served("listenersets"),
    Kind("keda.sh/v1alpha1", "ScaledObject"): Served("scaledobjects"),
    Kind("keda.sh/v1alpha1", "TriggerAuthentication"): Served("triggerauthentications"),
    Kind("cert-manager.io/v1", "Certificate"): Served("certificates"),
    Kind("monitoring.coreos.com/v1", "PodMonitor"): Served("podmonitors"),
    Kind("monitoring.coreos.com/v1", "PrometheusRule"): Served("prometheusrules"),
}
"""Every kind that MCD may ask an API server for. What the cluster really serves is for `Cluster.serves` to say."""

GROUPS = frozenset(kind.api_version.rpartition("/")[0] for kind in KINDS)
"""The API groups of `KINDS`. Discovery of any other group may fail without harm."""


def served(api_version: str, kind: str) -> Served:
    """Raises McdError(invalid) for a kind that MCD does not know."""
    try:
        return KINDS[Kind(api_version, kind)]
    except KeyError:
        raise McdError(
            Code.INVALID,
            f'MCD does not work with objects of kind "{echo(f"{api_version}/{kind}")}".',
            "This is a bug in MCD: nothing was sent.",
            reason=Reason.POLICY,
        ) from None


def collection_path(api_version: str, kind: str, namespace: str = "") -> str:
    """The path of all objects of a kind; of one namespace if one is given."""
    how = served(api_version, kind)
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    if how.namespaced and namespace:
        return f"{root}/namespaces/{quote(namespace, safe='')}/{how.plural}"
    return f"{root}/{how.plural}"


def object_path(ref: Ref) -> str:
    """The path of one object. Raises McdError(invalid) when a namespace is missing or there should be none."""
    how = served(ref.api_version, ref.kind)
    if how.namespaced != bool(ref.namespace) or not ref.name:
        raise McdError(
            Code.INVALID,
            f"{ref}: a {ref.kind} needs {'a' if how.namespaced else 'no'} namespace.",
            reason=Reason.POLICY,
        )
    return f"{collection_path(ref.api_version, ref.kind, ref.namespace)}/{quote(ref.name, safe='')}"
