"""What the pictures of the portal show: a product line with Apps that run, one that is replaced, three that do not run.

The three are states that `make capture` kept from a real control plane, put under Apps of this scene with their times
moved to one moment. Everything else is played by `mcd.kube.play`. It must not decide what the portal says.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha1
from pathlib import Path
from typing import Any

from mcd.kube.memory import MemoryCluster
from mcd.kube.play import Fate, play
from mcd.objects import Object, Ref, ref_of
from mcd.store import intents, reads
from tests.api.client import Api
from tests.capture.judge import FOLDER as CAPTURED
from tests.capture.judge import from_yaml
from tests.controllers.world import ADMIN, LINE, START

APPS = {"importer": "out-of-memory", "thumbnails": "image-not-found", "vision": "devices-busy"}
"""App → the captured state that it is in."""

YAML = {
    "storefront": """
appname: storefront
components:
  web: {{type: web, image: "registry.test/storefront:{n}", replicas: 3, resources: {{cpu: 100m, memory: 128Mi}}}}
  catalog: {{type: service, image: "registry.test/catalog:1", port: 8000, replicas: 2}}
  orders: {{type: daemon, image: "registry.test/orders:1"}}
""",
    "search": """
appname: search
components:
  web:
    type: web
    image: "registry.test/search:{n}"
    replicas: {n}
    env: {{INDEX: "products-v{n}"}}
    resources: {{cpu: 100m, memory: {n}00Mi}}
""",
    "newsletter": """
appname: newsletter
components:
  sender: {{type: daemon, image: "registry.test/newsletter:{n}"}}
""",
    "importer": """
appname: importer
components:
  web:
    type: service
    image: "localhost/pause:1"
    port: 8000
    resources: {{memory: 32Mi}}
    rollout: {{on_fail: keep}}
""",
    "thumbnails": """
appname: thumbnails
components:
  web: {{type: service, image: "registry.test:5000/no/such:1", port: 8000, rollout: {{on_fail: keep}}}}
""",
    "vision": """
appname: vision
components:
  web: {{type: service, image: "localhost/pause:1", port: 8000, resources: {{gpu: "T4:1"}}, rollout: {{on_fail: keep}}}}
""",
}
POOLS: dict[str, list[dict[str, Any]]] = {
    "sim": [],
    "gpu-a100": [{"vendor": "nvidia", "model": "A100", "resource": "nvidia.com/gpu", "per_node": 8, "memory": "80Gi"}],
    "gpu-t4": [{"vendor": "nvidia", "model": "T4", "resource": "nvidia.com/gpu", "per_node": 4, "memory": "16Gi"}],
    "mlu": [{"vendor": "cambricon", "model": "MLU370", "resource": "cambricon.com/mlu", "per_node": 8}],
}
TURNS = 12
"""Looks of the controllers after which a push has become objects."""
SECONDS = 12
"""After which controllers have looked at everything again."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")


async def scene(api: Api) -> None:
    """Sets it up in a fresh world; nothing of it moves afterwards."""
    world = api.world
    for node in _case("devices-busy", "", world.clock())["nodes"]:
        world.kube.person(node, manager="kubelet")
    for name, devices in POOLS.items():
        pool = {"labels": {"mcd.internal/node-pool": name}, "devices": devices}
        answer = await api.ask("PUT", f"/api/v1/node-pools/local/{name}", pool, "root")
        assert answer.status_code == 200, answer.text
    await world.settle()
    for app, title in (
        ("newsletter", "Send the monthly letter"), ("storefront", "First shop window"), ("search", "Find products"),
    ):  # fmt: skip
        await _push(api, app, 1, title)
        await world.settle()
        world.clock.forward(600)
    await _push(api, "search", 2, "A larger index, and more room for it")
    await world.settle()
    world.clock.at = START + timedelta(minutes=45)
    async with world.runtime.db.writing() as tx:
        olaf = await api.actor("olaf")
        await intents.request_rollout(olaf, tx, world.clock(), "search", release=1)
    await world.settle()
    world.clock.at = START + timedelta(minutes=70)
    await _replacing(api)
    await _failures(api)
    await _looked_at(api)


async def _push(api: Api, app: str, number: int, title: str) -> None:
    world = api.world
    dora = await api.actor("dora")
    async with world.runtime.db.writing() as tx:
        if app not in {listed.app.name for listed in (await reads.apps(ADMIN, tx)).items}:
            await intents.create_app(dora, tx, world.clock(), app, product_line=LINE)
    async with world.runtime.db.writing() as tx:
        await intents.push(
            dora, tx, world.clock(), app,
            commit=sha1(f"{app} {number}".encode()).hexdigest(), branch="main", author="dora", title=title,
            app_yaml=YAML[app].format(n=number),
        )  # fmt: skip


