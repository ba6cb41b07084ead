"""The chart at a real API server, without installing it: every toggle is accepted, and MCD works with its rights alone.

Played in each `make test`. Two processes of MCD are the chart's two ServiceAccounts; the audit log says what they were
refused.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts import helm as helm_script
from tests.acceptance import apps, stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.server import Server, free_port
from tests.acceptance.world import World
from tests.chart.toggles import TOGGLES
from tests.servers import helm
from tests.servers.postgres import postgres

CONTROLLERS, API = (f"system:serviceaccount:mcd-system:{name}" for name in ("mcd-controller", "mcd-api"))
APP = "acc-least"


def toggles(world: World) -> Seen:
    """Every object of every toggle, and each pod that would be made of it, sent as a dry run."""
    helm_script.install()
    namespace = f"acc-chart-{secrets.token_hex(3)}"
    world.kubectl("create", "namespace", namespace).ok()
    try:
        world.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted").ok()
        for account in ("mcd-api", "mcd-controller", "a"):
            world.kubectl("create", "serviceaccount", "-n", namespace, account).ok()
        found: dict[str, dict[str, Any]] = {}
        for name, values in TOGGLES.items():
            for obj in helm.rendered(values, namespace=namespace):
                for each in (obj, *_pods(obj, namespace)):
                    found.setdefault(json.dumps(each, sort_keys=True), {"name": name, "object": each})
        refused = _refused(world, [entry["object"] for entry in found.values()])
        if refused:
            raise Miss(f"{len(refused)} refused: {refused[:3]}")
        said = _without_secrets(world, namespace)
        kinds = Counter(entry["object"]["kind"] for entry in found.values())
        taken = f"{len(TOGGLES)} sets of values, {len(found)} objects accepted, {kinds['Pod']} pods by restricted"
        return Seen(f"{taken}; without its Secrets: {said}", 0)
    finally:
        world.kubectl("delete", "namespace", namespace, "--wait=false")


def _without_secrets(world: World, namespace: str) -> str:
    """What is missing is said before anything is made. Answers the line; raises Miss when there is none."""
    done = helm.run(
        "install", "own", str(helm.CHART), "--namespace", namespace, "--kubeconfig", str(world.kubeconfig("admin")),
        values={},
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if "there is no Secret" in line]
    if done.returncode == 0 or not lines:
        raise Miss(f"helm install without the Secrets: {done.stderr.strip()[-300:]} [exit {done.returncode}]")
    if made := world.kubectl("get", "jobs,deployments", "-n", namespace, "-o", "name").ok().out.strip():
        raise Miss(f"it made {made}")
    return lines[-1][lines[-1].index("there is no Secret") :]


def _pods(obj: dict[str, Any], namespace: str) -> Iterator[dict[str, Any]]:
    """The pod that a controller of Kubernetes would make: only then Pod Security looks."""
    if obj["kind"] in ("Deployment", "Job"):
        template = obj["spec"]["template"]
        meta = {**template["metadata"], "name": f"{obj['metadata']['name']}-pod", "namespace": namespace}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


def _refused(world: World, objects: list[dict[str, Any]]) -> list[str]:
    given = "---\n".join(yaml.safe_dump(each) for each in objects)
    ran = world.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=acceptance", "--dry-run=server", "-f", "-",
        given=given, seconds=240,
    )  # fmt: skip
    lines = [line for line in ran.err.splitlines() if line.strip() and not line.startswith("Warning: resource")]
    return lines if ran.code != 0 or lines else []


def least(of: World) -> Seen:
    """An App from the first push to its end, with a secret, a dry run, logs and a look at everything."""
    with _installed(of) as world:
        mark = world.witness.mark()
        text = apps.played(world, APP, ["web", "worker"])
        folder = world.repository(APP, {"app.yaml": text})
        world.push(folder, APP).ok()
        world.ready(APP)
        world.mcd("secret", "set", APP, "payment", "--from-stdin", given="token=hidden\n").ok()
        apps.edit(folder, "app.yaml", 'STEP: "1"', 'STEP: "1", TOKEN: {secret: payment/token}')
        world.commit(folder, "with a secret")
        world.push(folder, APP).ok()
        world.ready(APP, release=2)
        answer = world.api("POST", f"/apps/{APP}/rollouts", {"release": 2, "dry_run": True})
        if answer.status_code != 200:
            raise Miss(f"a dry run: {answer.status_code} {answer.text[:200]}")
        world.mcd("logs", APP, seconds=30).ok()
        (folder / "app.yaml").write_text(apps.played(world, APP, ["web"], env="2"))
        world.commit(folder, "one less")
        world.push(folder, APP).ok()
        world.ready(APP, release=3)
        world.mcd("delete", APP, "--yes", "--wait", "--timeout", "60s").ok()
        facts = [fact for fact in world.witness.since(mark) if fact.user in (CONTROLLERS, API)]
        refused = Counter(f"{f.user.rpartition(':')[2]} {f.verb} {f.resource}" for f in facts if f.code == 403)
        written = Counter(fact.user.rpartition(":")[2] for fact in facts if fact.is_write)
        asked = Counter(fact.user.rpartition(":")[2] for fact in facts)
        if refused or set(written) != {"mcd-controller"} or not asked["mcd-api"]:
            raise Miss(f"refused: {dict(refused)}; written: {dict(written)}; asked: {dict(asked)}")
        return Seen(f"requests: {dict(asked)}, none refused; written: {dict(written)}", written["mcd-controller"])


@contextlib.contextmanager
def _installed(of: World) -> Iterator[World]:
    """An API and a controller with the two accounts of the chart, as the chart sets them up."""
    folder = Path(tempfile.mkdtemp(prefix="mcd-least-", dir="/tmp"))
    try:
        with (
            postgres() as database,
            stage.beside(
                of.cluster, of=of, user="mcd-chart", words=(), MCD_DATABASE_URL=database.create(),
                MCD_BUILDER="none", MCD_API_ACCOUNT="mcd-api",
            ) as world,
        ):  # fmt: skip
            assert world.server is not None
            world.server.stop()
            settings = world.server.settings
            world.server.settings = {**settings, "MCD_CLUSTER_TOKENS": _tokens(world, folder, "mcd-chart-api")}
            world.server.words = ("api",)
            world.server.start()
            controllers = Server(
                world.bin, world.server.folder,
                 {**settings, "MCD_HOLDER": "least", "MCD_LISTEN": f"127.0.0.1:{free_port()}"}, ("controllers",),
                "least",
            )  # fmt: skip
            controllers.start(wait=False)
            try:
                yield world
            finally:
                controllers.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tokens(world: World, folder: Path, user: str) -> str:
    tokens = folder / user
    tokens.mkdir()
    token = yaml.safe_load(world.kubeconfig(user).read_text())["users"][0]["user"]["token"]
    (tokens / "local").write_text(token)
    return str(tokens)


CHECKS = (
    Check("medicine.toggles", "helm template with every toggle; kubectl apply --dry-run=server",
          "the API server takes every object, restricted every pod", toggles, 300, in_slice=True),
    Check("medicine.least", "an App from push to delete, as the chart's two accounts", "nothing is refused; the API "
          "writes nothing", least, 300, in_slice=True),
)  # fmt: skip
