"""Every pod that MCD would make is accepted by a namespace that enforces `restricted`; a privileged one by nobody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.referee import Referee
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.server import environment
from tests.acceptance.world import World

_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
# Planted behind the renderer's back, as a bug of ours would: the gate is the last that looks.
_PLANT = """
import json, sys
from mcd.errors import McdError
from mcd.kube.gate import Bounds, check
obj = json.load(sys.stdin)
try:
    check(obj, Bounds(obj["metadata"]["namespace"]))
except McdError as refusal:
    print(refusal)
    sys.exit(4)
"""


def templates(world: World) -> Seen:
    """The examples, and every case of the compiler's tests, as `mcd render` shows them. The cases of a product line
    that an admin set to `baseline` are tried in a namespace that enforces that."""
    baseline = f"{world.line}-baseline"
    level = "pod-security.kubernetes.io/enforce"
    world.kubectl("create", "namespace", baseline).ok()
    refused, counts, apps = [], {world.line: 0, baseline: 0}, 0
    try:
        world.kubectl("label", "namespace", baseline, f"{level}=baseline").ok()
        enforced = world.kubectl("get", "namespace", world.line, "-o", "json").json()["metadata"]["labels"].get(level)
        if enforced != "restricted":
            raise Miss(f"the namespace of our product line enforces {enforced}")
        with Referee(world.kubeconfig("admin")) as eyes:
            for name, where, pods in _rendered(world):
                apps += 1
                namespace = baseline if where == "baseline" else world.line
                for pod in pods:
                    counts[namespace] += 1
                    answer = eyes.create("pods", namespace, _alone(pod), dry_run=True)
                    if answer.status_code != 201:
                        refused.append(f"{name}: {answer.json().get('message', answer.text)}")
    finally:
        world.kubectl("delete", "namespace", baseline, "--wait=false")
    if refused or counts[world.line] < 50:
        raise Miss(f"{len(refused)} of {sum(counts.values())} refused: {'; '.join(refused[:3])}")
    return Seen(
        f"{counts[world.line]} pod templates of {apps} app.yaml accepted in restricted [201, dry run]; "
        f"{counts[baseline]} of product lines set to baseline, in baseline", 0,
    )  # fmt: skip


def _rendered(world: World) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for app in sorted((world.checkout / "examples").glob("*/app.yaml")):
        ran = world.mcd("render", "-f", str(app), "--image", "registry.example.com/app:1", cwd=app.parent)
        if ran.code == 0:
            yield app.parent.name, "restricted", _pods(ran.out)
        elif app.parent.name != "gpu":
            raise Miss(f"mcd render {app.parent.name}: {ran.said}")
    for case in sorted((world.checkout / "tests" / "appyaml" / "cases").glob("*/expected.yaml")):
        if pods := _pods(case.read_text()):
            context = case.with_name("context.yaml")
            told = yaml.safe_load(context.read_text()) if context.exists() else {}
            yield case.parent.name, (told.get("product_line") or {}).get("security", "restricted"), pods


def _pods(text: str) -> list[dict[str, Any]]:
    found = []
    for obj in yaml.safe_load_all(text):
        path = _TEMPLATES.get(obj["kind"]) if isinstance(obj, dict) and "kind" in obj else None
        if path is not None:
            template = obj
            for word in path:
                template = template[word]
            # A StatefulSet adds the volumes of its claims by itself.
            claims = [c["metadata"]["name"] for c in obj["spec"].get("volumeClaimTemplates", ())]
            found.append({"name": obj["metadata"]["name"], "claims": claims, **template})
    return found


def _alone(template: dict[str, Any]) -> dict[str, Any]:
    """The template as a Pod of its own. What it refers to need not exist here, and is no matter of Pod Security."""
    spec = {k: v for k, v in template["spec"].items() if k not in ("serviceAccountName", "priorityClassName")}
    spec.pop("runtimeClassName", None)
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in template["claims"]]
    if volumes:
        spec["volumes"] = [*spec.get("volumes", ()), *volumes]
    labels = template.get("metadata", {}).get("labels", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": template["name"][:63], "labels": labels},
        "spec": spec,
    }


def _privileged(world: World) -> dict[str, Any]:
    text = world.mcd("render", "-f", str(world.checkout / "examples" / "hello" / "app.yaml"), "--image",
                     "registry.example.com/app:1").ok().out  # fmt: skip
    deployment = next(o for o in yaml.safe_load_all(text) if o["kind"] == "Deployment")
    deployment["metadata"]["namespace"] = world.line
    deployment["metadata"].setdefault("annotations", {}).update({"mcd.internal/owner": "x", "mcd.internal/hash": "x"})
    context = deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    context |= {"privileged": True, "allowPrivilegeEscalation": True}
    found: dict[str, Any] = deployment
    return found


def gate(world: World) -> Seen:
    planted = _privileged(world)
    done = subprocess.run(
        [world.bin / "python", "-c", _PLANT], input=json.dumps(planted), capture_output=True, text=True, check=False,
        cwd=world.checkout, env=environment({}), timeout=60,
    )  # fmt: skip
    if done.returncode != 4 or "privileged is not allowed" not in done.stdout:
        raise Miss(f"{done.stdout} {done.stderr[-300:]} [exit {done.returncode}]")
    return Seen(f"{done.stdout.strip()} [exit 4]", 0)


def api_server(world: World) -> Seen:
    template = _privileged(world)["spec"]["template"]
    pod = _alone({"name": "planted", "claims": [], **template})
    with Referee(world.kubeconfig("admin")) as eyes:
        answer = eyes.create("pods", world.line, pod)
    said = answer.json().get("message", "")
    if answer.status_code != 403 or "PodSecurity" not in said:
        raise Miss(f"{answer.status_code} {said}")
    return Seen(f"{answer.status_code} {said}", 0)


def app_yaml(world: World) -> Seen:
    folder = Path(world.work) / "privileged"
    folder.mkdir(exist_ok=True)
    text = (world.checkout / "examples" / "hello" / "app.yaml").read_text()
    (folder / "app.yaml").write_text(text + "    privileged: true\n")
    ran = world.mcd("validate", cwd=folder)
    if ran.code != 1 or "privileged" not in ran.text:
        raise Miss(ran.said)
    line = next(line for line in ran.text.splitlines() if "privileged" in line)
    return Seen(f"{line} [exit {ran.code}]", 0)


CHECKS = (
    Check("security.templates", "mcd render of all examples and cases; each pod template POSTed as a Pod (dry run)",
          "all accepted in a namespace that enforces restricted", templates, 120, in_slice=True),
    Check("security.gate", "privileged: true planted in a rendered Deployment, given to the gate",
          "refused, naming the field", gate, 30, in_slice=True),
    Check("security.api-server", "the same pod, created for real", "403 PodSecurity", api_server, 30, in_slice=True),
    Check("security.app-yaml", "mcd validate with privileged: true in app.yaml", "one line with its place, exit 1",
          app_yaml, 30, in_slice=True),
)  # fmt: skip
