"""Faults F49 to F65: other people and other controllers act on what MCD has made, or where it wants to make something,
or wish something else meanwhile.

Each is a block around the change; at its end the others have gone. What must hold is judged elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable

from tests.rig import kubelet, oracles
from tests.rig.lane import LINE
from tests.rig.rules import Asked, Delay, Hook
from tests.rig.scene import Scene
from tests.rig.workloads import SHAPES, back, push_text

MERGE = "application/merge-patch+json"


def _path(collection: str, name: str) -> str:
    return f"{kubelet.within(collection, LINE)}/{name}"


WEB = _path("/apis/apps/v1/deployments", "hello-web")
SERVICE = _path("/api/v1/services", "hello-web")


@contextlib.asynccontextmanager
async def f47(scene: Scene) -> AsyncIterator[None]:
    """The new pods do not become ready for a while: so long the Rollout is not Ready."""
    scene.lane.kubelet.failing.add("hello-web")
    yield
    await scene.looked()
    rows = scene.lane.rows("SELECT conditions FROM rollout WHERE live")
    early = any('"type":"Ready","status":true' in row["conditions"] for row in rows)
    scene.verdict.must(not early, "F47: Ready before the pods are")
    scene.lane.kubelet.failing.clear()
    await scene.lane.kubelet.look_again()


@contextlib.asynccontextmanager
async def f49(scene: Scene) -> AsyncIterator[None]:
    """Somebody's finalizer is on a Service of ours: never stripped; what waits for it says so and goes on by itself."""
    finalizers = {"metadata": {"finalizers": ["person.test/guard"]}}
    status, _ = await scene.lane.api.send("PATCH", SERVICE, finalizers, MERGE)
    if status == 200 and scene.phase == "update":
        scene.counts_may_differ = True
        await scene.lane.api.send("DELETE", SERVICE)
    yield
    await scene.looked()
    if status == 200:
        rows = scene.lane.rows("SELECT conditions FROM rollout WHERE live")
        early = scene.phase == "update" and any('"type":"Ready","status":true' in row["conditions"] for row in rows)
        scene.verdict.must(not early, "I10: Ready while an object of it is being deleted")
        gone = scene.lane.rows("SELECT * FROM app WHERE gone_at IS NOT NULL")
        scene.verdict.must(not gone, "F49: the App is gone before its objects are")
        live = {oracles.key(obj): obj for obj in await oracles.everything(scene.lane)}
        scene.verdict.must("Service/hello-web" in live, "F49: the finalizer was stripped")
        await scene.lane.api.send("PATCH", SERVICE, {"metadata": {"finalizers": None}}, MERGE)


