"""Two controllers on one PostgreSQL share 200 Apps; one is killed midway and the other takes its share over.

Each has a user of its own at the API server, so that the audit log says who did what, and when.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.acceptance import apps, stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.server import Server, free_port
from tests.acceptance.witness import Fact, counted, named
from tests.acceptance.world import World
from tests.servers.postgres import postgres

APPS = 200
APPS_IN_SLICE = 24
PUSHERS = 6
LEAST_SHARE = 0.25
USERS = ("mcd-a", "mcd-b")
READY_SECONDS = 600.0
PUSH_SECONDS = 60.0


@dataclass
class Pair:
    """An API process and two controllers, `a` and `b`."""

    world: World
    a: Server
    b: Server


@contextmanager
def _pair(of: World) -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="mcd-two-", dir="/tmp"))
    try:
        with (
            postgres() as database,
            stage.beside(of.cluster, of=of, MCD_DATABASE_URL=database.create(), MCD_BUILDER="none") as world,
        ):
            # The product line is ready: from here on the server is the API alone, and two others are the controllers.
            assert world.server is not None
            world.server.stop()
            world.server.words = ("api",)
            world.server.start()
            a, b = (_controllers(world, folder, user) for user in USERS)
            try:
                yield Pair(world, a, b)
            finally:
                a.stop()
                b.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _controllers(world: World, folder: Path, user: str) -> Server:
    """A controller process whose token at the cluster is the user's own."""
    assert world.server is not None
    tokens = folder / user
    tokens.mkdir(parents=True)
    token = yaml.safe_load(world.kubeconfig(user).read_text())["users"][0]["user"]["token"]
    (tokens / "local").write_text(token)
    settings = {
        **world.server.settings, "MCD_CLUSTER_TOKENS": str(tokens), "MCD_HOLDER": user,
        "MCD_LISTEN": f"127.0.0.1:{free_port()}",
    }  # fmt: skip
    return Server(world.bin, world.server.folder, settings, ("controllers",), user)


def two(of: World) -> Seen:
    count = APPS_IN_SLICE if of.kept.get("slice") else APPS
    with _pair(of) as pair:
        world = pair.world
        names = [f"acc-two-{n:03d}" for n in range(count)]
        _push_all(world, names)
        mark = world.witness.mark()
        began = time.monotonic()
        pair.a.start(wait=False)
        pair.b.start(wait=False)
        world.until(
            lambda: _ready(world, count) >= count // 2 or None, READY_SECONDS,
            lambda: f"{_ready(world, count)} of {count} ready", pause=0.2,
        )  # fmt: skip
        pair.a.kill()
        killed = time.monotonic()
        world.until(
            lambda: _ready(world, count) == count or None, READY_SECONDS,
            lambda: f"{_ready(world, count)} of {count} ready", pause=0.5,
        )  # fmt: skip
        whole, after = time.monotonic() - began, time.monotonic() - killed
        written = world.witness.writes(mark, world.line, USERS)
        return _judged(written, names, f"{count} Apps ready in {whole:.0f} s, {after:.0f} s after kill -9 of a")


def _judged(written: Sequence[Fact], names: Sequence[str], words: str) -> Seen:
    apps_of = {name: {_app(f, names) for f in written if f.user == name} - {""} for name in USERS}
    shares = {user: sum(f.user == user for f in written) / max(1, len(written)) for user in USERS}
    made = [f for f in written if f.made]
    twice = [what for what, times in counted(made, named).items() if times > 1]
    both = _together(written, names)
    told = ", ".join(f"{user} {share:.0%} of the writes, {len(apps_of[user])} Apps" for user, share in shares.items())
    if min(shares.values()) < LEAST_SHARE or twice or both:
        raise Miss(f"{words}: {told}; by both at one time: {both[:5]}; created twice: {twice[:5]}")
    return Seen(f"{words}: {told}; no App by two at one time, each of {len(made)} objects created once", len(written))


def _together(written: Sequence[Fact], names: Sequence[str]) -> list[str]:
    """Apps on which the two took turns more than once: a pass writes within milliseconds, so that a, b, a means that
    two passes overlapped. One hand-over is what a kill makes."""
    turns: dict[str, list[str]] = {}
    for fact in sorted(written, key=lambda f: f.at):
        users = turns.setdefault(_app(fact, names), [])
        if not users or users[-1] != fact.user:
            users.append(fact.user)
    return [name for name, users in turns.items() if name and len(users) > 2]


def _app(fact: Fact, names: Sequence[str]) -> str:
    found = "-".join(fact.name.split("-")[:3])
    return found if found in names else ""


def _ready(world: World, count: int) -> int:
    """How many Apps are ready, by two requests at the most."""
    items, query = [], {"limit": "500"}
    answer = world.api("GET", "/apps", params=query).json()
    items += answer["items"]
    return sum((item["live"] or {}).get("state") == "ready" for item in items[:count])


def _push_all(world: World, names: Sequence[str]) -> None:
    """Pushes all while no controller runs. Each git is left as soon as its push is stored: that stops the watching."""
    template = world.repository("two", {"app.yaml": apps.played(world, "two", ["web"])})

    def push(name: str) -> str:
        deadline = time.monotonic() + PUSH_SECONDS
        while True:
            said = _left_when_stored(world, template, name)
            # A person may have so many streams open; those that were left are noticed a little later.
            if "429" not in said or time.monotonic() > deadline:
                return f"{name}: {said[-300:]}" if said else ""
            time.sleep(0.5)

    with ThreadPoolExecutor(PUSHERS) as pool:
        bad = [said for said in pool.map(push, names) if said]
    if bad:
        raise Miss(f"{len(bad)} pushes were not taken: {bad[:2]}")


def _left_when_stored(world: World, template: Path, name: str) -> str:
    """Empty when the push was taken, else all that git said."""
    command = ["git", "push", world.remote(name), "main"]
    with subprocess.Popen(
        command, cwd=template, env=world.git_hands(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line.strip())
            if f"Release 1 of {name}" in line:
                # Ctrl-C reaches git's own children too: one of them holds the connection.
                os.killpg(process.pid, signal.SIGINT)
                return ""
    return " ".join(said)


CHECKS = (
    Check("processes", "mcd serve api; two mcd serve controllers on PostgreSQL; 200 git pushes; kill -9 of one midway",
          "both did 25 % or more, no App by two at one time, all Ready", two, 1500),
)  # fmt: skip
