"""MCD takes its own medicine: built by its own builder, installed by Helm with the chart's own rights, and upgraded.

The commands are those of docs/how-to/install.md, typed as they stand there. The MCD inside is beside the stage's own,
with a PostgreSQL, a namespace and a product line of its own. The checks follow on one another.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import yaml

from tests.acceptance import apps, stage
from tests.acceptance.medicine_stage import Clinic, Doors, account, api_server, clinic_of, database, inside_of, of_libpq
from tests.acceptance.medicine_upgrade import ROLLOUTS, upgrade
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import Ran, World

HELLO = "acc-own-hello"
HOST = "mcd-own"
_SMALL = {"requests": {"cpu": "20m", "memory": "160Mi"}, "limits": {"memory": "1Gi"}}
_TOOLS = ("pip", "pip3", "gcc", "cc", "make", "buildah", "npm", "curl")


def _clinic(world: World) -> Clinic:
    if "clinic" not in world.kept:
        world.kept["clinic"] = world.entered(_opened(world))
    return clinic_of(world)


@contextlib.contextmanager
def _opened(world: World) -> Iterator[Clinic]:
    """A PostgreSQL, the doors, and a folder; at the end everything is taken away, whatever became of the checks."""
    folder = Path(tempfile.mkdtemp(prefix="mcd-own-", dir="/tmp"))
    namespace = f"mcd-own-{secrets.token_hex(3)}"
    variables = {"NAMESPACE": namespace, "REGISTRY": str(world.cluster["registry"])}
    host = f"{HOST}.{world.cluster['base_domain']}"
    variables["MCD_URL"] = f"http://{host}:{world.gateway}"
    gateway = world.cluster["gateway"]
    more = {
        "persistence": {"storageClass": "shared", "size": "1Gi"},
        "api": {"resources": _SMALL},
        "controllers": {"resources": _SMALL},
        "httpRoute": {
            "enabled": True,
            "hostnames": [host],
            "parentRefs": [{"name": gateway["name"], "namespace": gateway["namespace"]}],
        },
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    }
    clinic = Clinic(world, folder, namespace, variables, more)
    try:
        with Doors() as doors, database(doors) as url, api_server(world, doors):
            clinic.variables |= {"DATABASE_URL": url, **of_libpq(url)}
            clinic.prepare()
            try:
                yield clinic
            finally:
                _forget(world, clinic)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _forget(world: World, clinic: Clinic) -> None:
    """While its doors are still open: pods that lose their database would only wait longer to end."""
    with contextlib.suppress(Miss):
        clinic.shell('helm uninstall mcd --namespace "$NAMESPACE" --ignore-not-found', "helm uninstall", 120)
    gone = [clinic.namespace, *clinic.variables.get("LINES", "").split()]
    world.kubectl("delete", "namespace", *gone, "--ignore-not-found", "--timeout=120s", seconds=150)
    for role in ("mcd-line-controller", "mcd-line-api"):
        world.kubectl("annotate", "clusterrole", role, "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-")


# --- image and install ------------------------------------------------------------------------------------------------


def image(world: World) -> Seen:
    """The page's two lines; what came out has no tool that builds, and runs as nobody in particular."""
    clinic = _clinic(world)
    ran = clinic.type("Make the image", 1500)
    made = (clinic.folder / "image").read_text().strip()
    if not re.fullmatch(rf"{re.escape(clinic.variables['REGISTRY'])}/mcd@sha256:[0-9a-f]{{64}}", made):
        raise Miss(f"the image is {made!r}")
    command = ["skopeo", "inspect", "--tls-verify=false", "--config", f"docker://{made}"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)["config"]
    if told["User"] != "10001:10001" or told["Entrypoint"] != ["mcd"] or not told["Labels"]:
        raise Miss(f"user {told.get('User')}, entry {told.get('Entrypoint')}, labels {told.get('Labels')}")
    revision = told["Labels"]["org.opencontainers.image.revision"]
    return Seen(f"{made.partition('@')[2][:19]}…, user {told['User']}, of {revision[:12]}, in {ran.seconds:.0f} s")