async def _replacing(api: Api) -> None:
    """Release 2 of storefront: of three new pods one is ready, and the old ones serve."""
    world = api.world
    world.pods_run = False
    await _push(api, "storefront", 2, "Show what is in stock")
    for _ in range(TURNS):
        await world.turn()
    world.clock.forward(1)
    play(world.kube, _fate)
    starting = [r for r, pod in world.kube.objects("Pod").items() if not _ready(pod)]
    _make_ready(world.kube, starting[0])
    ref = Ref("apps/v1", "Deployment", LINE, "storefront-web")
    status = world.kube.objects("Deployment")[ref]["status"]
    ready = int(status["replicas"]) - len(starting) + 1
    world.kube.set_status(ref, {**status, "readyReplicas": ready, "availableReplicas": ready})
    for number, pod in enumerate(world.kube.objects("Pod")):
        world.kube.edit(pod, partial(_on, f"sim-{number % 3 + 1}"), manager="kubelet")


def _on(node: str, pod: Object) -> None:
    pod["spec"]["nodeName"] = node


async def _failures(api: Api) -> None:
    """Each of the three Apps is deployed, and then its objects are as they were captured."""
    world = api.world
    for app in APPS:
        await _push(api, app, 1, "First try")
        for _ in range(TURNS):
            await world.turn()
        world.clock.forward(1)  # lists have one order
    for app, state in APPS.items():
        _put(world.kube, _case(state, app, world.clock() + timedelta(seconds=SECONDS / 2)), app)


async def _looked_at(api: Api) -> None:
    for _ in range(SECONDS):
        api.world.clock.forward(1)
        await api.world.turn()
        await api.world.turn()


def _fate(workload: Object) -> Fate:
    return Fate.NEVER_READY if workload["metadata"]["name"] == "storefront-web" else Fate.READY


def _ready(pod: Object) -> bool:
    return all(status["ready"] for status in pod["status"]["containerStatuses"])


def _make_ready(kube: MemoryCluster, ref: Ref) -> None:
    status = dict(kube.objects("Pod")[ref]["status"])
    status["conditions"] = [{**c, "status": "True"} for c in status["conditions"]]
    status["containerStatuses"] = [{**c, "ready": True} for c in status["containerStatuses"]]
    kube.set_status(ref, status)


# --- captured states --------------------------------------------------------------------------------------------------


def _case(state: str, app: str, now: datetime) -> dict[str, Any]:
    """As it was captured, but of this App, in the namespace of the scene, seen at `now`."""
    text = (Path(CAPTURED) / state / "objects.yaml").read_text(encoding="utf-8")
    later = now - datetime.fromisoformat(from_yaml(text)["now"])
    text = text.replace(f"why-{state}", LINE)
    if app:
        text = text.replace("shop", app)
    case: dict[str, Any] = from_yaml(_MOMENT.sub(lambda found: _moved(found[0], later), text))
    return case


def _moved(moment: str, later: timedelta) -> str:
    return (datetime.fromisoformat(moment) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


def _put(kube: MemoryCluster, case: dict[str, Any], app: str) -> None:
    """The Deployment is the one that MCD wrote; the others are as they were captured, and know it by its uid."""
    captured = case["workload"]
    ref = Ref("apps/v1", "Deployment", LINE, f"{app}-web")
    live = kube.objects("Deployment")[ref]
    uids = {captured["metadata"]["uid"]: live["metadata"]["uid"]}

    def annotated(obj: Object) -> None:
        obj["metadata"].setdefault("annotations", {}).update(captured["metadata"]["annotations"])

    kube.edit(ref, annotated, manager="kube-controller-manager")
    kube.set_status(ref, {**captured["status"], "observedGeneration": live["metadata"]["generation"]})
    for obj in (*case["replica_sets"], *case["pods"], *case["placed"], *case["events"]):
        _made(kube, obj, uids)


def _made(kube: MemoryCluster, obj: Object, uids: dict[str, str]) -> None:
    text = json.dumps(obj)
    for before, after in uids.items():
        text = text.replace(before, after)
    known: Object = json.loads(text)
    labels = known["metadata"].get("labels") or {}
    known["metadata"]["labels"] = {name: str(value) for name, value in labels.items()}
    for owner in known["metadata"].get("ownerReferences") or ():
        owner |= {"apiVersion": "apps/v1", "controller": True}
    if ref_of(known) in kube.objects(known["kind"]):
        return
    made = kube.person(known, manager="kube-controller-manager")
    uids[obj["metadata"].get("uid") or f"no uid: {ref_of(known)}"] = made["metadata"]["uid"]
