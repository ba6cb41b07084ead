"""The real node: bridge, containerd, kubelet, kube-proxy, and taking them away again without a trace.

There is one per machine, because the bridge, the host name and the rules of kube-proxy are the machine's. It must not
delete a mount, a bridge or a line of /etc/hosts that it did not make.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

from scripts.cluster import binaries, credentials, layout, packages, processes, simulated, state, traces
from scripts.cluster.controlplane import answers
from scripts.cluster.layout import Cluster
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.processes import Component

_CLAIM = Path("/run/mcd-real-node")
_HOSTS = Path("/etc/hosts")
_HOSTS_LINE = f"127.0.0.1 {layout.REAL_NODE} # mcd local cluster"
PAUSE_IMAGE = "localhost/pause:1"


def runtime(home: Path) -> Path:
    """The folder of sockets and mounts: short, because the path of a socket may have 107 characters only."""
    return Path("/run") / f"mcd-{hashlib.sha256(str(home).encode()).hexdigest()[:8]}"


def socket(home: Path) -> Path:
    return runtime(home) / "containerd.sock"


def run(*command: str, data: bytes | None = None, seconds: float = 60.0) -> str:
    """Run a system program and return its output.

    Raises:
        ClusterProblem: it failed; with its own last line.
    """
    path = packages.program(command[0])
    if path is None:
        raise ClusterProblem(f"{command[0]} is missing for the real node. Install it, or use MCD_NODE=sim.")
    try:
        done = subprocess.run([path, *command[1:]], input=data, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ClusterProblem(f"{' '.join(command[:3])} took more than {seconds:.0f} s.") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ClusterProblem(f"{' '.join(command[:3])}: {said[-1]}")
    return done.stdout.decode(errors="replace")


# --- the machine -----------------------------------------------------------------------------------------------------


def claim(home: Path) -> None:
    """Take the machine's one real node for this home.

    Raises:
        ClusterProblem: another home has it, this is not root, or the addresses are used by something else.
    """
    if os.geteuid() != 0:
        raise ClusterProblem("a real node needs root (network, mounts, cgroups). Become root, or use MCD_NODE=sim.")
    owner = claimed_by()
    if owner is not None and owner != home:
        raise ClusterProblem(
            f"this machine's real node belongs to the cluster in {owner}. "
            f"Stop that one and its MCD: make down MCD_CLUSTER_HOME={owner}. Or use MCD_NODE=sim."
        )
    _refuse_foreign_addresses()
    traces.note(home)
    state.write(_CLAIM, f"{processes.boot()}\n{home}\n", 0o644)


def claimed_by() -> Path | None:
    """The home that has the machine's real node, even when all its processes were killed; a reboot ends every claim."""
    try:
        boot, owner = _CLAIM.read_text().splitlines()
    except (OSError, ValueError):
        return None
    return Path(owner) if boot == processes.boot() else None


def release() -> None:
    _CLAIM.unlink(missing_ok=True)


def _refuse_foreign_addresses() -> None:
    for interface in json.loads(run("ip", "-j", "-4", "address", "show")):
        for address in interface.get("addr_info", ()):
            local = str(address.get("local", ""))
            if local.startswith("10.88.0.") and interface["ifname"] != layout.BRIDGE:
                raise ClusterProblem(
                    f"interface {interface['ifname']} has {local}, which the pods' network {layout.POD_RANGE} needs "
                    "(podman uses it too). Take it down, or use MCD_NODE=sim."
                )


def raise_bridge() -> None:
    """Make the bridge before any pod does: DNS and metrics listen on its address."""
    present = subprocess.run(["ip", "link", "show", layout.BRIDGE], capture_output=True, check=False).returncode == 0
    if not present:
        run("ip", "link", "add", layout.BRIDGE, "type", "bridge")
    if layout.BRIDGE_ADDRESS not in run("ip", "-4", "address", "show", "dev", layout.BRIDGE):
        run("ip", "address", "add", f"{layout.BRIDGE_ADDRESS}/24", "dev", layout.BRIDGE)
    run("ip", "link", "set", layout.BRIDGE, "up")
    for name in ("ip_forward", "conf/all/forwarding"):
        Path(f"/proc/sys/net/ipv4/{name}").write_text("1\n")


def name_host() -> None:
    """The API server reaches the kubelet by the node's name."""
    lines = _HOSTS.read_text().splitlines()
    if _HOSTS_LINE not in lines:
        with _HOSTS.open("a") as file:
            file.write(f"{_HOSTS_LINE}\n")


def unname_host() -> None:
    text = _HOSTS.read_text()
    if _HOSTS_LINE in text.splitlines():
        # Written in place: in a container the file is a mount and cannot be replaced.
        _HOSTS.write_text("".join(f"{line}\n" for line in text.splitlines() if line != _HOSTS_LINE))


# --- files -----------------------------------------------------------------------------------------------------------


def prepare(cluster: Cluster) -> None:
    """Write the configuration of containerd, CNI, kubelet and kube-proxy."""
    node, short = cluster.home / "node", runtime(cluster.home)
    for folder in (node / "containerd", node / "kubelet", short):
        folder.mkdir(parents=True, exist_ok=True)
    state.write(node / "containerd.toml", _containerd_toml(node, short))
    state.write(node / "cni" / "10-mcd.conflist", json.dumps(_cni(short), indent=1))
    state.write(node / "kubelet.yaml", json.dumps(_kubelet_config(cluster), indent=1))
    state.write(node / "kube-proxy.yaml", json.dumps(_kube_proxy_config(cluster), indent=1))
    # Pods ask CoreDNS, and CoreDNS asks nobody else: what is not in the cluster is not found, quickly.
    state.write(node / "resolv.conf", f"nameserver {layout.BRIDGE_ADDRESS}\n", 0o644)


