"""Sets the stage: a fresh clone with its own `make up`, the cluster that runs already, or one with simulated nodes.

Everything that is made here is taken away again. It must not touch what it did not make: a developer's cluster is used
through a namespace, an MCD and a signed-in person of our own.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.rows import Miss
from tests.acceptance.server import Server, environment, free_port
from tests.acceptance.world import World, typed

CHECKOUT = Path(__file__).resolve().parents[2]
UP_SECONDS = 45 * 60.0


def clone(target: Path) -> float:
    """`git clone` of this repository as it is committed, and its `make up`. Answers the seconds of `make up`."""
    command = ["git", "clone", "-q", "--no-hardlinks", str(CHECKOUT), str(target)]
    typed(command, environment({}), target.parent, None, 120).ok()
    ran = make(target, "up")
    if ran.code != 0:
        last = [line for line in ran.text.splitlines() if line.strip()][-4:]
        raise Miss(f"make up in a fresh clone: {' | '.join(last)} [exit {ran.code}]")
    return ran.seconds


def make(checkout: Path, *words: str, seconds: float = UP_SECONDS, **more: str) -> Any:
    """`make …` in a clone, with a configuration folder of its own and the shared cache of built programs."""
    return typed(["make", *words], clone_hands(checkout, **more), checkout, None, seconds)


def clone_hands(checkout: Path, **more: str) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("MCD_CACHE", "MCD_NODE") if key in os.environ}
    return environment({"MCD_CONFIG_HOME": str(checkout.parent / "config"), **kept, **more})


@contextlib.contextmanager
def fresh(keep: bool) -> Iterator[World]:
    """A fresh clone, brought up as its README says; taken down and forgotten at the end unless it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="mcd-acc-", dir="/tmp"))
    checkout = folder / "mcd"
    try:
        seconds = clone(checkout)
        cluster = described(checkout, None)
        config = folder / "config"
        context = next(iter(json.loads((config / "contexts.json").read_text())["contexts"].values()))
        world = World(
            checkout, checkout / ".venv" / "bin", folder / "work", cluster, context["server"], context["token"],
            "demo", config,
        )  # fmt: skip
        world.work.mkdir()
        world.kept["up seconds"] = seconds
        with world.later:
            yield world
    finally:
        if keep:
            print(f"kept: {checkout}; `make -C {checkout} reset` forgets it", file=sys.stderr)
        else:
            if (checkout / "Makefile").exists():
                make(checkout, "reset", seconds=300)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def here(keep: bool) -> Iterator[World]:
    """The cluster of this checkout's `make up` (or the one in MCD_CLUSTER_HOME), with an MCD and a product line of our
    own beside the developer's."""
    home = os.environ.get("MCD_CLUSTER_HOME", "")
    cluster = described(CHECKOUT, Path(home) if home else None)
    if not cluster.get("running"):
        raise Miss("the local cluster does not run. Run `make up`, or leave --here away for a fresh clone.")
    with beside(cluster, keep=keep) as world:
        yield world


@contextlib.contextmanager
def beside(
    cluster: Mapping[str, Any],
    *,
    keep: bool = False,
    user: str = "mcd",
    of: World | None = None,
    words: tuple[str, ...] = (),
    **more: str,
) -> Iterator[World]:
    """An MCD of our own on a running cluster, with an admin, the cluster, its node pools and one product line. `of`
    names the stage whose checkout it runs from; its API user on the cluster is `user`; `words` say which half of the
    server, `more` its other settings."""
    checkout, programs = (of.checkout, of.bin) if of else (CHECKOUT, Path(sys.executable).parent)
    folder = Path(tempfile.mkdtemp(prefix="mcd-acc-", dir="/tmp"))
    line = f"acc-{secrets.token_hex(3)}"
    server = planned(folder, cluster, f"127.0.0.1:{free_port()}", programs, **more)
    server.words = words
    world = World(checkout, programs, folder / "work", cluster, server.url, "", line, folder / "config", server)
    world.work.mkdir()
    world.config.mkdir(mode=0o700)
    try:
        server.run("admin", "migrate")
        password = server.run("admin", "create-admin", "admin").strip()
        server.start()
        sign_in(world, password)
        furnish(world, user)
        yield world
    finally:
        if keep:
            print(f"kept: {folder}, product line {line}, {server.url}", file=sys.stderr)
        else:
            world.later.close()
            server.stop()
            world.kubectl("delete", "namespace", line, "--ignore-not-found", "--wait=false")
            shutil.rmtree(folder, ignore_errors=True)


