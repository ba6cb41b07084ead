"""A service that wants a GPU sits on a node that has it; one that no node can hold is told so, node by node."""

from __future__ import annotations

import time
from pathlib import Path

from tests.acceptance import apps
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

APP = "acc-gpu"
TOLD_WITHIN = 10.0


def _folder(world: World) -> Path:
    folder = world.repository(APP, world.checkout / "examples" / "gpu")
    apps.edit(folder, "app.yaml", "appname: face-engine", f"appname: {APP}")
    world.commit(folder, f"as {APP}")
    return folder


def sits(world: World) -> Seen:
    folder = _folder(world)
    world.push(folder, APP).ok()
    world.ready(APP)
    world.kept["gpu"] = folder
    found = world.kubectl("get", "pods", "-n", world.line, "-l", f"app.kubernetes.io/instance={APP}", "-o", "json")
    pods = found.json()["items"]
    nodes = [pod["spec"].get("nodeName", "") for pod in pods]
    asked = [pod["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu") for pod in pods]
    products = {
        world.kubectl("get", "node", node, "-o", "json").json()["metadata"]["labels"].get("nvidia.com/gpu.product")
        for node in nodes
    }
    if products != {"Tesla-T4"} or asked != ["1"]:
        raise Miss(f"on {nodes} ({products}), asks for {asked}")
    return Seen(f"{pods[0]['metadata']['name']} on {nodes[0]}, nvidia.com/gpu.product Tesla-T4, 1 GPU")


def five(world: World) -> Seen:
    """No T4 node has five: refused at the push, or explained for each node."""
    folder = world.kept.get("gpu") or _folder(world)
    apps.edit(folder, "app.yaml", '"T4:1"', '"T4:5"')
    world.commit(folder, "five at once")
    mark = world.witness.mark()
    ran = world.push(folder, APP)
    if ran.code != 0:
        lines = [line for line in ran.err.splitlines() if "gpu" in line]
        written = world.witness.writes(mark, world.line, app=APP)
        if not lines or written or ran.seconds > TOLD_WITHIN:
            raise Miss(f"{ran.err.strip()} after {ran.seconds:.1f} s, {len(written)} writes")
        return Seen(f"{lines[0].strip()} [exit {ran.code}, {ran.seconds:.1f} s]", 0)
    began = time.monotonic()

    def explained() -> str | None:
        words = world.mcd("status", APP).text
        return words if "t4-1" in words and "t4-2" in words else None

    words = world.until(explained, TOLD_WITHIN, lambda: world.mcd("status", APP).text)
    line = next(line for line in words.splitlines() if "t4-1" in line)
    return Seen(f"{line.strip()} [after {time.monotonic() - began:.1f} s]")


CHECKS = (
    Check("gpu.sits", "git push of examples/gpu (gpu: \"T4:1\")", "its pod is on a node with a Tesla-T4", sits, 120,
          in_slice=True),
    Check("gpu.five", "git push with gpu: \"T4:5\"; mcd status", "refused, or explained node by node, within 10 s",
          five, 60, in_slice=True),
)  # fmt: skip