def _containerd_toml(node: Path, short: Path) -> str:
    return f"""version = 2
root = "{node}/containerd"
state = "{short}/containerd"
oom_score = 0
[grpc]
  address = "{short}/containerd.sock"
[ttrpc]
  address = "{short}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{_snapshotter(node)}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{short}/runc"
"""


def _snapshotter(folder: Path) -> str:
    # overlayfs cannot lie on overlayfs, which is what the root of a container is.
    found = run("stat", "-f", "-c", "%T", str(folder)).strip()
    return "native" if found in ("overlayfs", "UNKNOWN (0x794c7630)") else "overlayfs"


def _cni(short: Path) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(short / "cni"),
        "ranges": [[{"subnet": layout.POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": layout.BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {
        "cniVersion": "1.0.0",
        "name": traces.NETWORK,
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _kubelet_config(cluster: Cluster) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": cluster.port("kubelet"),
        "healthzPort": cluster.port("kubelet-healthz"),
        "containerRuntimeEndpoint": f"unix://{socket(cluster.home)}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [layout.BRIDGE_ADDRESS],
        "resolvConf": str(cluster.home / "node" / "resolv.conf"),
        # It listens on the loopback interface only, where whoever can connect is already on this machine.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "registerNode": True,
        "maxPods": 200,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        # A developer's disk is often nearly full, and a pod that is evicted for it is a riddle.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
        "imageGCHighThresholdPercent": 98,
        "imageGCLowThresholdPercent": 95,
        "containerLogMaxSize": "10Mi",
        "shutdownGracePeriod": "0s",
        # kube-proxy's nftables need none of them, and nobody would take them away again.
        "makeIPTablesUtilChains": False,
        "volumePluginDir": str(cluster.home / "node" / "volume-plugins"),
        "podLogsDir": str(cluster.home / "node" / "pod-logs"),
    }


def _kube_proxy_config(cluster: Cluster) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": layout.REAL_NODE,
        "clusterCIDR": layout.POD_RANGE,
        "clientConnection": {"kubeconfig": str(credentials.kubeconfig(cluster.folder, "kube-proxy"))},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": f"127.0.0.1:{cluster.port('kube-proxy-healthz')}",
        "metricsBindAddress": "",
        "nodePortAddresses": ["127.0.0.0/8"],
    }


# --- processes -------------------------------------------------------------------------------------------------------


def containerd(cluster: Cluster) -> Component:
    config = cluster.home / "node" / "containerd.toml"
    program = packages.program("containerd") or "containerd"

    def ready() -> str:
        try:
            run("ctr", "--address", str(socket(cluster.home)), "version", seconds=5)
        except ClusterProblem as problem:
            return str(problem)
        return ""

    return Component(cluster.component("containerd"), (program, "--config", str(config)), ready, files=(config,))


def kubelet(cluster: Cluster) -> Component:
    node = cluster.home / "node"
    command = (
        str(binaries.path("kubelet")),
        f"--config={node}/kubelet.yaml",
        f"--kubeconfig={credentials.kubeconfig(cluster.folder, 'kubelet')}",
        f"--root-dir={node}/kubelet",
        f"--cert-dir={node}/kubelet-certs",
        f"--hostname-override={layout.REAL_NODE}",
        f"--node-labels={simulated.POOL}=general",
    )
    address = f"http://127.0.0.1:{cluster.port('kubelet-healthz')}/healthz"
    name = cluster.component("kubelet")
    return Component(name, command, lambda: answers(address), files=(node / "kubelet.yaml",), stop_seconds=15)


def kube_proxy(cluster: Cluster) -> Component:
    config = cluster.home / "node" / "kube-proxy.yaml"
    command = (str(binaries.path("kube-proxy")), f"--config={config}")
    address = f"http://127.0.0.1:{cluster.port('kube-proxy-healthz')}/livez"
    return Component(cluster.component("kube-proxy"), command, lambda: answers(address), files=(config,))


def import_pause(home: Path) -> None:
    """Give containerd the image that holds a pod's network namespace, made from busybox."""
    ctr = ("ctr", "--address", str(socket(home)), "-n", "k8s.io", "images")
    if PAUSE_IMAGE in run(*ctr, "ls", "-q").split():
        return
    busybox = packages.program("busybox")
    if busybox is None:
        raise ClusterProblem("busybox is missing for the real node. Install the Debian package busybox-static.")
    run(*ctr, "import", "-", data=pause_archive(Path(busybox).read_bytes()))


def pause_archive(busybox: bytes) -> bytes:
    """An OCI archive with one layer: busybox, which sleeps for 68 years. Equal input gives equal bytes."""
    layer = _tar({"bin/busybox": busybox}, 0o755)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _described("application/vnd.oci.image.config.v1+json", config),
            "layers": [_described("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    named = {"io.containerd.image.name": PAUSE_IMAGE}
    described = {**_described("application/vnd.oci.image.manifest.v1+json", manifest), "annotations": named}
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": [described]}),
    }
    files |= {f"blobs/sha256/{_digest(blob)[7:]}": blob for blob in (layer, config, manifest)}
    return _tar(files, 0o644)


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _described(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}
