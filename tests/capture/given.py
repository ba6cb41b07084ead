"""The objects that a state is provoked with: an App "shop" with one component "web", as plain dicts.

It must not know a state, nor touch a cluster.
"""

from __future__ import annotations

from typing import Any

from mcd.objects import Object

COMPONENT = "web"
LABELS = {
    "app.kubernetes.io/instance": "shop",
    "app.kubernetes.io/managed-by": "mcd",
    "app.kubernetes.io/name": "shop",
    "app.kubernetes.io/part-of": "demo",
    "app.kubernetes.io/component": COMPONENT,
}
OTHERS = {**LABELS, "app.kubernetes.io/instance": "engine", "app.kubernetes.io/component": "train"}
"""The labels of another App of the same product line, which has what this one waits for."""
IMAGE = "localhost/pause:1"
"""busybox and nothing else; every real node has it."""
POOL = "mcd.internal/node-pool"


def obj(api_version: str, kind: str, name: str, **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": dict(LABELS)}, **fields}


def shell(script: str) -> list[str]:
    return ["/bin/busybox", "sh", "-c", script]


SLEEP = ["/bin/busybox", "sleep", "3600"]


def container(command: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"name": COMPONENT, "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    if command is not None:
        base["command"] = command
    base["resources"] = {"requests": {"cpu": "10m", "memory": "8Mi"}}
    return {**base, **fields}


def template(main: dict[str, Any], **spec: Any) -> dict[str, Any]:
    whole = {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [main], **spec}
    return {"metadata": {"labels": dict(LABELS)}, "spec": whole}


def deployment(main: dict[str, Any] | None = None, *, replicas: int = 1, **spec: Any) -> Object:
    """The workload of the component."""
    made = template(main if main is not None else container(SLEEP), **spec)
    fields = {"replicas": replicas, "selector": {"matchLabels": dict(LABELS)}, "template": made}
    return obj("apps/v1", "Deployment", "shop-web", spec=fields)


def occupant(main: dict[str, Any], *, replicas: int = 1, **spec: Any) -> Object:
    """Another App, which has what this one waits for."""
    found = deployment(main, replicas=replicas, **spec)
    found["metadata"] = {"name": "engine-train", "labels": dict(OTHERS)}
    found["spec"]["selector"] = {"matchLabels": dict(OTHERS)}
    found["spec"]["template"]["metadata"]["labels"] = dict(OTHERS)
    return found


def asking(**amounts: str) -> dict[str, Any]:
    """Resources: `nvidia.com/gpu` is written with limits, as it must be."""
    devices = {name: number for name, number in amounts.items() if "/" in name}
    plain = {"cpu": "10m", "memory": "8Mi", **{n: a for n, a in amounts.items() if "/" not in n}}
    return {"requests": {**plain, **devices}, **({"limits": devices} if devices else {})}


def only_on(pool: str) -> dict[str, Any]:
    """The part of a pod's spec that lets it run in a pool of simulated nodes."""
    return {"nodeSelector": {POOL: pool}, "tolerations": tolerating(pool)}


def tolerating(pool: str) -> list[dict[str, str]]:
    return [{"key": POOL, "operator": "Equal", "value": pool, "effect": "NoSchedule"}]


def model_is(product: str) -> dict[str, Any]:
    """Affinity to nodes with one model of devices."""
    terms = [{"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": [product]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": required}


def simulated_node(name: str, pool: str, **allocatable: str) -> Object:
    """One more node that KWOK plays."""
    has = {"cpu": "32", "memory": "128Gi", "pods": "500", "ephemeral-storage": "1Ti", **allocatable}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", POOL: pool}
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [{"key": POOL, "value": pool, "effect": "NoSchedule"}]},
        "status": {"capacity": has, "allocatable": has},
    }  # fmt: skip


def job(main: dict[str, Any], **spec: Any) -> Object:
    made = template(main, restartPolicy="Never")
    return obj("batch/v1", "Job", "shop-web", spec={"backoffLimit": 1, "template": made, **spec})


def claim(name: str, **spec: Any) -> Object:
    fields = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return obj("v1", "PersistentVolumeClaim", name, spec=fields)


def with_claim(name: str) -> Object:
    """The component with a volume of this claim."""
    mounted = container(SLEEP, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    return deployment(mounted, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": name}}])


def with_files(files: dict[str, str], mode: int, command: list[str]) -> list[Object]:
    """The component with a config map as its program's folder."""
    mounted = container(command, volumeMounts=[{"name": "files", "mountPath": "/app"}])
    volume = {"name": "files", "configMap": {"name": "files", "defaultMode": mode}}
    return [obj("v1", "ConfigMap", "files", data=files), deployment(mounted, volumes=[volume])]


def probe(kind: str, action: dict[str, Any], **numbers: int) -> dict[str, Any]:
    timing = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 1, **numbers}
    return {kind: {**action, **timing}}


def get(path: str = "/healthz", port: int = 8080) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}}


def service(selector: dict[str, str]) -> Object:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    return obj("v1", "Service", "shop-web", spec={"selector": selector, "ports": ports})


def route(**spec: Any) -> Object:
    backend = {"name": "shop-web", "port": 80}
    rules = [{"backendRefs": [backend]}]
    parents = [{"name": "mcd", "namespace": "mcd-gateway"}]
    fields = {"hostnames": ["shop.apps.localhost"], "parentRefs": parents, "rules": rules, **spec}
    return obj("gateway.networking.k8s.io/v1", "HTTPRoute", "shop-web", spec=fields)


def hpa(most: int, percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    of = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-web"}
    spec = {"minReplicas": 1, "maxReplicas": most, "scaleTargetRef": of, "metrics": [metric]}
    return obj("autoscaling/v2", "HorizontalPodAutoscaler", "shop-web", spec=spec)
