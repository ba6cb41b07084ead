"""The first minutes of a stranger: `make up` from nothing, killed in the middle and resumed; then again, warm.

The cold run has a cache and a clone of its own, and needs the machine's one real node for itself: the stage's own
cluster is taken down for it and brought up again after.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from tests.acceptance import stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

COLD_SECONDS = 45 * 60.0
WARM_SECONDS = 30.0
KILLED_AFTER = 8 * 60.0


def up(world: World) -> Seen:
    """The stage itself: what `make up` of the fresh clone took, and what it made."""
    took = float(world.kept["up seconds"])
    answer = world.page("shop")
    if answer.status_code != 200:
        raise Miss(f"the shop answers {answer.status_code}")
    line = answer.text.strip().splitlines()[0]
    return Seen(f"make up in a fresh clone: {took:.0f} s; http://shop.apps.localhost/: {answer.status_code} {line}")


def warm(world: World) -> Seen:
    mark = world.witness.mark()
    ran = stage.make(world.checkout, "up", seconds=120)
    if ran.code != 0 or ran.seconds > WARM_SECONDS:
        raise Miss(f"{ran.said} after {ran.seconds:.1f} s")
    written = world.witness.writes(mark, world.line)
    if written:
        raise Miss(f"{len(written)} writes: {', '.join(map(str, written[:5]))}")
    ready = next(line for line in ran.text.splitlines() if line.startswith("ready"))
    return Seen(f"{ready} [exit 0, {ran.seconds:.1f} s]", 0)


def down_and_up(world: World) -> Seen:
    """Everything stops, nothing listens, and all of it comes back as it was."""
    app = world.status("shop")["rollout"]["number"]
    stage.make(world.checkout, "down", seconds=300).ok()
    try:
        httpx.get(f"{world.url}/readyz", timeout=2)
        raise Miss("MCD answers after make down")
    except httpx.TransportError:
        pass
    ran = stage.make(world.checkout, "up", seconds=300).ok()
    again = world.ready("shop", 60)["number"]
    if again != app or world.page("shop").status_code != 200:
        raise Miss(f"Rollout {app} before, {again} after; the shop answers {world.page('shop').status_code}")
    return Seen(f"make down; make up in {ran.seconds:.0f} s: Rollout {again} of shop as before, 200")


def cold(world: World) -> Seen:
    """An empty cache, `make up`, kill -9 of the whole of it in the middle, `make up` again."""
    stage.make(world.checkout, "down", seconds=300).ok()
    folder = Path(tempfile.mkdtemp(prefix="mcd-cold-", dir="/tmp"))
    checkout = folder / "mcd"
    more = {"MCD_CACHE": str(folder / "cache"), "GOMODCACHE": str(folder / "modules"), "GOFLAGS": "-modcacherw",
            "GOCACHE": str(folder / "gocache")}  # fmt: skip
    try:
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", stage.CHECKOUT, checkout], check=True, timeout=120)
        began = time.monotonic()
        first = _killed(checkout, more, KILLED_AFTER)
        built = sorted(path.name for path in (folder / "cache").glob("*/*") if path.is_file() and path.name[0] != ".")
        ran = stage.make(checkout, "up", seconds=COLD_SECONDS, **more)
        whole = time.monotonic() - began
        again = [name for name in built if re.search(rf"building {re.escape(name)} ", ran.text)]
        if ran.code != 0 or whole > COLD_SECONDS or again:
            raise Miss(f"{ran.said} after {whole / 60:.1f} min; built twice: {again}")
        return Seen(f"killed -9 after {first / 60:.1f} min with {', '.join(built) or 'nothing'} built; resumed, ready "
                    f"after {whole / 60:.1f} min in all, nothing built twice")  # fmt: skip
    finally:
        stage.make(checkout, "reset", seconds=300, **more)
        shutil.rmtree(folder, ignore_errors=True)
        stage.make(world.checkout, "up", seconds=300)


def _killed(checkout: Path, more: dict[str, str], after: float) -> float:
    """Runs `make up` and kills its whole process group with -9 after so many seconds. Answers when it was killed."""
    began = time.monotonic()
    process = subprocess.Popen(
        ["make", "up"], cwd=checkout, env=stage.clone_hands(checkout, **more), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=after)
        raise Miss(f"make up ended with {process.returncode} before it was killed")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    return time.monotonic() - began


CHECKS = (
    Check("first.up", "git clone; make up; curl http://shop.apps.localhost/",
          "the shop answers 200 from a real pod", up, 60, needs_clone=True, needs_node=True),
    Check("first.warm", "make up, again", "30 s at the most, 0 writes", warm, 150, needs_clone=True),
    Check("first.down-up", "make down; make up", "all of it comes back, the same Rollout", down_and_up, 600,
          needs_clone=True),
)  # fmt: skip

COLD = (
    Check("cold", "make up with an empty cache; kill -9 in the middle; make up",
          "45 min at the most in all, nothing built twice", cold, 2 * COLD_SECONDS, needs_clone=True, needs_node=True),
)  # fmt: skip
