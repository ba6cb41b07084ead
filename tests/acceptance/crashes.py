"""kill -9 of `mcd serve` at the worst moments. Each time it is started again, and the push must end as if nothing was.

The moment is found from outside: the audit log grows by the n-th write, the builder appears, the pack arrives. The
judge is the audit log alone: each object was created once. The MCD that is killed is one of our own.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.acceptance import apps, stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.witness import Fact, Witness, counted, named
from tests.acceptance.world import World

COMPONENTS = ("api", "web", "worker")
LATEST = 60.0
"""Seconds in which the moment must come, and in which the App must be ready after the restart."""


class Sniper:
    """Kills the server at a moment that `seen` finds; looks again every millisecond, in a thread of its own."""

    def __init__(self, world: World, seen: Callable[[], bool]) -> None:
        self.world, self.seen = world, seen
        self.over = threading.Event()
        self.pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Sniper:
        self.lurking = self.pool.submit(self._lurk)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.pool.shutdown()

    def shot(self, seconds: float) -> bool:
        """Waits for the shot; False when the time is over. Raises what `seen` raised."""
        try:
            return self.lurking.result(seconds)
        except TimeoutError:
            return False

    def _lurk(self) -> bool:
        assert self.world.server is not None
        while not self.over.is_set():
            if self.seen():
                self.world.server.kill()
                return True
            time.sleep(0.001)
        return False


class Tail:
    """Counts our writes in the audit log as they come, without reading it again and again."""

    def __init__(self, witness: Witness, chosen: Callable[[Fact], bool]) -> None:
        self.witness, self.chosen = witness, chosen
        self.mark, self.count = witness.mark(), 0

    def __call__(self) -> int:
        end = self.witness.mark()
        if end != self.mark:
            self.count += sum(1 for fact in self.witness.since(self.mark) if self.chosen(fact))
            self.mark = end
        return self.count


def _pushed_in_the_background(world: World, folder: Path, app: str) -> subprocess.Popen[bytes]:
    with (world.work / f"{app}.push").open("wb") as log:
        return subprocess.Popen(
            ["git", "push", world.remote(app), "main"], cwd=folder, env=world.git_hands(), stdout=log, stderr=log
        )


def _crash(world: World, folder: Path, app: str, moment: Callable[[], bool], *, push_again: bool = False) -> None:
    """Pushes, kills at the moment, starts again, waits until the App is as the newest commit says. Raises Miss."""
    assert world.server is not None
    with Sniper(world, moment) as sniper:
        pushing = _pushed_in_the_background(world, folder, app)
        hit = sniper.shot(LATEST)
    if not hit:
        pushing.kill()
        said = (world.work / f"{app}.push").read_text().strip().splitlines()[-1:]
        raise Miss(f"the moment did not come; git said {said}")
    # Its server is gone, so git ends by itself.
    pushing.wait(timeout=30)
    world.server.start()
    commit = world.head(folder)
    if push_again:
        world.push(folder, app).ok()

    def as_pushed() -> bool | None:
        answer = world.api("GET", f"/apps/{app}/status")
        found = answer.json() if answer.status_code == 200 else {}
        release, rollout = found.get("release") or {}, found.get("rollout") or {}
        there = release.get("commit") == commit and rollout.get("release") == release.get("number")
        return (there and rollout.get("state") == "ready") or None

    world.until(as_pushed, LATEST, lambda: f"{app}: {world.api('GET', f'/apps/{app}/status').text[:400]}")


def _once(world: World, mark: int, app: str) -> int:
    """Each object was created once. Answers how many. Raises Miss that names the others."""
    made = [f for f in world.witness.writes(mark, world.line, app=app) if f.made]
    twice = {what: count for what, count in counted(made, named).items() if count > 1}
    if twice or not made:
        raise Miss(f"created more than once: {twice}" if twice else "nothing was created")
    return len(made)


# --- the points -------------------------------------------------------------------------------------------------------


def after_write(number: int) -> Callable[[World], tuple[str, int]]:
    """After the n-th write of a first push."""

    def point(world: World) -> tuple[str, int]:
        app = f"acc-write-{number}"
        folder = world.repository(app, {"app.yaml": apps.played(world, app, COMPONENTS)})
        mark = world.witness.mark()
        tail = _ours(world, app)
        _crash(world, folder, app, lambda: tail() >= number)
        return f"after write {number}", _once(world, mark, app)

    return point


def after_change(world: World) -> tuple[str, int]:
    """After the first write of a push that changes all, adds one and takes one away."""
    app = "acc-change"
    folder, mark = _running(world, app)
    (folder / "app.yaml").write_text(apps.played(world, app, (*COMPONENTS[1:], "extra"), env="2"))
    world.commit(folder, "another env, one more, one less")
    tail = _ours(world, app)
    _crash(world, folder, app, lambda: tail() >= 1)
    _gone(world, app, COMPONENTS[0])
    return "after the first write of a change", _once(world, mark, app)


def after_delete(world: World) -> tuple[str, int]:
    app = "acc-prune"
    folder, mark = _running(world, app)
    (folder / "app.yaml").write_text(apps.played(world, app, COMPONENTS[1:]))
    world.commit(folder, "one less")
    tail = Tail(world.witness, lambda f: f.is_write and f.verb == "delete" and f.user in _USERS and _of(f, world, app))
    _crash(world, folder, app, lambda: tail() >= 1)
    _gone(world, app, COMPONENTS[0])
    return "after the first delete", _once(world, mark, app)


def in_record(world: World) -> tuple[str, int]:
    """All is written and nothing is recorded yet: the last object of the pass was answered this very moment."""
    app = "acc-record"
    folder = world.repository(app, {"app.yaml": apps.played(world, app, COMPONENTS)})
    mark = world.witness.mark()
    wanted = len(COMPONENTS) * 3 + 1
    tail = _ours(world, app)
    _crash(world, folder, app, lambda: tail() >= wanted)
    return "in record", _once(world, mark, app)


def in_push(stage_of_it: str) -> Callable[[World], tuple[str, int]]:
    """While a pack of 24 MiB comes in, is judged, or was just stored."""

    def point(world: World) -> tuple[str, int]:
        app = f"acc-push-{stage_of_it}"
        folder = world.repository(app, {"app.yaml": apps.played(world, app, COMPONENTS)})
        (folder / "large.bin").write_bytes(random.Random(1).randbytes(24 * 2**20))
        world.commit(folder, "large")
        mark = world.witness.mark()
        git = Path(_data(world)) / "git"

        def arrives() -> bool:
            return any(size > 2**20 for file, size in _files(git) if app not in file.parts)

        def stored() -> bool:
            return (git / f"{app}.git").exists()

        _crash(world, folder, app, arrives if stage_of_it == "arriving" else stored, push_again=True)
        return f"in push ({stage_of_it})", _once(world, mark, app)

    return point


def in_build(delay: float) -> Callable[[World], tuple[str, int]]:
    """While buildah runs: `delay` seconds after it began."""

    def point(world: World) -> tuple[str, int]:
        app = f"acc-build-{int(delay * 10)}"
        folder = apps.hello(world, app)
        # Long enough to be hit in any phase, and never the same image as another's.
        with (folder / "Dockerfile").open("a") as file:
            file.write(f"RUN sleep 2 && echo {app} > /tmp/{app}\n")
        world.commit(folder, "a slow build")
        mark = world.witness.mark()
        began: list[float] = []

        def building() -> bool:
            if not began and _builds(world):
                began.append(time.monotonic())
            return bool(began) and time.monotonic() - began[0] >= delay

        _crash(world, folder, app, building)
        return f"in build, {delay} s after it began", _once(world, mark, app)

    return point


_USERS = frozenset({"mcd", "mcd-a"})


def _of(fact: Fact, world: World, app: str) -> bool:
    return fact.namespace == world.line and (fact.name == app or fact.name.startswith(f"{app}-"))


def _ours(world: World, app: str) -> Tail:
    return Tail(world.witness, lambda f: f.is_write and f.user in _USERS and _of(f, world, app))


def _running(world: World, app: str) -> tuple[Path, int]:
    folder = world.repository(app, {"app.yaml": apps.played(world, app, COMPONENTS)})
    mark = world.witness.mark()
    world.push(folder, app).ok()
    world.ready(app)
    return folder, mark


def _gone(world: World, app: str, component: str) -> None:
    names = [obj["metadata"]["name"] for obj in world.objects("deployments,services,networkpolicies", app)]
    if left := [name for name in names if name == f"{app}-{component}"]:
        raise Miss(f"{left} should be gone")


def _data(world: World) -> str:
    assert world.server is not None
    return world.server.settings["MCD_DATA"]


def _files(folder: Path) -> list[tuple[Path, int]]:
    """Each file with its size. One that goes while we look is none."""
    found = []
    for where, _, names in os.walk(folder):
        for file in (Path(where) / name for name in names):
            with contextlib.suppress(FileNotFoundError):
                found.append((file, file.stat().st_size))
    return found


def _builds(world: World) -> bool:
    """Whether a buildah of this very MCD runs: its storage is named on its command line."""
    store = f"{_data(world)}/build".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"buildah" in words and store in words and b"bud" in words:
                return True
    return False


# --- the table --------------------------------------------------------------------------------------------------------

WRITES = tuple(range(1, 11))
POINTS: tuple[Callable[[World], tuple[str, int]], ...] = (
    *(after_write(number) for number in WRITES),
    after_change, after_delete, in_record,
    in_push("arriving"), in_push("stored"),
    in_build(0.1), in_build(0.8), in_build(1.6), in_build(2.4), in_build(3.2),
)  # fmt: skip


def _play(world: World, number: int) -> Seen:
    own = _victim(world)
    began = time.monotonic()
    words, made = POINTS[number](own)
    return Seen(
        f"killed {words}; ready {time.monotonic() - began:.1f} s after the push; {made} objects, each once", made
    )


def _victim(world: World) -> World:
    """The MCD that is killed: a second one on the same cluster, made with the first point."""
    if "victim" not in world.kept:
        world.kept["victim"] = world.entered(stage.beside(world.cluster, user="mcd-a", of=world))
    victim: World = world.kept["victim"]
    assert victim.server is not None
    if victim.server.process is None or victim.server.process.poll() is not None:
        victim.server.start()
    return victim


CHECKS = tuple(
    Check(
        f"crashes.{number + 1:02d}",
        "git push; kill -9 of mcd serve; mcd serve",
        "it ends as the push says, each object is created once",
        lambda world, n=number: _play(world, n),
        180,
        needs_node=number >= 15,
        in_slice=number in (0, 4, 11),
    )
    for number in range(len(POINTS))
)
