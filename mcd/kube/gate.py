"""The object gate: the last look at an object before it is sent, independent of whoever rendered it.

Pure. It refuses what MCD never writes, however it came to be; it must not mend an object or trust the renderer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcd.errors import Code, McdError, echo
from mcd.kube.cluster import Kind
from mcd.kube.kinds import KINDS
from mcd.model import Reason
from mcd.objects import HASH, MANAGED_BY, OWNER, Object, ref_of

APP_KINDS = frozenset({
    "ServiceAccount", "NetworkPolicy", "ConfigMap", "Secret", "PersistentVolumeClaim", "Job", "Service", "Deployment",
    "StatefulSet", "CronJob", "PodDisruptionBudget", "HorizontalPodAutoscaler", "TriggerAuthentication",
    "ScaledObject", "Certificate", "ListenerSet", "HTTPRoute", "Ingress", "PodMonitor", "PrometheusRule",
})  # fmt: skip
"""What an App may be made of."""

LINE_KINDS = frozenset({
    "Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "Role", "RoleBinding", "Secret",
})  # fmt: skip
"""What a ProductLine may be made of."""

LINE_CLUSTER_ROLES = frozenset({"mcd-line-controller", "mcd-line-api"})
"""The ClusterRoles that a RoleBinding of ours may grant."""

_VOLUMES = frozenset(
    {"configMap", "secret", "projected", "downwardAPI", "emptyDir", "persistentVolumeClaim", "ephemeral"}
)
_PROJECTED = frozenset({"configMap", "secret", "downwardAPI"})
_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})
_SYSCTLS = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
})  # fmt: skip
_READ_VERBS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where and what one pass may write. `security` is the product line's Pod Security level."""

    namespace: str
    kinds: frozenset[str] = APP_KINDS
    security: str = "restricted"


def check(obj: Object, bounds: Bounds) -> None:
    """Raises McdError(forbidden, reason Policy) that names the object and the field."""
    refusal = next(iter(_refusals(obj, bounds)), None)
    if refusal is not None:
        name = obj.get("metadata", {}).get("name", "?") if isinstance(obj.get("metadata"), dict) else "?"
        raise McdError(
            Code.FORBIDDEN,
            f"{echo(str(obj.get('kind')))}/{echo(str(name))}: {refusal}.",
            "MCD never writes such an object; nothing was sent.",
            reason=Reason.POLICY,
        )


def _refusals(obj: Object, bounds: Bounds) -> Iterator[str]:
    kind, meta = obj.get("kind"), obj.get("metadata")
    if kind not in bounds.kinds or Kind(str(obj.get("apiVersion")), str(kind)) not in KINDS:
        yield f"kind {echo(str(obj.get('apiVersion')))}/{echo(str(kind))} is not one that may be written here"
        return
    if not isinstance(meta, dict) or not meta.get("name"):
        yield "metadata.name is missing"
        return
    if kind == "Namespace":
        if ref_of(obj).name != bounds.namespace or meta.get("namespace"):
            yield f'the namespace of this product line is "{echo(bounds.namespace)}"'
    elif meta.get("namespace") != bounds.namespace:
        yield f'metadata.namespace is not "{echo(bounds.namespace)}"'
    for field in ("ownerReferences", "finalizers", "generateName", "managedFields"):
        if meta.get(field):
            yield f"metadata.{field} is not allowed"
    annotations = meta.get("annotations") or {}
    if (meta.get("labels") or {}).get(MANAGED_BY) != "mcd":
        yield f"label {MANAGED_BY}: mcd is missing"
    if not annotations.get(OWNER) or not annotations.get(HASH):
        yield f"annotation {OWNER} or {HASH} is missing"
    if "status" in obj:
        yield "status is not ours to write"
    yield from _by_kind(str(kind), obj, bounds)