def install(world: World) -> Seen:
    clinic = _clinic(world)
    if not (clinic.folder / "image").exists():
        image(world)
    began = time.monotonic()
    clinic.type("Namespace and secrets", 60)
    clinic.type("Install", 600)
    took = time.monotonic() - began
    _furnished(world, clinic)
    inside = inside_of(world)
    _restricted(world, clinic)
    ready = httpx.get(f"{inside.url}/readyz?verbose", timeout=10).text
    alive = inside.until(
        lambda: re.search(r"\[\+\] controllers: 2 alive.*", httpx.get(f"{inside.url}/readyz?verbose", timeout=10).text),
        60, lambda: ready, pause=1.0,
    )  # fmt: skip
    route = {path: _through_the_gateway(world, path) for path in ("/livez", "/metrics")}
    if route != {"/livez": 200, "/metrics": 302}:
        raise Miss(f"through the gateway: {route}")
    return Seen(f"helm install --wait and helm test in {took:.0f} s; {alive[0][4:90]}; through the gateway: {route}")


def _furnished(world: World, clinic: Clinic) -> None:
    """An administrator, the cluster that it runs in, its pools, and a product line."""
    service = world.kubectl("get", "service", "-n", clinic.namespace, "mcd-api", "-o", "json").json()["spec"]
    # Services answer on this machine too; the page's own address needs a name that every tool here resolves.
    url = f"http://{service['clusterIP']}:{service['ports'][0]['port']}"
    clinic.variables["MCD_URL"] = url
    clinic.type("First administrator", 60)
    gateway, mine = world.cluster["gateway"], world.described
    facts = {
        "base_domain": world.cluster["base_domain"],
        "control_namespace": clinic.namespace,
        "gateway": {"name": gateway["name"], "namespace": gateway["namespace"]},
        **{word: mine[word] for word in ("pod_cidrs", "service_cidrs", "dns_cidrs", "storage") if mine.get(word)},
    }
    (clinic.folder / "facts.yaml").write_text(yaml.safe_dump(facts))
    clinic.type("The cluster that it runs in", 60)
    known = json.loads((clinic.folder / "config" / "contexts.json").read_text())["contexts"]
    token = next(iter(known.values()))["token"]
    line = f"own-{secrets.token_hex(3)}"
    clinic.variables["LINES"] = line
    work = clinic.folder / "work"
    work.mkdir(exist_ok=True)
    inside = replace(
        world, work=work, url=url, token=token, line=line, config=clinic.folder / "config", server=None, kept={},
        later=contextlib.ExitStack(),
    )  # fmt: skip
    for pool in mine["node_pools"]:
        body = {key: value for key, value in pool.items() if key not in ("name", "nodes")}
        inside.mcd("node-pool", "set", pool["name"], "--cluster", "own", "-f", "-", given=yaml.safe_dump(body)).ok()
    stage.add_line_on(inside, line, "own")
    inside.mcd("person", "set", "admin", "-p", line).ok()
    world.kept["inside"] = inside


def _restricted(world: World, clinic: Clinic) -> None:
    """Raises Miss unless the namespace enforces it, the root is read-only, and nothing that builds is there."""
    labels = world.kubectl("get", "namespace", clinic.namespace, "-o", "json").json()["metadata"]["labels"]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        raise Miss(f"the namespace has {labels}")
    words = " ".join(_TOOLS)
    look = f"id -u; for p in {words}; do command -v $p; done; touch /opt/mcd/x /etc/x /x 2>&1 | grep -c Read-only; true"
    said = world.kubectl("exec", "-n", clinic.namespace, "deployment/mcd-api", "--", "sh", "-c", look).ok().out.split()
    if said != ["10001", "3"]:
        raise Miss(f"in the pod: {said}")