def planned(folder: Path, cluster: Mapping[str, Any], listen: str, programs: Path, **more: str) -> Server:
    """A server with its data in `folder`; it builds when the cluster has a registry."""
    settings = {
        "MCD_DATA": str(folder / "data"), "MCD_LISTEN": listen, "MCD_PUBLIC_URL": f"http://{listen}",
        "MCD_GATEWAY_PORT": str((cluster.get("gateway") or {}).get("port", 80)), **more,
    }  # fmt: skip
    if cluster.get("registry"):
        settings |= {"MCD_REGISTRY": cluster["registry"], "MCD_BUILDER": "buildah"}
    return Server(programs, folder, settings)


def sign_in(world: World, password: str) -> None:
    world.mcd("login", world.url, "--name", "admin", "--password-stdin", given=f"{password}\n").ok()
    known = json.loads((world.config / "contexts.json").read_text())["contexts"]
    world.token = next(iter(known.values()))["token"]


def furnish(world: World, user: str) -> None:
    """The cluster with its pools, and the product line, by the commands that an admin has."""
    gateway, mine = world.cluster.get("gateway") or {}, world.described
    facts = {
        "base_domain": world.cluster["base_domain"],
        "gateway": {"name": gateway["name"], "namespace": gateway["namespace"]},
        "registry": world.cluster.get("registry") or "",
        **{word: mine[word] for word in ("pod_cidrs", "service_cidrs", "dns_cidrs", "storage")},
    }
    facts = {key: value for key, value in facts.items() if value}
    told = world.work / "facts.yaml"
    told.write_text(yaml.safe_dump(facts))
    world.mcd("cluster", "create", "local", "--kubeconfig", str(world.kubeconfig(user)), "--facts", str(told)).ok()
    for pool in mine["node_pools"]:
        body = {key: value for key, value in pool.items() if key not in ("name", "nodes")}
        given = yaml.safe_dump(body)
        world.mcd("node-pool", "set", pool["name"], "--cluster", "local", "-f", "-", given=given).ok()
    add_line(world, world.line)
    world.mcd("person", "set", "admin", "-p", world.line).ok()


def add_line(world: World, name: str, *words: str) -> None:
    """A product line on the stage's own cluster that is ready."""
    add_line_on(world, name, "local", *words)


def add_line_on(world: World, name: str, cluster: str, *words: str) -> None:
    """A product line on a cluster, as MCD names it, that is ready."""
    world.mcd("product-line", "create", name, "--cluster", cluster, *words).ok()

    def look() -> bool:
        return world.api("GET", f"/product-lines/{name}").json().get("state") == "ready"

    world.until(lambda: look() or None, 60, lambda: world.api("GET", f"/product-lines/{name}").text[:300])


def described(checkout: Path, home: Path | None) -> dict[str, Any]:
    """What `python -m scripts.cluster status -o json` says in a checkout."""
    env = environment({"MCD_CLUSTER_HOME": str(home)} if home else {})
    python = checkout / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python if python.exists() else sys.executable, "-m", "scripts.cluster", "status", "-o", "json"],
        cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode not in (0, 3) or not done.stdout:
        raise Miss(f"scripts.cluster status: {done.stderr.strip() or done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