def _by_kind(kind: str, obj: Object, bounds: Bounds) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if kind in ("Deployment", "StatefulSet", "Job"):
        yield from _pod(spec.get("template") or {}, "spec.template.spec", bounds)
    elif kind == "CronJob":
        template = ((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
        yield from _pod(template, "spec.jobTemplate.spec.template.spec", bounds)
    elif kind == "Service":
        if spec.get("type", "ClusterIP") != "ClusterIP":
            yield f"spec.type {echo(str(spec['type']))} opens the Service to the outside"
        if spec.get("externalIPs") or spec.get("externalName"):
            yield "spec.externalIPs and spec.externalName are not allowed"
    elif kind == "Secret":
        if "stringData" in obj:
            yield "stringData is not allowed: it is never read back, so drift could not be seen. Use data"
        if str(obj.get("type", "Opaque")) == "kubernetes.io/service-account-token":
            yield "a Secret of type kubernetes.io/service-account-token would be a credential of the cluster"
    elif kind == "Role":
        for rule in obj.get("rules") or ():
            if not set(rule.get("verbs") or ()) <= _READ_VERBS or {"secrets", "*"} & set(rule.get("resources") or ()):
                yield "rules may only get, list and watch, and never secrets"
    elif kind == "RoleBinding":
        role = obj.get("roleRef") or {}
        if role.get("kind") == "ClusterRole" and role.get("name") not in LINE_CLUSTER_ROLES:
            yield f"roleRef: ClusterRole {echo(str(role.get('name')))} is not one that may be granted"
    elif kind == "Namespace":
        level = (obj["metadata"].get("labels") or {}).get("pod-security.kubernetes.io/enforce")
        if level not in ("restricted", "baseline"):
            yield "label pod-security.kubernetes.io/enforce must be restricted or baseline"


def _pod(template: Mapping[str, Any], path: str, bounds: Bounds) -> Iterator[str]:
    spec = template.get("spec") or {}
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{path}.{field} is not allowed"
    if spec.get("hostUsers") or spec.get("nodeName"):
        yield f"{path}: hostUsers and nodeName are not allowed"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{path}.automountServiceAccountToken must be false"
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    instance = ((template.get("metadata") or {}).get("labels") or {}).get("app.kubernetes.io/instance")
    if account and account != instance:
        yield f"{path}.serviceAccountName {echo(str(account))} belongs to another App"
    context = spec.get("securityContext") or {}
    if bounds.security == "restricted" and context.get("runAsNonRoot") is not True:
        yield f"{path}.securityContext.runAsNonRoot must be true"
    yield from _context(context, f"{path}.securityContext")
    if {s.get("name") for s in context.get("sysctls") or ()} - _SYSCTLS:
        yield f"{path}.securityContext.sysctls has one that is not safe"
    for volume in spec.get("volumes") or ():
        yield from _volume(volume, path)
    for group in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(group) or ():
            yield from _container(container, f"{path}.{group}[{echo(str(container.get('name')))}]", bounds)


def _volume(volume: Mapping[str, Any], path: str) -> Iterator[str]:
    where = f"{path}.volumes[{echo(str(volume.get('name')))}]"
    kinds = set(volume) - {"name"}
    if not kinds <= _VOLUMES:
        yield f"{where}: {', '.join(sorted(kinds - _VOLUMES))} is not allowed"
    for source in (volume.get("projected") or {}).get("sources") or ():
        if not set(source) <= _PROJECTED:
            yield f"{where}: a projected {', '.join(sorted(set(source) - _PROJECTED))} is not allowed"


def _container(container: Mapping[str, Any], path: str, bounds: Bounds) -> Iterator[str]:
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        yield f"{path}.securityContext.privileged is not allowed"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{path}.securityContext.allowPrivilegeEscalation must be false"
    capabilities = context.get("capabilities") or {}
    if set(capabilities.get("add") or ()) - _CAPABILITIES:
        yield f"{path}.securityContext.capabilities.add is not allowed"
    if bounds.security == "restricted" and "ALL" not in (capabilities.get("drop") or ()):
        yield f"{path}.securityContext.capabilities.drop must be [ALL]"
    if context.get("procMount", "Default") != "Default":
        yield f"{path}.securityContext.procMount is not allowed"
    yield from _context(context, f"{path}.securityContext")
    if any(port.get("hostPort") or port.get("hostIP") for port in container.get("ports") or ()):
        yield f"{path}.ports: hostPort is not allowed"
    if container.get("volumeDevices"):
        yield f"{path}.volumeDevices is not allowed"


def _context(context: Mapping[str, Any], path: str) -> Iterator[str]:
    """What a pod's and a container's security context have in common."""
    for kind, allowed in (
        ("seccompProfile", ("RuntimeDefault", "Localhost")),
        ("appArmorProfile", ("RuntimeDefault", "Localhost")),
    ):
        if (context.get(kind) or {}).get("type", allowed[0]) not in allowed:
            yield f"{path}.{kind} is not allowed"
    if context.get("seLinuxOptions") or context.get("windowsOptions"):
        yield f"{path}: seLinuxOptions and windowsOptions are not allowed"
