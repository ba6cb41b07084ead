"""Everything that the local cluster serves is taken by it: one App with all that an App can be made of, pushed.

Pods are played where they can be: what counts is that the API server accepts each object and that nobody is told a
thing that is not so.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance import apps, stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World, typed

APP = "acc-whole"
CLUSTER = "acc-rich"
KINDS = (
    "ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "Service", "Deployment", "StatefulSet", "CronJob",
    "HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget", "NetworkPolicy", "HTTPRoute", "ListenerSet",
    "Certificate", "PodMonitor", "PrometheusRule",
)  # fmt: skip


def _file(world: World) -> str:
    pool = "    node_pool: sim\n" if world.real else ""
    return f"""appname: {APP}
permdir: {{size: 1Gi}}
components:
  web:
    type: web
    image: {apps.IMAGE}
{pool}    oauth: {{allow: [staff], skip: [/healthz]}}
    domains: [{{host: whole.example.com, tls: auto}}]
    autoscale: {{min: 2, max: 4, rps: 20, p95: 300ms}}
    metrics: true
    files: {{/etc/whole/level: {{content: "level={{{{ .Env.LEVEL }}}}", template: true}}}}
    env: {{LEVEL: info}}
    sidecars: {{log: {{image: "{apps.IMAGE}", files: {{/etc/log: quiet}}}}}}
  api:
    type: service
    image: {apps.IMAGE}
{pool}    ports: {{grpc: 9000}}
    autoscale: {{min: 2, max: 3, cpu: 60, memory: 80}}
  store:
    type: service
    image: {apps.IMAGE}
{pool}    ports: {{main: 6000}}
    permdir: false
    stateful: {{path: /var/store, size: 1Gi}}
    replicas: 2
  tidy:
    type: cron
    image: {apps.IMAGE}
{pool}    schedule: "0 3 * * *"
"""


def _line(world: World) -> str:
    """A product line on the same cluster, of which people say that it signs people in and issues certificates."""
    found: str | None = world.kept.get("rich")
    if found is not None:
        return found
    gateway = world.cluster["gateway"]
    facts: dict[str, Any] = {
        "base_domain": world.cluster["base_domain"],
        "gateway": {"name": gateway["name"], "namespace": gateway["namespace"], "listener_set": True},
        "oauth": {"issuer_url": "https://sso.example.com", "image": apps.IMAGE},
        "cert_issuer": "letters",
    }
    told = world.work / "rich.yaml"
    told.write_text(yaml.safe_dump(facts))
    kubeconfig = str(world.kubeconfig("mcd"))
    world.mcd("cluster", "create", CLUSTER, "--kubeconfig", kubeconfig, "--facts", str(told)).ok()
    for pool in world.described["node_pools"]:
        body = {key: value for key, value in pool.items() if key not in ("name", "nodes")}
        given = yaml.safe_dump(body)
        world.mcd("node-pool", "set", pool["name"], "--cluster", CLUSTER, "-f", "-", given=given).ok()
    name = f"acc-rich-{secrets.token_hex(3)}"
    stage.add_line_on(world, name, CLUSTER)
    world.later.callback(world.kubectl, "delete", "namespace", name, "--ignore-not-found", "--wait=false")
    words = ("CLIENT_ID", "CLIENT_SECRET", "COOKIE_SECRET")
    keys = "".join(f"OAUTH2_PROXY_{word}=0123456789abcdef\n" for word in words)
    world.mcd("secret", "set", "mcd-oauth", "-p", name, "--from-stdin", given=keys).ok()
    world.kept["rich"] = name
    return name


def whole(world: World) -> Seen:
    line = _line(world)
    folder = world.repository(APP, {"app.yaml": _file(world)})
    world.mcd("app", "create", APP, "-p", line).ok()
    pushed = world.push(folder, APP)
    if pushed.code != 0:
        raise Miss(pushed.text[-600:])
    world.ready(APP, 60)
    chosen = ("-n", line, "-l", f"app.kubernetes.io/instance={APP}", "-o", "json")
    items = world.kubectl("get", ",".join(KINDS), *chosen).json()["items"]
    found: dict[str, int] = {}
    for item in items:
        found[item["kind"]] = found.get(item["kind"], 0) + 1
    missing = [kind for kind in KINDS if kind not in found]
    if missing:
        raise Miss(f"not there: {', '.join(missing)}; there: {found}")
    return Seen(f"all accepted: {', '.join(f'{kind} {count}' for kind, count in sorted(found.items()))}")


def said(world: World) -> Seen:
    """What nobody here does (KEDA, certificates, listeners) is said of a component that is healthy."""

    def look() -> str | None:
        words = " ".join(world.mcd("status", APP).text.split())
        wanted = ("KEDA has not looked at it", "is not issued", "no gateway has taken ListenerSet")
        return words if all(word in words for word in wanted) else None

    words = world.until(look, 150, lambda: " ".join(world.mcd("status", APP).text.split())[-500:], pause=3.0)
    begins = words.index("It does not scale")
    return Seen(words[begins : begins + 400])


ELSEWHERE = "acc-bare"
_LEFT_OUT = ("keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io", "cert-manager.io")
_BOTH = f"""appname: NAME
permdir: {{size: 1Gi}}
components:
  web:
    type: web
    image: {apps.IMAGE}
    node_pool: gpu-t4
    permdir: false
    metrics: true
    autoscale: {{min: 1, max: 3, rps: 20}}
  keeper:
    type: daemon
    image: {apps.IMAGE}
    node_pool: gpu-t4