@contextlib.asynccontextmanager
async def f50(scene: Scene) -> AsyncIterator[None]:
    """Somebody deletes the namespace and makes another of its name while nobody looks, with a Service in it that is
    called like ours: what the inventory names is gone, and nothing is deleted or written over by name. When that
    namespace is gone too, everything is made anew."""
    lane, path = scene.lane, f"/api/v1/namespaces/{LINE}"
    await lane.killed()
    await _namespace_ends(scene)
    await lane.api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": LINE}})
    services = kubelet.within("/api/v1/services", LINE)
    body = {"metadata": {"name": "hello-web"}, "spec": {"ports": [{"port": 99}]}}
    theirs = await lane.api.ok("POST", services, body)
    mark = lane.witness.mark()
    await lane.start()
    yield

    async def told() -> bool:
        return "NotOurs" in lane.said()

    await lane.until(told, 30.0, "it is said whose namespace it is")
    await scene.looked()
    facts = [str(f) for f in oracles.by_us(lane, mark) if 200 <= f.code < 300]
    scene.verdict.must(not facts, f"F50: written into somebody else's namespace: {facts[:5]}")
    live = await lane.api.ok("GET", f"{services}/hello-web")
    same = live["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    scene.verdict.must(same, "F50: what somebody made was touched")
    await _namespace_ends(scene)
    # What is not ours no watch tells of: the product line is looked at every ten minutes, and when somebody asks.
    await oracles.woken(lane)
    scene.counts_may_differ = scene.others_anew = True

    async def there() -> bool:
        status, _ = await lane.api.send("GET", path)
        return status == 200

    await lane.until(there, scene.patience, "the namespace is made again")
    await oracles.people(lane)


async def _namespace_ends(scene: Scene) -> None:
    """Deleted by a person; the played controller empties it and lets it go."""
    path = f"/api/v1/namespaces/{LINE}"
    before = await scene.lane.api.ok("GET", path)
    await scene.lane.api.ok("DELETE", path)

    async def gone() -> bool:
        status, now = await scene.lane.api.send("GET", path)
        return status == 404 or now["metadata"]["uid"] != before["metadata"]["uid"]

    await scene.lane.until(gone, 30.0, "the namespace is gone")


@contextlib.asynccontextmanager
async def f51(scene: Scene) -> AsyncIterator[None]:
    """Right before a delete (or a write) of the Service, somebody deletes it and makes another of its name."""
    replaced: list[str] = []
    acted = asyncio.Event()

    async def replace(_what: Asked) -> None:
        status, _ = await scene.lane.api.send("DELETE", SERVICE)
        if status == 200:
            body = {
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hello-web", "namespace": LINE},
                "spec": {"ports": [{"port": 99}]},
            }  # fmt: skip
            made = await scene.lane.api.ok("POST", kubelet.within("/api/v1/services", LINE), body)
            replaced.append(made["metadata"]["uid"])
        acted.set()

    scene.counts_may_differ = True
    rule = scene.on(Hook(replace), verb="delete" if scene.phase == "delete" else "patch",
                    resource="services", name="hello-web", most=1)  # fmt: skip
    yield
    await scene.met(rule)
    if rule.fired.is_set():
        await acted.wait()
    if replaced:
        await scene.looked()
        _, live = await scene.lane.api.send("GET", SERVICE)
        kept = isinstance(live, dict) and live.get("metadata", {}).get("uid") == replaced[0]
        scene.verdict.must(kept and live["spec"]["ports"][0]["port"] == 99, "F51: what somebody made was written over")
        await scene.lane.api.send("DELETE", SERVICE)


@contextlib.asynccontextmanager
async def f52(scene: Scene) -> AsyncIterator[None]:
    """A person edits a field of ours, and adds a label that is theirs."""
    ports = [{"name": "http", "port": 80, "targetPort": 8888}]
    body = {"metadata": {"labels": {"person.test/note": "mine"}}, "spec": {"ports": ports}}
    status, _ = await scene.lane.api.send("PATCH", SERVICE, body, MERGE)
    yield
    await scene.lane.settled()
    _, live = await scene.lane.api.send("GET", SERVICE)
    if status == 200 and scene.phase != "delete":
        labels = live["metadata"]["labels"]
        scene.verdict.must(labels.get("person.test/note") == "mine", "F52: a label of somebody else was taken away")
        await scene.lane.api.send("PATCH", SERVICE, {"metadata": {"labels": {"person.test/note": None}}}, MERGE)


@contextlib.asynccontextmanager
async def f53(scene: Scene) -> AsyncIterator[None]:
    """Somebody has an object of a name that the change wants: held, told, untouched; it goes on when that is gone."""
    name = {"create": "hello-web", "update": "hello-worker"}[scene.phase]
    collection = kubelet.within("/apis/apps/v1/deployments", LINE)
    labels = {"of": "person"}
    body = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": LINE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "b"}]}},
        },
    }  # fmt: skip
    made = await scene.lane.api.ok("POST", collection, body)
    yield

    async def told() -> bool:
        return "NotOurs" in scene.lane.said()

    await scene.lane.until(told, 15.0, "it is said whose it is")
    live = await scene.lane.api.ok("GET", f"{collection}/{name}")
    same = all(live["metadata"].get(word) == made["metadata"].get(word) for word in ("uid", "generation", "labels"))
    scene.verdict.must(same, "F53: a foreign object was touched")
    await scene.lane.api.send("DELETE", f"{collection}/{name}")


@contextlib.asynccontextmanager
async def f54(scene: Scene) -> AsyncIterator[None]:
    """Our labels are stripped from a Service of ours."""
    stripped = {"metadata": {"labels": None}}
    await scene.lane.api.send("PATCH", SERVICE, stripped, MERGE)
    yield


@contextlib.asynccontextmanager
async def f58(scene: Scene) -> AsyncIterator[None]:
    """A scaler scales while the change goes on: its number stays, whatever is applied meanwhile."""
    scaled = f"{_path('/apis/apps/v1/deployments', 'hello-web')}/scale"
    await scene.lane.api.send("PATCH", f"{scaled}?fieldManager=scaler", {"spec": {"replicas": 5}}, MERGE)
    yield
    if scene.phase == "delete":
        return
    await scene.lane.settled(scene.patience)
    live = await scene.lane.api.ok("GET", scaled)
    scene.verdict.must(live["spec"]["replicas"] == 5, f"F58: {live['spec']['replicas']} pods, the scaler said 5")
    await scene.lane.api.send("PATCH", f"{scaled}?fieldManager=scaler", {"spec": {"replicas": 1}}, MERGE)


async def _under_way(scene: Scene, wish: Awaitable[None]) -> None:
    """Somebody wishes something; returns in the middle of what MCD does for it."""
    rule = scene.on(Delay(0.5), verb="write", nth=scene.dice.randint(1, 2))
    await wish
    await scene.met(rule)


def _another(scene: Scene) -> Awaitable[None]:
    """A commit that alters every component and adds none."""
    return push_text(scene.lane, 'env: {STEP: "9"}\n' + SHAPES["plain"].first, "9" * 40)


@contextlib.asynccontextmanager
async def f63(scene: Scene) -> AsyncIterator[None]:
    """Somebody else's push is being rolled out when the newer one comes: it takes its place. F64: when the App is
    deleted."""
    await _under_way(scene, _another(scene))
    yield


@contextlib.asynccontextmanager
async def f65(scene: Scene) -> AsyncIterator[None]:
    """A way back is under way when a push comes: the last wish counts."""
    await _another(scene)
    await scene.lane.settled()
    await _under_way(scene, back(scene.lane, SHAPES["plain"]))
    yield