def _through_the_gateway(world: World, path: str) -> int:
    host = f"{HOST}.{world.cluster['base_domain']}:{world.gateway}"

    def look() -> int | None:
        answer = httpx.get(f"http://127.0.0.1:{world.gateway}{path}", headers={"Host": host}, timeout=10)
        return answer.status_code if answer.status_code not in (404, 502, 503) else None

    return world.until(look, 30, lambda: f"{path} is not there through the gateway", pause=0.5)


# --- it works ---------------------------------------------------------------------------------------------------------


def hello(world: World) -> Seen:
    """examples/hello, built by the stage's own MCD and handed over as an image by its digest."""
    inside = inside_of(world)
    outside = apps.hello(world, "acc-own-built")
    world.push(outside, "acc-own-built").ok()
    world.ready("acc-own-built", 120)
    spec = world.objects("deployment", "acc-own-built")[0]["spec"]["template"]["spec"]
    built = spec["containers"][0]["image"]
    if "@sha256:" not in built:
        raise Miss(f"the image is {built}")
    text = (
        f"appname: {HELLO}\ncomponents:\n  web:\n    type: web\n    image: {built}\n    port: 8080\n"
        "    health: /healthz\n    resources: {cpu: 20m, memory: 64Mi}\n"
    )
    folder = inside.repository(HELLO, {"app.yaml": text})
    mark = world.witness.mark()
    ran = inside.push(folder, HELLO).ok()
    inside.ready(HELLO, 90)
    answer = inside.until(lambda: _page(inside), 30, lambda: f"{HELLO} does not answer")
    deployed = inside.objects("deployment", HELLO)[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    if deployed != built:
        raise Miss(f"asked for {built}, runs {deployed}")
    shell = inside.mcd("exec", HELLO, "--", "id", "-u").ok().out.strip()
    if shell != "10001":
        raise Miss(f"a shell in its pod says {shell!r}")
    users = {fact.user for fact in world.witness.since(mark) if fact.is_write and fact.namespace == inside.line}
    mine = {user for user in users if user.startswith(f"system:serviceaccount:{_clinic(world).namespace}:")}
    if mine != {account(world, "mcd-controller")}:
        raise Miss(f"written by {sorted(users)}")
    return Seen(f"{answer}; image …{built[-15:]}; written by {mine.pop()} alone, {ran.seconds:.1f} s")


def _page(inside: World) -> str | None:
    with contextlib.suppress(httpx.HTTPError):
        answer = inside.page(HELLO)
        if answer.status_code == 200 and "Hello" in answer.text:
            return f"200 {answer.text.strip()}"
    return None


def back(world: World) -> Seen:
    """Backup, restore over it, and another key: the page's lines, and afterwards everything is as it was."""
    inside, clinic = inside_of(world), _clinic(world)
    before = inside.live(HELLO)["number"]
    inside.mcd("secret", "set", HELLO, "payment", "--from-stdin", given="token=kept through it all\n").ok()
    inside.ready(HELLO, 60)
    before = inside.live(HELLO)["number"]
    saved = clinic.type("Back up", 120)
    mark = world.witness.mark()
    clinic.type("Restore", 600)
    _signed_in_again(inside)
    inside.until(lambda: _all_ready(inside), 120, lambda: "not all Apps are ready after the restore", pause=1.0)
    now = inside.live(HELLO)["number"]
    written = world.witness.writes(mark, inside.line, {account(world, "mcd-controller")})
    if now != before or written:
        raise Miss(f"Rollout {before} before, {now} after; {len(written)} writes: {', '.join(map(str, written[:3]))}")
    turned = clinic.type("Rotate the key of secrets", 600)
    if "0 values were sealed again" not in turned.out:
        raise Miss(f"rotation: {' | '.join(turned.out.splitlines()[-3:])}")
    inside.until(lambda: _all_ready(inside), 120, lambda: "not all Apps are ready after the rotation", pause=1.0)
    return Seen(
        f"backup {saved.seconds:.0f} s; restored: {ROLLOUTS + 1} Apps ready, Rollout {now} of {HELLO} as before; "
        f"another key, then 0 values to seal", len(written)
    )  # fmt: skip


def _signed_in_again(inside: World) -> None:
    """The session of then is in the database of then."""
    answer = inside.until(
        lambda: inside.api("GET", f"/apps/{HELLO}/status"), 60, lambda: "the API does not answer", pause=1.0
    )
    if answer.status_code != 200:
        raise Miss(f"GET /apps/{HELLO}/status: {answer.status_code} {answer.text[:200]}")


def _all_ready(inside: World) -> bool | None:
    items = inside.api("GET", "/apps", params={"limit": "500"}).json()["items"]
    ready = [item for item in items if (item.get("live") or {}).get("state") == "ready"]
    return (len(items) > 0 and len(ready) == len(items)) or None


def rights(world: World) -> Seen:
    """Whatever the chart's accounts were refused since they were there."""
    clinic = _clinic(world)
    users = {account(world, name) for name in ("mcd-controller", "mcd-api")}
    facts = [fact for fact in world.witness.since(0) if fact.user in users]
    refused = Counter(f"{f.user.rpartition(':')[2]} {f.verb} {f.resource}" for f in facts if f.code == 403)
    by_api = [fact for fact in facts if fact.user.endswith(":mcd-api") and fact.is_write]
    if refused or by_api or not facts:
        raise Miss(f"refused: {dict(refused)}; written by the API: {[str(f) for f in by_api[:3]]}")
    counts = Counter(fact.user.rpartition(":")[2] for fact in facts)
    return Seen(f"{clinic.namespace}: {dict(counts)} requests, none refused; mcd-api wrote nothing")


def uninstall(world: World) -> Seen:
    inside, clinic = inside_of(world), _clinic(world)
    ran = clinic.type("Uninstall", 180)
    if (answer := _page(inside)) is None:
        raise Miss(f"{HELLO} went with it")
    left = _left(world, clinic)
    if not {"persistentvolumeclaim/mcd-data", "secret/mcd-keys", "secret/mcd-database"} <= left:
        raise Miss(f"what is left: {sorted(left)}")
    return Seen(f"{ran.said}; {HELLO}: {answer}; left: {', '.join(sorted(left))}")


def _left(world: World, clinic: Clinic) -> set[str]:
    ran: Ran = world.kubectl(
        "get", "persistentvolumeclaims,secrets,deployments,serviceaccounts", "-n", clinic.namespace, "-o", "name"
    ).ok()
    return {name for name in ran.out.split() if not name.endswith("/default")}


CHECKS = (
    Check("medicine.image", "docs/how-to/install.md: Make the image",
          "an image by digest on the platform's base, not root, nothing that builds", image, 1600, needs_node=True),
    Check("medicine.install", "install.md: Namespace and secrets … to The cluster that it runs in",
          "helm install and helm test pass under restricted; two controllers alive; the route serves all but /metrics",
          install, 2400, needs_node=True),
    Check("medicine.hello", "git push of hello by its digest to the MCD inside",
          "200; the very image; written by the chart's controller account alone", hello, 300, needs_node=True),
    Check("medicine.upgrade", "helm upgrade during 20 first pushes",
          "all ready, each object created once, pods from before and after it wrote", upgrade, 900, needs_node=True),
    Check("medicine.back", "install.md: Back up, Restore, Rotate the key of secrets",
          "the same Rollouts, 0 writes, 0 values left to seal", back, 900, needs_node=True),
    Check("medicine.rights", "the audit log of the chart's two accounts", "nothing was refused; the API wrote nothing",
          rights, 60, needs_node=True),
    Check("medicine.uninstall", "install.md: Uninstall", "Apps run on; the commits and both Secrets stay",
          uninstall, 240, needs_node=True),
)  # fmt: skip
