"""Bad places: clusters that do not answer or do not know us, objects of others under our names, a quota that is full.

What cannot be done waits or stops with one sentence that says what, where and what to do; what is somebody else's stays
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.acceptance import apps, plans, refused, stage
from tests.acceptance.referee import Referee
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World


def _strange(world: World, name: str, **changes: str) -> None:
    """A kubeconfig of our cluster with another server or another token, told to MCD as a cluster of its own."""
    told = yaml.safe_load(world.kubeconfig("mcd").read_text())
    if "server" in changes:
        told["clusters"][0]["cluster"]["server"] = changes["server"]
    if "token" in changes:
        told["users"][0]["user"]["token"] = changes["token"]
    file = world.work / f"{name}.yaml"
    file.write_text(yaml.safe_dump(told))
    world.mcd("cluster", "create", name, "--kubeconfig", str(file), "--fact", "base_domain=x.example.com").ok()


def _line_of_cluster(world: World, name: str, *words: str) -> Seen:
    """What `mcd cluster show` says of it, once it says something."""
    mark = world.witness.mark()

    def told() -> str | None:
        shown = world.api("GET", f"/clusters/{name}").json()
        message = str(shown.get("message", ""))
        return message if all(word.lower() in message.lower() for word in words) else None

    line = world.until(told, 30, lambda: world.mcd("cluster", "show", name).text, pause=0.3)
    ran = world.mcd("cluster", "show", name)
    seen = refused.by_command(world, ran, mark, 0, words[0])
    return Seen(f"{line} [exit {ran.code}]", seen.writes)


def unreachable(world: World) -> Seen:
    """Nobody listens at port 1. Other clusters are not held up: ours goes on, and answers at once."""
    _strange(world, "acc-nowhere", server="https://127.0.0.1:1")
    seen = _line_of_cluster(world, "acc-nowhere", "refuses the connection")
    app = "acc-beside"
    folder = world.repository(app, {"app.yaml": apps.played(world, app, ["web"])})
    took = world.push(folder, app).ok().seconds
    world.ready(app)
    return Seen(f"{seen.line}; a push to the other cluster took {took:.1f} s", seen.writes)


def unauthorised(world: World) -> Seen:
    _strange(world, "acc-unknown", token="not-a-token-that-it-knows")
    return _line_of_cluster(world, "acc-unknown", "credential")


def without_rights(world: World) -> Seen:
    told = yaml.safe_load(world.kubeconfig("nobody").read_text())["users"][0]["user"]["token"]
    _strange(world, "acc-powerless", token=told)
    return _line_of_cluster(world, "acc-powerless", "does not allow")


def foreign(world: World) -> Seen:
    """A Deployment of a person has our name: held, untouched, its maker named; `--take-over` is the way out."""
    app = "acc-foreign"
    name = f"{app}-web"
    # What `mcd render` gave somebody: with our selector, which can never be changed, it can be adopted later.
    instance, component = "app.kubernetes.io/instance", "app.kubernetes.io/component"
    labels = {instance: app, component: "web", "mcd.internal/track": "stable"}
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "automountServiceAccountToken": False,
            "containers": [{
                "name": "web", "image": apps.IMAGE,
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "16Mi"}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    }  # fmt: skip
    made: Mapping[str, Any] = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }  # fmt: skip
    with Referee(world.kubeconfig("person")) as hand:
        answer = hand.create("deployments", world.line, dict(made))
        if answer.status_code != 201:
            raise Miss(f"the person's Deployment: {answer.status_code} {answer.text[:200]}")
        folder = world.repository(app, {"app.yaml": apps.played(world, app, ["web"])})
        mark = world.witness.mark()
        ran = world.push(folder, app)
        live = hand.get("deployments", world.line, name)
        touched = [str(f) for f in world.witness.writes(mark, world.line, app=app) if f.resource == "deployments"]
        if touched or live is None or live["metadata"]["generation"] != answer.json()["metadata"]["generation"]:
            raise Miss(f"the person's Deployment was touched: {touched}")
        line = next((x for x in ran.text.splitlines() if name in x and "not ours" in x), "")
        if ran.code != 0 and not line:
            raise Miss(f"{ran.text[-400:]} [exit {ran.code}]")
        line = line or str(world.live(app).get("message"))
        if "not ours" not in line or "--take-over" not in line:
            raise Miss(f"it is not said whose it is, or what to do: {line}")
        world.mcd("deploy", app, "--take-over", "--wait", "--timeout", "60s").ok()
    return Seen(f"{line.strip()} Deployments written: 0; then mcd deploy --take-over: ready", 0)


def quota(world: World) -> Seen:
    """A product line of one pod. The quota is named with what was asked, used and allowed."""
    line = f"{world.line}-q"
    stage.add_line(world, line, "--quota", "pods=1")
    app = "acc-full"
    text = apps.played(world, app, ["one", "two", "three"])
    folder = world.repository(app, {"app.yaml": text})
    ran = world.push(folder, app, "-o", f"product-line={line}", seconds=12)

    def told() -> str | None:
        words = world.mcd("status", app).text
        return next((x.strip() for x in words.splitlines() if "quota" in x.lower() and "pods" in x), None)

    try:
        said = world.until(told, 15, lambda: ran.text + world.mcd("status", app).text, pause=0.5)
    finally:
        world.mcd("delete", app, "--yes")
        world.kubectl("delete", "namespace", line, "--ignore-not-found", "--wait=false")
    return Seen(said)


def no_server(world: World) -> Seen:
    mark = world.witness.mark()
    ran = world.mcd("status", "shop", MCD_SERVER="http://127.0.0.1:1", MCD_TOKEN="mcd_pat_none_none")
    return refused.by_command(world, ran, mark, 6, "127.0.0.1:1")


def unreachable_base(world: World) -> Seen:
    """FROM an image that nothing here can fetch: our own base is named instead, before anything is built."""
    app = "acc-from"
    folder = apps.hello(world, app)
    apps.edit(folder, "Dockerfile", "FROM mcd/python3.11", "FROM python:3.11-slim")
    world.commit(folder, "another base")
    mark = world.witness.mark()
    ran = world.push(folder, app, seconds=90)
    line = next((x.strip() for x in ran.text.splitlines() if "mcd/python3.11" in x), "")
    written = world.witness.writes(mark, world.line, app=app)
    if not line or written:
        raise Miss(f"{ran.text[-500:]} [exit {ran.code}]; wrote {plans.told(written)}")
    return Seen(f"{line} [exit {ran.code}]", 0)


CHECKS = (
    Check("bad.unreachable", "mcd cluster create with a server at which nobody listens; push to another cluster",
          "one sentence that says why; the other cluster is not held up", unreachable, 120, in_slice=True),
    Check("bad.unauthorised", "mcd cluster create with a token that it does not know", "one sentence: the credential",
          unauthorised, 60, in_slice=True),
    Check("bad.powerless", "mcd cluster create with a user that has no rights", "one sentence: what it may not do",
          without_rights, 60),
    Check("bad.foreign", "kubectl create deployment acc-foreign-web, as person; git push; mcd deploy --take-over",
          "held and untouched, its maker and --take-over named; then taken over", foreign, 120, in_slice=True),
    Check("bad.quota", "a product line of one pod; git push of three", "the quota: asked, used, allowed", quota, 120,
          in_slice=True),
    Check("bad.no-server", "mcd status, nobody at the address", "one line, exit 6", no_server, 30, in_slice=True),
    Check("bad.base", "git push with FROM python:3.11-slim and no way to it", "our base is named instead; 0 writes",
          unreachable_base, 120, needs_node=True),
)  # fmt: skip
