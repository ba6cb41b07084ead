"""The storage classes: a claim gets a volume when a pod asks for it, and what is written lasts until the claim goes."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.cluster import processes, storage
from scripts.cluster.layout import Cluster
from scripts.cluster.provisioner import Provisioner
from tests.servers.cluster import LocalCluster, local_cluster, real_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class _Place:
    """A namespace of ours in a cluster."""

    cluster: LocalCluster
    namespace: str

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments, given=given)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", given=json.dumps({"kind": "List", "apiVersion": "v1", "items": objects}))

    def get(self, *what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *what, "-o", "json"))
        return found

    def until(self, what: str, missing: Any) -> None:
        processes.wait_until(what, missing, 60)

    def phase(self, claim: str) -> str:
        return str(self.get("persistentvolumeclaim", claim)["status"]["phase"])

    def volume(self, claim: str) -> dict[str, Any]:
        name = self.get("persistentvolumeclaim", claim)["spec"]["volumeName"]
        found: dict[str, Any] = json.loads(self.cluster.kubectl("get", "persistentvolume", name, "-o", "json"))
        return found


def _claim(name: str, kind: str = "", mode: str = "ReadWriteOnce", size: str = "1Gi") -> dict[str, Any]:
    spec: dict[str, Any] = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    if kind:
        spec["storageClassName"] = kind
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def _pod(name: str, claim: str, script: str) -> dict[str, Any]:
    """A pod as `restricted` wants it, of a user that is not root and that the volume is made writable for."""
    container = {
        "name": "main",
        "image": "localhost/pause:1",
        "imagePullPolicy": "Never",
        "command": ["/bin/busybox", "sh", "-c", f"{script}; exec /bin/busybox sleep 600"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    user = {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001, "runAsNonRoot": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": user,
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def _in(cluster: LocalCluster) -> Iterator[_Place]:
    namespace = f"storage-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", namespace)
    try:
        yield _Place(cluster, namespace)
    finally:
        # The cluster with the one real node may be another test's, and gone with all that was in it.
        if cluster.kubeconfig("admin").exists():
            cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def real() -> Iterator[_Place]:
    with real_cluster() as cluster:
        yield from _in(cluster)


@pytest.fixture(scope="module")
def played() -> Iterator[_Place]:
    with local_cluster("sim") as cluster:
        yield from _in(cluster)


@pytest.mark.real_node
def test_what_a_pod_writes_is_there_for_the_next_one_and_gone_with_the_claim(real: _Place) -> None:
    real.apply(_claim("kept"), _pod("first", "kept", "echo 42 > /data/number"))
    real.kubectl("wait", "--for=condition=Ready", "pod/first", "--timeout=60s")
    assert real.phase("kept") == "Bound"
    folder = Path(real.volume("kept")["spec"]["local"]["path"])
    name = folder.name
    real.until("the file", lambda: "" if (folder / "number").exists() else "not written yet")
    real.kubectl("delete", "pod", "first", "--wait")
    real.apply(_pod("second", "kept", "true"))
    real.kubectl("wait", "--for=condition=Ready", "pod/second", "--timeout=60s")
    assert real.kubectl("exec", "second", "--", "/bin/busybox", "cat", "/data/number").strip() == "42"
    assert folder.parent == real.cluster.home / "clusters" / "local" / "volumes"
    assert folder.parent.stat().st_mode & 0o077 == 0, "nobody else on this machine may look into volumes"
    real.kubectl("delete", "pod", "second", "--wait")
    real.kubectl("delete", "persistentvolumeclaim", "kept", "--wait")
    real.until("the folder to go", lambda: "it is there" if folder.exists() else "")

    def left() -> str:
        return "it is there" if name in real.cluster.kubectl("get", "persistentvolumes", "-o", "name") else ""

    real.until("the volume to go", left)


@pytest.mark.real_node
def test_two_pods_share_a_volume_of_the_class_shared(real: _Place) -> None:
    real.apply(_claim("both", "shared", "ReadWriteMany"))
    real.apply(_pod("one", "both", "echo hello > /data/from-one"), _pod("two", "both", "true"))
    real.kubectl("wait", "--for=condition=Ready", "pod/one", "pod/two", "--timeout=60s")

    def missing() -> str:
        try:
            read = real.kubectl("exec", "two", "--", "/bin/busybox", "cat", "/data/from-one")
        except AssertionError as error:
            return str(error)
        return "" if read.strip() == "hello" else read

    real.until("what one wrote", missing)


@pytest.mark.real_node
def test_a_claim_may_grow_and_the_cluster_refuses_that_it_shrinks(real: _Place) -> None:
    real.apply(_claim("grown", size="1Gi"), _pod("grown", "grown", "true"))
    real.kubectl("wait", "--for=condition=Ready", "pod/grown", "--timeout=60s")
    real.apply(_claim("grown", size="3Gi"))

    def missing() -> str:
        said = str(real.get("persistentvolumeclaim", "grown")["status"]["capacity"]["storage"])
        return "" if said == "3Gi" else said

    real.until("3Gi", missing)
    assert real.volume("grown")["spec"]["capacity"]["storage"] == "3Gi"
    with pytest.raises(AssertionError, match="can not be less than"):
        real.apply(_claim("grown", size="2Gi"))


@pytest.mark.real_node
def test_a_claim_that_no_class_can_keep_waits_and_says_why(real: _Place) -> None:
    real.apply(_claim("wide", "standard", "ReadWriteMany"), _pod("wide", "wide", "true"))
    wanted = 'storage class "standard" has no ReadWriteMany volumes. Use the class "shared".'
    real.until("the reason", lambda: "" if wanted in real.kubectl("get", "events") else "no such event")
    assert real.phase("wide") == "Pending"


@pytest.mark.real_node
def test_it_is_killed_and_goes_on_by_the_next_up_with_what_was_asked_for_meanwhile(real: _Place) -> None:
    home = real.cluster.home
    live = processes.running(home, "local/storage")
    assert live is not None
    os.kill(live.pid, signal.SIGKILL)
    foreign = home / "clusters" / "local" / "volumes" / "not-ours"
    foreign.mkdir()
    try:
        (foreign / "file").write_text("somebody's")
        real.apply(_claim("late"), _pod("late", "late", "true"))
        assert real.cluster.control("up").returncode == 0
        real.kubectl("wait", "--for=condition=Ready", "pod/late", "--timeout=60s")
        assert (foreign / "file").read_text() == "somebody's"
    finally:
        (foreign / "file").unlink(missing_ok=True)
        foreign.rmdir()


def test_on_simulated_nodes_claims_are_bound_and_nothing_is_on_a_disk(played: _Place) -> None:
    played.apply(_claim("one"), _claim("many", "shared", "ReadWriteMany"))
    played.apply(_pod("one", "one", "true"), _pod("many", "many", "true"), _pod("more", "many", "true"))
    played.kubectl("wait", "--for=condition=Ready", "pod/one", "pod/many", "pod/more", "--timeout=60s")
    assert (played.phase("one"), played.phase("many")) == ("Bound", "Bound")
    folder = Path(played.volume("one")["spec"]["local"]["path"])
    assert not folder.exists()
    assert played.cluster.described["storage"] == {"default": "standard", "shared": "shared", "fast": None}


# --- without a cluster ------------------------------------------------------------------------------------------------

_UID = "0f3e4a52-9d57-4a6a-8f0e-0c1d2e3f4a5b"


class _Answers:
    """The API server as the provisioner sees it: what it holds, and what was sent to it."""

    def __init__(self, claims: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> None:
        self.held = {"/api/v1/persistentvolumeclaims": claims, "/api/v1/persistentvolumes": volumes}
        self.sent: list[tuple[str, str]] = []

    def get(self, path: str) -> tuple[int, Any]:
        return 200, {"items": self.held[path]}

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        self.sent.append((method, path))
        return 200, {}


def _released(path: str, name: str = f"pvc-{_UID}") -> dict[str, Any]:
    made = {"pv.kubernetes.io/provisioned-by": storage.PROVISIONER}
    spec = {"storageClassName": "standard", "persistentVolumeReclaimPolicy": "Delete", "local": {"path": path}}
    return {"metadata": {"name": name, "uid": "u", "annotations": made}, "spec": spec, "status": {"phase": "Released"}}


@pytest.mark.parametrize("name", [f"pvc-{_UID}", "pvc-..", "..", f"pvc-{_UID}/../../x"])
def test_a_volume_that_names_another_folder_deletes_nothing(tmp_path: Path, name: str) -> None:
    outside, volumes = tmp_path / "outside", tmp_path / "volumes"
    for folder in (outside, volumes / f"pvc-{_UID}"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("kept")
    api = _Answers([], [_released(str(outside), name)])
    Provisioner(volumes, api).look()  # type: ignore[arg-type]
    assert (outside / "file").exists()
    assert (volumes / f"pvc-{_UID}" / "file").exists()
    assert api.sent == []


def test_a_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    outside, volumes = tmp_path / "outside", tmp_path / "volumes"
    outside.mkdir()
    volumes.mkdir()
    (outside / "file").write_text("kept")
    (volumes / f"pvc-{_UID}").symlink_to(outside)
    Provisioner(volumes, _Answers([], [_released(str(volumes / f"pvc-{_UID}"))])).look()  # type: ignore[arg-type]
    assert (outside / "file").exists()


def test_only_an_empty_folder_without_a_claim_is_swept(tmp_path: Path) -> None:
    other = _UID.replace("0f3e", "1f3e")
    for name in (f"pvc-{_UID}", f"pvc-{other}", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / f"pvc-{other}" / "file").write_text("kept")
    Provisioner(tmp_path, _Answers([], [])).look()  # type: ignore[arg-type]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine", f"pvc-{other}"]


def test_the_volumes_lie_below_the_cluster_s_own_folder() -> None:
    cluster = Cluster(Path("/home/x"), "local", "real", {"local/api": 1})
    assert storage.folder(cluster) == Path("/home/x/clusters/local/volumes")
