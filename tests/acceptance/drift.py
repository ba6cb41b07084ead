"""What a hand does to our objects is undone, and what is a hand's own stays.

Each trial takes another Deployment: a field that is taken back three times within ten minutes is a fight, which MCD
leaves alone on purpose.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from tests.acceptance import apps, plans
from tests.acceptance.referee import Referee
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World, percentile

APP = "acc-drift"
TRIALS = 30
TRIALS_IN_SLICE = 5
LONGEST = 15.0
"""Seconds that one trial may take."""


def _components(world: World) -> list[str]:
    return [f"c{n:02d}" for n in range(TRIALS_IN_SLICE if world.kept.get("slice") else TRIALS)]


def _folder(world: World) -> Path:
    folder: Path | None = world.kept.get("drift")
    if folder is None:
        text = apps.played(world, APP, _components(world))
        folder = world.repository(APP, {"app.yaml": text})
        world.push(folder, APP).ok()
        world.ready(APP, 180)
        world.kept["drift"] = folder
    return folder


def deleted(world: World) -> Seen:
    _folder(world)

    def trial(hand: Referee, eyes: Referee, name: str) -> float:
        uid = hand.delete("deployments", world.line, name)["details"]["uid"]
        return _until(lambda: (_uid(eyes, world, name) or uid) != uid, f"{name} is not back")

    return _trials(world, trial, "deleted by hand, back after")


def edited(world: World) -> Seen:
    _folder(world)
    world.ready(APP, 120)

    def trial(hand: Referee, eyes: Referee, name: str) -> float:
        component = name.removeprefix(f"{APP}-")
        container = {"name": component, "image": "registry.example.com/evil:latest"}
        hand.edit("deployments", world.line, name, {"spec": {"template": {"spec": {"containers": [container]}}}})

        def healed() -> bool:
            live = eyes.get("deployments", world.line, name)
            return bool(live and live["spec"]["template"]["spec"]["containers"][0]["image"] == apps.IMAGE)

        return _until(healed, f"the image of {name} is not healed")

    return _trials(world, trial, "image edited by hand, healed after")


def told(world: World) -> Seen:
    """The Events of the heals name who it was."""
    found = world.mcd("events", APP, "--limit", "500", "-o", "json").json()
    events = found if isinstance(found, list) else found["items"]
    naming = [e for e in events if "kubectl-edit" in f"{e['message']} {e.get('data')}"]
    if len(naming) < len(_components(world)):
        kinds = sorted({e["kind"] for e in events})
        raise Miss(f"{len(naming)} of {len(_components(world))} heals have an Event that names kubectl-edit; {kinds}")
    return Seen(f"{len(naming)} Events, the newest: {naming[0]['message']}")


def removed(world: World) -> Seen:
    """A component that a push leaves out goes with all its objects; a ConfigMap of a hand with our label stays."""
    folder = _folder(world)
    gone = _components(world)[-1]
    selector = f"app.kubernetes.io/instance={APP},app.kubernetes.io/component={gone}"
    with Referee(world.kubeconfig("person")) as hand, Referee(world.kubeconfig("admin")) as eyes:
        labels = {"app.kubernetes.io/instance": APP, "app.kubernetes.io/component": gone}
        mine = {"metadata": {"name": f"{APP}-by-hand", "labels": labels}, "data": {"key": "value"}}
        answer = hand.create("configmaps", world.line, mine)
        if answer.status_code != 201:
            raise Miss(f"the hand-made ConfigMap was refused: {answer.text[:200]}")
        uid = answer.json()["metadata"]["uid"]
        kinds = ("deployments", "services", "networkpolicies")
        before = [f"{kind}/{name}" for kind in kinds for name in eyes.names(kind, world.line, selector)]
        (folder / "app.yaml").write_text(apps.played(world, APP, _components(world)[:-1]))
        world.commit(folder, f"without {gone}")
        expected = plans.foretold(world.mcd("diff", "-o", "json", cwd=folder).json())
        mark = world.witness.mark()
        pushed = world.push(folder, APP).ok()
        world.until(
            lambda: not [n for kind in kinds for n in eyes.names(kind, world.line, selector)] or None,
            30, lambda: f"still there: {[n for kind in kinds for n in eyes.names(kind, world.line, selector)]}",
        )  # fmt: skip
        world.ready(APP)
        kept = eyes.get("configmaps", world.line, f"{APP}-by-hand")
        if not before or kept is None or kept["metadata"]["uid"] != uid:
            raise Miss(f"before: {before}; the hand-made ConfigMap is {'gone' if kept is None else 'another one'}")
    seen = plans.compared(world, expected, mark, APP)
    line = next((x for x in pushed.err.splitlines() if "deletes" in x), "")
    return Seen(f"{line.strip()} gone: {', '.join(before)}; ConfigMap/{APP}-by-hand stays; {seen.line}", seen.writes)


def _trials(world: World, trial: Callable[[Referee, Referee, str], float], words: str) -> Seen:
    mark = world.witness.mark()
    seconds = []
    with Referee(world.kubeconfig("person")) as hand, Referee(world.kubeconfig("admin")) as eyes:
        for component in _components(world):
            seconds.append(trial(hand, eyes, f"{APP}-{component}"))
    p50, p99 = percentile(seconds, 0.5) * 1000, percentile(seconds, 0.99) * 1000
    written: list[object] = []

    def told() -> bool:
        """The API server writes down what it did after it answered."""
        written[:] = [f for f in world.witness.writes(mark, world.line, app=APP) if f.resource == "deployments"]
        return len(written) >= len(seconds)

    with contextlib.suppress(Miss):
        _until(told, "not all writes are told")
    if len(written) != len(seconds):
        raise Miss(f"{len(seconds)} trials, {len(written)} writes of Deployments by MCD")
    return Seen(f"{len(seconds)} of {len(seconds)} {words} p50 {p50:.0f} ms, p99 {p99:.0f} ms", len(written))


def _uid(eyes: Referee, world: World, name: str) -> str:
    live = eyes.get("deployments", world.line, name)
    return str(live["metadata"]["uid"]) if live else ""


def _until(done: Callable[[], bool], otherwise: str) -> float:
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > LONGEST:
            raise Miss(f"{otherwise} after {LONGEST:.0f} s")
        time.sleep(0.005)
    return time.monotonic() - began


CHECKS = (
    Check("drift.deleted", "kubectl delete deployment acc-drift-cNN, as person (30 trials)",
          "30 times back; p50 and p99", deleted, 300, in_slice=True),
    Check("drift.edited", "kubectl edit deployment acc-drift-cNN: another image, as person (30 trials)",
          "30 times healed; p50 and p99", edited, 300, in_slice=True),
    Check("drift.event", "mcd events acc-drift", "the Event of each heal names kubectl-edit", told, 30, in_slice=True),
    Check("drift.removed", "git push without one component; a ConfigMap made by hand with its labels",
          "its objects go, the ConfigMap stays, nothing else is written", removed, 120, in_slice=True),
)  # fmt: skip
