"""Every state that can be provoked, and how: the objects that are applied, and what is done to them then.

A table. Each state has a namespace of its own; what it needs of nodes is its own too, so that all are provoked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcd.kube.around import PATIENCE
from mcd.model.why import Why
from mcd.objects import Object
from tests.capture.given import (
    LABELS,
    SLEEP,
    asking,
    claim,
    container,
    deployment,
    get,
    hpa,
    job,
    model_is,
    obj,
    occupant,
    only_on,
    probe,
    route,
    service,
    shell,
    simulated_node,
    tolerating,
    with_claim,
    with_files,
)

REGISTRY = "REGISTRY"
"""Stands for the address of the played registry in the objects below."""

_AROUND = PATIENCE.total_seconds()


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is done once a path of the API answers as `when` says. `path` and `body` may name {namespace}."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    after: Callable[[Any], bool] | None = None
    """Of what GET answers at `watch`."""
    watch: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """How a state is provoked. `wide` are objects without a namespace; `first` are applied before the rest, and their
    pods get their places. `patience` are the seconds that MCD itself waits before it tells."""

    why: Why
    objects: tuple[Object, ...]
    kind: str = "Deployment"
    source: str = "real"
    first: tuple[Object, ...] = ()
    wide: tuple[Object, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    then: tuple[Change, ...] = ()
    patience: float = 0.0
    seconds: float = 150.0
    """After which it should have come."""
    has: str = ""
    """Words that the sentence has when it is whole: a state may begin without them."""
    name: str = ""
    """Of the case, where one state has several."""

    @property
    def case(self) -> str:
        return self.name or self.why.value


def _image(why: Why, image: str, **fields: Any) -> State:
    return State(why, (deployment(container(SLEEP, image=image, **fields)),))


def _env(why: Why, ref: str, key: str, *objects: Object) -> State:
    value = [{"name": "URL", "valueFrom": {ref: {"name": "settings", "key": key}}}]
    return State(why, (*objects, deployment(container(SLEEP, env=value))))


def _command(why: Why, command: list[str], *, name: str = "", **fields: Any) -> State:
    return State(why, (deployment(container(command, **fields)),), name=name)


def _secret(name: str, **data: str) -> Object:
    return obj("v1", "Secret", name, stringData=data)


_READY = "/apis/apps/v1/namespaces/{namespace}/deployments/shop-web"


def _is_ready(answer: Any) -> bool:
    return bool((answer.get("status") or {}).get("availableReplicas"))


PODS: tuple[State, ...] = (
    _image(Why.IMAGE_NOT_FOUND, f"{REGISTRY}/no/such:1"),
    _image(Why.IMAGE_REFUSED, f"{REGISTRY}/private/shop:1"),
    _image(Why.REGISTRY_UNREACHABLE, "127.0.0.1:9/shop/web:1"),
    _image(Why.IMAGE_ARCHITECTURE, f"{REGISTRY}/other/shop:1"),
    _image(Why.IMAGE_NAME, "UPPER:bad:name"),
    _image(Why.IMAGE_NEVER, "localhost/none:1", imagePullPolicy="Never"),
    _image(Why.IMAGE_SLOW, f"{REGISTRY}/slow/shop:1"),
    _env(Why.SECRET_MISSING, "secretKeyRef", "url"),
    _env(Why.SECRET_KEY_MISSING, "secretKeyRef", "url", _secret("settings", other="x")),
    _env(Why.CONFIGMAP_MISSING, "configMapKeyRef", "url"),
    _env(Why.CONFIGMAP_KEY_MISSING, "configMapKeyRef", "url", obj("v1", "ConfigMap", "settings", data={"other": "x"})),
    State(Why.MOUNT_BAD, (
        obj("v1", "ConfigMap", "settings", data={"other": "x"}),
        deployment(
            container(SLEEP, volumeMounts=[{"name": "f", "mountPath": "/app"}]),
            volumes=[{"name": "f", "configMap": {"name": "settings", "items": [{"key": "nope", "path": "nope"}]}}],
        ),
    )),
    State(Why.SECRET_MISSING, (
        deployment(
            container(SLEEP, volumeMounts=[{"name": "f", "mountPath": "/app"}]),
            volumes=[{"name": "f", "secret": {"secretName": "settings"}}],
        ),
    ), name="secret-missing-mounted"),
    _command(Why.COMMAND_MISSING, ["/no/such/program", "--serve"]),
    State(Why.COMMAND_NOT_EXECUTABLE, tuple(with_files({"run": "#!/bin/busybox sh\n"}, 0o444, ["/app/run"]))),
    State(Why.COMMAND_ARCHITECTURE, tuple(with_files({"run": "no program\n"}, 0o555, ["/app/run"]))),
    _command(Why.READ_ONLY_FILES, shell("echo starting; echo x > /data.txt || exit 5"),
             securityContext={"readOnlyRootFilesystem": True}),
    _command(Why.RUNS_AS_ROOT, SLEEP, securityContext={"runAsNonRoot": True}),
    _command(Why.ENDS_WITH_SUCCESS, shell("echo done")),
    _command(Why.ENDS_WITH_CODE, shell("echo KeyError: URL >&2; exit 3")),
    State(Why.CRASH_LOOP, (deployment(container(shell("echo starting; echo 'KeyError: URL'; exit 3"))),),
          has="the next try comes at"),
    _command(Why.OUT_OF_MEMORY, shell("echo loading; exec /bin/busybox tail /dev/zero"),
             resources={"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "32Mi"}}),
    _command(Why.KILLED_BY_LIVENESS, shell("trap 'exit 0' TERM; while :; do /bin/busybox sleep 1; done"),
             **probe("livenessProbe", get("/alive"))),
    State(Why.SIDECAR_FAILS, (deployment(initContainers=[
        {**container(shell("echo 'no upstream'; exit 4")), "name": "nginx", "restartPolicy": "Always"},
    ]),)),
    _command(Why.STARTUP_TIMEOUT, SLEEP, **probe("startupProbe", get("/up"), failureThreshold=2)),
    _command(Why.NOTHING_LISTENS, SLEEP, **probe("readinessProbe", get())),
    _command(Why.HTTP_CODE, ["/bin/busybox", "httpd", "-f", "-p", "8080"], **probe("readinessProbe", get())),
    _command(Why.PROBE_TIMEOUT, ["/bin/busybox", "nc", "-ll", "-p", "8080", "-e", "/bin/busybox", "sleep", "60"],
             **probe("readinessProbe", get())),
    _command(Why.PROBE_OTHER, SLEEP, **probe("readinessProbe", {"exec": {"command": ["/bin/busybox", "false"]}})),
    State(Why.VOLUME_FULL, (deployment(
        container(shell("/bin/busybox dd if=/dev/zero of=/data/f bs=64k count=64 || exit 7"),
                  volumeMounts=[{"name": "d", "mountPath": "/data"}]),
        volumes=[{"name": "d", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
    ),)),
    State(Why.UNKNOWN, (deployment(runtimeClassName="why-unknown"),), wide=(
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "why-unknown"},
         "handler": "no-such-handler"},
    )),
)  # fmt: skip

_T4: dict[str, Any] = {"affinity": model_is("Tesla-T4"), "tolerations": tolerating("gpu-t4")}
_GPU = "nvidia.com/gpu"


def _anti() -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": dict(LABELS)}, "topologyKey": "kubernetes.io/hostname"}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def _cordoned(node: Object) -> Object:
    return {**node, "spec": {**node["spec"], "unschedulable": True}}


def _labelled(node: Object) -> Object:
    labels = {**node["metadata"]["labels"], "disk": "ssd"}
    return {**node, "metadata": {**node["metadata"], "labels": labels}}


def _silent_node(name: str, pool: str) -> Object:
    """The same node, of which nobody says any more that it is there: KWOK does not play it, and it was ready."""
    node = simulated_node(name, pool)
    node["metadata"].pop("annotations")
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    then = "2026-01-01T00:00:00Z"
    node["status"]["conditions"] = [{**ready, "lastHeartbeatTime": then, "lastTransitionTime": then}]
    return node


_SMALL, _LOST, _GONE, _FULL = "why-small", "why-lost", "why-gone", "why-full"

PLACING: tuple[State, ...] = (
    State(Why.NO_SUCH_NODE, (deployment(container(SLEEP, resources=asking(**{_GPU: "1"})),
                                        affinity=model_is("Tesla-V100"), tolerations=tolerating("gpu-t4")),),
          source="simulated"),
    State(Why.DEVICES_BUSY, (deployment(container(SLEEP, resources=asking(**{_GPU: "1"})), **_T4),),
          first=(occupant(container(SLEEP, resources=asking(**{_GPU: "4"})), replicas=2, **_T4),), source="simulated"),
    State(Why.TOO_BIG, (deployment(container(SLEEP, resources=asking(memory="900Gi"))),)),
    State(Why.NODES_NOT_READY, (deployment(**only_on(_GONE)),), source="simulated",
          wide=(_cordoned(simulated_node("why-gone-1", _GONE)),)),
    State(Why.NODE_TAINT, (deployment(nodeSelector={"mcd.internal/node-pool": "gpu-a100"}),), source="simulated"),
    State(Why.NODES_DIFFER, (deployment(nodeSelector={"disk": "ssd"}),), source="simulated", wide=(
        _cordoned(_labelled(simulated_node("why-differ-1", _SMALL))), _labelled(simulated_node("why-differ-2", _SMALL)),
    )),
    State(Why.NODES_FULL, (deployment(container(SLEEP, resources=asking(cpu="3")), **only_on(_FULL)),),
          source="simulated", wide=(simulated_node("why-full-1", _FULL, cpu="4"),),
          first=(occupant(container(SLEEP, resources=asking(cpu="2")), **only_on(_FULL)),)),
    State(Why.POD_LIMIT, (deployment(**only_on("why-pods")),), source="simulated",
          wide=(simulated_node("why-pods-1", "why-pods", pods="1"),),
          first=(occupant(container(SLEEP), **only_on("why-pods")),)),
    State(Why.SPREAD, (deployment(replicas=2, **_anti()),)),
    State(Why.VOLUME_ELSEWHERE, (claim("data", storageClassName="why-static", volumeName="why-elsewhere"),
                                 with_claim("data")), source="simulated", wide=(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "why-elsewhere"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "why-static",
            "hostPath": {"path": "/data"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": ["sim-1"]}]}]}}}},
    )),
    State(Why.EVICTED, (deployment(container(
        shell("/bin/busybox dd if=/dev/zero of=/big bs=1M count=30; /bin/busybox sleep 3600"),
        resources={"requests": {"cpu": "10m"}, "limits": {"ephemeral-storage": "2Mi"}},
    )),), seconds=180),
    State(Why.NODE_LOST, (deployment(**only_on(_LOST)),), source="simulated",
          wide=(simulated_node("why-lost-1", _LOST),), seconds=240,
          then=(Change("DELETE", "/api/v1/nodes/why-lost-1", after=_is_ready, watch=_READY),
                Change("POST", "/api/v1/nodes", _silent_node("why-lost-1", _LOST)))),
)  # fmt: skip


def _webhook() -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "why-webhook"},
        "webhooks": [{
            "name": "images.policy.test", "clientConfig": {"url": "https://127.0.0.1:9/"}, "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 2,
            "namespaceSelector": {"matchLabels": {"why": "webhook"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        }],
    }  # fmt: skip


def _policy() -> tuple[Object, ...]:
    group = "admissionregistration.k8s.io/v1"
    match = {"namespaceSelector": {"matchLabels": {"why": "policy"}}}
    rule = {"expression": "object.spec.containers.all(c, has(c.securityContext))", "message": "every container needs a "
            "securityContext"}  # fmt: skip
    constraints = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                                      "resources": ["pods"]}]}  # fmt: skip
    policy = {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "why-policy"},
              "spec": {"matchConstraints": constraints, "validations": [rule]}}  # fmt: skip
    binding = {"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "why-policy"},
               "spec": {"policyName": "why-policy", "validationActions": ["Deny"],
                        "matchResources": match}}  # fmt: skip
    return policy, binding


def _storage_class(name: str) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "disks.example.com", "volumeBindingMode": "Immediate",
    }  # fmt: skip


RULES: tuple[State, ...] = (
    State(Why.QUOTA, (obj("v1", "ResourceQuota", "mcd-quota", spec={"hard": {"requests.cpu": "100m"}}),
                      deployment(container(SLEEP, resources=asking(cpu="500m"))))),
    State(Why.LIMIT_RANGE, (
        obj("v1", "LimitRange", "mcd-limits", spec={"limits": [{"type": "Container", "max": {"cpu": "200m"}}]}),
        deployment(container(SLEEP, resources={"requests": {"cpu": "1"}, "limits": {"cpu": "1"}})))),
    State(Why.POD_SECURITY, (deployment(container(SLEEP, securityContext={"privileged": True})),),
          labels={"pod-security.kubernetes.io/enforce": "restricted"}),
    State(Why.ADMISSION_REFUSED, (deployment(),), labels={"why": "policy"}, wide=_policy()),
    State(Why.ADMISSION_UNREACHABLE, (deployment(),), labels={"why": "webhook"}, wide=(_webhook(),)),
    State(Why.CLUSTER_REFUSED, (deployment(serviceAccountName="nobody"),)),
    State(Why.CLASS_MISSING, (claim("data", storageClassName="fast"), with_claim("data"))),
    State(Why.CLAIM_MISSING, (with_claim("data"),)),
    State(Why.CLAIM_PENDING, (claim("data", storageClassName="why-none"), with_claim("data")),
          wide=(_storage_class("why-none"),)),
    State(Why.VOLUME_NOT_MADE, (claim("data", storageClassName="standard", accessModes=["ReadWriteMany"]),
                                with_claim("data"))),
    State(Why.MOUNT_FAILED, (deployment(
        container(SLEEP, volumeMounts=[{"name": "d", "mountPath": "/data"}]),
        volumes=[{"name": "d", "hostPath": {"path": "/no/such/folder", "type": "Directory"}}]),)),
)  # fmt: skip

_GRANT = [{"backendRefs": [{"name": "shop-web", "namespace": "default", "port": 80}]}]
BUSY = shell("while :; do :; done")

AROUND: tuple[State, ...] = (
    State(Why.SERVICE_WITHOUT_ENDPOINTS, (deployment(), service({"app": "other"}))),
    State(Why.ROUTE_NOT_ACCEPTED, (deployment(), service(dict(LABELS)), route(rules=_GRANT))),
    State(Why.ROUTE_WAITS, (deployment(), service(dict(LABELS)),
                            route(parentRefs=[{"name": "nobody", "namespace": "mcd-gateway"}]))),
    State(Why.CERTIFICATE_NOT_READY, (deployment(), obj("cert-manager.io/v1", "Certificate", "shop-web", spec={
        "secretName": "tls", "dnsNames": ["shop.example.com"], "issuerRef": {"name": "acme", "kind": "ClusterIssuer"},
    })), patience=_AROUND),
    State(Why.LISTENER_NOT_ACCEPTED, (deployment(), obj(
        "gateway.networking.k8s.io/v1", "ListenerSet", "shop-web", spec={
            "parentRef": {"name": "mcd", "namespace": "mcd-gateway"},
            "listeners": [{"name": "https", "hostname": "shop.example.com", "port": 443, "protocol": "HTTPS",
                           "tls": {"certificateRefs": [{"name": "tls"}]}}]})), patience=_AROUND),
    State(Why.NO_METRICS, (deployment(**only_on("sim")), hpa(3, 80)), patience=_AROUND, source="simulated"),
    State(Why.SCALER_FAILS, (deployment(container(SLEEP, resources={})), hpa(3, 80)), patience=_AROUND,
          name="scaler-fails-without-request"),
    State(Why.AT_MAXIMUM, (
        deployment(container(BUSY, resources={"requests": {"cpu": "5m"}, "limits": {"cpu": "100m"}})), hpa(1, 10),
    ), patience=_AROUND, seconds=300),
    State(Why.SCALER_FAILS, (deployment(), obj("keda.sh/v1alpha1", "ScaledObject", "shop-web", spec={
        "scaleTargetRef": {"name": "shop-web"},
        "triggers": [{"type": "cron", "metadata": {
            "timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *", "desiredReplicas": "2"}}],
    })), patience=_AROUND),
    State(Why.JOB_FAILED, (job(container(shell("echo 'no rows'; exit 3"))),), kind="Job"),
    State(Why.JOB_DEADLINE, (job(container(SLEEP), activeDeadlineSeconds=3),), kind="Job"),
    State(Why.CRON_SUSPENDED, (obj("batch/v1", "CronJob", "shop-web", spec={
        "schedule": "0 3 * * *", "suspend": True,
        "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [container(SLEEP)]}}}},
    }),), kind="CronJob"),
    State(Why.ROLLOUT_DEADLINE, ({**(d := deployment(readinessGates=[{"conditionType": "shop.test/warm"}])),
                                  "spec": {**d["spec"], "progressDeadlineSeconds": 10}},)),
    State(Why.FINALIZER_STUCK, ({**(d := deployment()), "metadata": {
        **d["metadata"], "finalizers": ["backup.example.com/snapshot"]}},),
        then=(Change("DELETE", _READY, after=_is_ready, watch=_READY),)),
    State(Why.READY, (deployment(),)),
    State(Why.STOPPED, (deployment(replicas=0),)),
)  # fmt: skip

STATES: tuple[State, ...] = (*PODS, *PLACING, *RULES, *AROUND)
assert len({state.case for state in STATES}) == len(STATES)