"""


def _bare(world: World) -> dict[str, Any]:
    """Another cluster of this home that serves no kind but Kubernetes' own."""
    home = Path(str(world.cluster["home"]))
    hands = world.hands(MCD_CLUSTER_HOME=str(home))
    command = [str(world.bin / "python"), "-m", "scripts.cluster"]
    typed([*command, "up", "--name", ELSEWHERE], hands, world.checkout, None, 180).ok()
    world.later.callback(typed, [*command, "reset", "--name", ELSEWHERE], hands, world.checkout, None, 120)
    found: dict[str, Any] = stage.described(world.checkout, home)["clusters"][ELSEWHERE]
    kubectl = [str(world.bin / "kubectl"), "--kubeconfig", found["kubeconfigs"]["admin"]]
    listed = typed([*kubectl, "get", "crd", "-o", "name"], hands, world.work).ok().out.split()
    gone = [name for name in listed if name.endswith(_LEFT_OUT)]
    typed([*kubectl, "delete", *gone, "--wait=true"], hands, world.work, None, 120).ok()
    return found


def elsewhere(world: World) -> Seen:
    """One file, two clusters: each gets what it can carry out, and what is left out is told at the push."""
    bare = _bare(world)
    facts = world.work / "bare.yaml"
    facts.write_text(yaml.safe_dump({"storage": {"default": "standard", "shared": None}}))
    kubeconfig = bare["kubeconfigs"]["mcd"]
    world.mcd("cluster", "create", ELSEWHERE, "--kubeconfig", kubeconfig, "--facts", str(facts)).ok()
    for pool in bare["node_pools"]:
        given = yaml.safe_dump({key: value for key, value in pool.items() if key not in ("name", "nodes")})
        world.mcd("node-pool", "set", pool["name"], "--cluster", ELSEWHERE, "-f", "-", given=given).ok()
    line = f"acc-bare-{secrets.token_hex(3)}"
    stage.add_line_on(world, line, ELSEWHERE)
    there, words = _both(world, "acc-there", line, bare["kubeconfigs"]["admin"])
    here, _ = _both(world, "acc-here", world.line, str(world.kubeconfig("admin")))
    only_here, only_there = sorted(here - there), sorted(there - here)
    told = [one.strip() for one in words.splitlines() if f'cluster "{ELSEWHERE}" has no' in one]
    if not {"ScaledObject", "HTTPRoute", "PodMonitor"} <= set(only_here) or "HorizontalPodAutoscaler" not in only_there:
        raise Miss(f"only here {only_here}, only there {only_there}; {words[-300:]}")
    if len(told) < 3:
        raise Miss(f"told at the push: {words[-600:]}")
    return Seen(f"only here: {', '.join(only_here)}; only there: {', '.join(only_there)}; told: {' · '.join(told)}")


def _both(world: World, name: str, line: str, kubeconfig: str) -> tuple[set[str], str]:
    """Pushes the file into a product line until it is ready. Answers the kinds that are there and what git was told."""
    folder = world.repository(name, {"app.yaml": _BOTH.replace("NAME", name)})
    world.mcd("app", "create", name, "-p", line).ok()
    pushed = world.push(folder, name).ok()
    world.ready(name, 60)
    kubectl = [str(world.bin / "kubectl"), "--kubeconfig", kubeconfig, "-n", line]
    served = typed([*kubectl, "api-resources", "--namespaced", "--no-headers"], world.hands(), world.work).ok().out
    kinds = [kind for kind in KINDS if any(row.split()[-1] == kind for row in served.splitlines())]
    chosen = ["-l", f"app.kubernetes.io/instance={name}", "-o", "json"]
    items = typed([*kubectl, "get", ",".join(kinds), *chosen], world.hands(), world.work).json()["items"]
    return {str(item["kind"]) for item in items}, pushed.err


CHECKS = (
    Check("served.whole", "git push of an App with sign-in, TLS, KEDA, metrics, permdir, stateful, files, a sidecar",
          "every object accepted by the API server; ready", whole, 180, in_slice=True),
    Check("served.said", "mcd status, two minutes later", "what nobody here does is said beside the healthy component",
          said, 200),
    Check("served.elsewhere", "git push of one app.yaml to this cluster and to one that serves Kubernetes' own kinds",
          "ready on both; what the other lacks is told at the push", elsewhere, 300),
)  # fmt: skip
