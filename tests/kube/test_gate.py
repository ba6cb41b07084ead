"""The object gate against hand-made bad objects: the renderer is bypassed, nothing of it may pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from mcd.errors import Code, McdError
from mcd.kube.gate import LINE_KINDS, Bounds, check
from mcd.kube.inventory import stamped
from mcd.objects import HASH, MANAGED_BY, OWNER, Object
from tests.kube.given import OWNER as US
from tests.kube.given import config, deployment, obj, service

HERE = Bounds("default")


def marked(o: Object) -> Object:
    return stamped(copy.deepcopy(o), US)


def pod(o: Object) -> dict[str, Any]:
    found: dict[str, Any] = o["spec"]["template"]["spec"]
    return found


def first(o: Object) -> dict[str, Any]:
    found: dict[str, Any] = pod(o)["containers"][0]
    return found


def test_what_we_render_passes() -> None:
    for o in (config(), service(), deployment()):
        check(marked(o), HERE)


ESCAPES: dict[str, Callable[[Object], Any]] = {
    "hostNetwork": lambda o: pod(o).update(hostNetwork=True),
    "hostPID": lambda o: pod(o).update(hostPID=True),
    "hostIPC": lambda o: pod(o).update(hostIPC=True),
    "hostUsers": lambda o: pod(o).update(hostUsers=True),
    "nodeName": lambda o: pod(o).update(nodeName="real-1"),
    "hostPath": lambda o: pod(o).update(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "nfs": lambda o: pod(o).update(volumes=[{"name": "v", "nfs": {"server": "x", "path": "/"}}]),
    "csi": lambda o: pod(o).update(volumes=[{"name": "v", "csi": {"driver": "x"}}]),
    "serviceAccountToken": lambda o: pod(o).update(
        volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]
    ),
    "token mounted": lambda o: pod(o).pop("automountServiceAccountToken"),
    "foreign account": lambda o: pod(o).update(serviceAccountName="mcd-controller"),
    "foreign account, old name": lambda o: pod(o).update(serviceAccount="mcd-controller"),
    "root": lambda o: pod(o)["securityContext"].pop("runAsNonRoot"),
    "unconfined": lambda o: pod(o)["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "unconfined container": lambda o: first(o)["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "sysctl": lambda o: pod(o)["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "privileged": lambda o: first(o)["securityContext"].update(privileged=True),
    "escalation": lambda o: first(o)["securityContext"].pop("allowPrivilegeEscalation"),
    "no context": lambda o: first(o).pop("securityContext"),
    "capability": lambda o: first(o)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    "nothing dropped": lambda o: first(o)["securityContext"].pop("capabilities"),
    "procMount": lambda o: first(o)["securityContext"].update(procMount="Unmasked"),
    "seLinux": lambda o: first(o)["securityContext"].update(seLinuxOptions={"type": "spc_t"}),
    "hostPort": lambda o: first(o).update(ports=[{"containerPort": 80, "hostPort": 80}]),
    "raw device": lambda o: first(o).update(volumeDevices=[{"name": "v", "devicePath": "/dev/sda"}]),
    "privileged init": lambda o: pod(o).update(
        initContainers=[{"name": "i", "securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}]
    ),
    "other namespace": lambda o: o["metadata"].update(namespace="kube-system"),
    "no namespace": lambda o: o["metadata"].pop("namespace"),
    "owner reference": lambda o: o["metadata"].update(ownerReferences=[{"uid": "x"}]),
    "finalizer": lambda o: o["metadata"].update(finalizers=["x/y"]),
    "no label": lambda o: o["metadata"]["labels"].pop(MANAGED_BY),
    "no owner": lambda o: o["metadata"]["annotations"].pop(OWNER),
    "no hash": lambda o: o["metadata"]["annotations"].pop(HASH),
    "no name": lambda o: o["metadata"].pop("name"),
    "status": lambda o: o.update(status={}),
    "kind": lambda o: o.update(kind="DaemonSet"),
    "api version": lambda o: o.update(apiVersion="apps/v1beta1"),
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_an_escape_is_refused_in_one_line_that_names_it(escape: str) -> None:
    bad = marked(deployment())
    ESCAPES[escape](bad)
    with pytest.raises(McdError) as refused:
        check(bad, HERE)
    assert (refused.value.code, refused.value.reason) == (Code.FORBIDDEN, "Policy")
    assert "\n" not in str(refused.value)


def test_the_pod_of_a_cron_job_is_looked_at_too() -> None:
    template = deployment()["spec"]["template"]
    cron = obj("batch/v1", "CronJob", "c", spec={"jobTemplate": {"spec": {"template": template}}})
    check(marked(cron), HERE)
    template["spec"]["hostPID"] = True
    with pytest.raises(McdError):
        check(marked(cron), HERE)


@pytest.mark.parametrize(
    "bad",
    [
        obj("v1", "Service", "s", spec={"type": "LoadBalancer"}),
        obj("v1", "Service", "s", spec={"type": "NodePort"}),
        obj("v1", "Service", "s", spec={"externalIPs": ["1.2.3.4"]}),
        obj("v1", "Service", "s", spec={"type": "ExternalName", "externalName": "evil"}),
        obj("v1", "Secret", "s", stringData={"a": "b"}),
        obj("v1", "Secret", "s", type="kubernetes.io/service-account-token"),
        obj("v1", "Namespace", "kube-system", ""),
        obj("rbac.authorization.k8s.io/v1", "Role", "r", rules=[]),
        obj("v1", "Pod", "p", spec={}),
    ],
)
def test_an_app_may_not_write_it(bad: Object) -> None:
    with pytest.raises(McdError):
        check(marked(bad), HERE)


LINE = Bounds("demo", LINE_KINDS)
LEVEL = "pod-security.kubernetes.io/enforce"


def namespace(name: str = "demo", level: str = "restricted") -> Object:
    found = obj("v1", "Namespace", name, "")
    found["metadata"]["labels"][LEVEL] = level
    return found


def test_a_product_line_may_write_its_namespace_and_no_other() -> None:
    check(marked(namespace()), LINE)
    for bad in (namespace("kube-system"), namespace(level="privileged"), obj("v1", "Namespace", "demo", "")):
        with pytest.raises(McdError):
            check(marked(bad), LINE)


def test_a_role_may_only_read_and_never_secrets() -> None:
    def role(**rule: Any) -> Object:
        return obj("rbac.authorization.k8s.io/v1", "Role", "mcd-reader", "demo", rules=[rule])

    check(marked(role(verbs=["get", "list", "watch"], resources=["pods"], apiGroups=[""])), LINE)
    for bad in (role(verbs=["create"], resources=["pods"]), role(verbs=["*"], resources=["pods"]),
                role(verbs=["get"], resources=["secrets"]), role(verbs=["get"], resources=["*"])):  # fmt: skip
        with pytest.raises(McdError):
            check(marked(bad), LINE)


def test_a_binding_may_grant_only_the_roles_of_mcd() -> None:
    def binding(kind: str, name: str) -> Object:
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        return obj("rbac.authorization.k8s.io/v1", "RoleBinding", "b", "demo", roleRef=ref, subjects=[])

    check(marked(binding("ClusterRole", "mcd-line-controller")), LINE)
    check(marked(binding("Role", "mcd-reader")), LINE)
    with pytest.raises(McdError):
        check(marked(binding("ClusterRole", "cluster-admin")), LINE)
