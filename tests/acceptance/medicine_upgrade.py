"""`helm upgrade` while twenty Rollouts are on their way: none is lost, and nothing is made twice.

The audit log is the judge: it also says which pod wrote. It must not install anything.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import yaml

from tests.acceptance import apps
from tests.acceptance.medicine_stage import Clinic, account, clinic_of, inside_of
from tests.acceptance.rows import Miss, Seen
from tests.acceptance.witness import counted, named
from tests.acceptance.world import World

ROLLOUTS = 20
PUSHERS = 4
COMPONENTS = ("api", "web", "worker")
PUSH_SECONDS = 420.0
_POD = "authentication.kubernetes.io/pod-name"


def upgrade(world: World) -> Seen:
    """Twenty first pushes while `helm upgrade` replaces every pod; the audit log says who made what, and how often."""
    inside, clinic = inside_of(world), clinic_of(world)
    names = [f"acc-own-{number:02d}" for number in range(ROLLOUTS)]
    before, mark = _pods(world, clinic), world.witness.mark()
    clinic.more = {**clinic.more, "settings": {"MCD_LOG_LEVEL": "debug"}}
    (clinic.folder / "more.yaml").write_text(yaml.safe_dump(dict(clinic.more)))
    with _Pushing(inside, names, lambda: bool(set(before) - set(_pods(world, clinic)))) as pushing:
        pushing.first.wait(30)
        ran = clinic.type("Upgrade", 600)
        pushing.upgraded.set()
        bad = pushing.ended()
    if bad:
        raise Miss(f"{len(bad)} pushes were not taken: {bad[:2]}")
    for name in names:
        inside.ready(name, 120)
    after = _pods(world, clinic)
    if set(before) & set(after):
        raise Miss(f"not replaced: {sorted(set(before) & set(after))}")
    written = world.witness.writes(mark, inside.line, {account(world, "mcd-controller")})
    made = [fact for fact in written if fact.made]
    twice = {what: times for what, times in counted(made, named).items() if times > 1}
    lacking = [n for n in names for c in COMPONENTS if f"deployments/{n}-{c}" not in {named(f) for f in made}]
    if twice or lacking:
        raise Miss(f"created more than once: {twice}; never: {lacking[:5]}")
    shares = _shares(world, mark, inside.line)
    old, new = (sum(n for pod, n in shares.items() if (pod in before) is of) for of in (True, False))
    if not old or not new:
        raise Miss(f"the upgrade was not in the middle: the pods before wrote {old}, those after {new}")
    return Seen(
        f"{ROLLOUTS} Rollouts ready, {len(made)} objects, each created once; helm upgrade took {ran.seconds:.0f} s; "
        f"controllers from before it wrote {old}, from after it {new}; {pushing.again} pushes cut off and pushed again",
        len(written),
    )


class _Pushing:
    """First pushes of Apps, a few at a time: half of them while the new pods come up, the others from the moment at
    which `turning` says that the first old pod goes. A push that is cut off is pushed again, as a person does."""

    def __init__(self, inside: World, names: list[str], turning: Callable[[], bool]) -> None:
        self.inside, self.names, self.turning = inside, names, turning
        self.first, self.upgraded = threading.Event(), threading.Event()
        self.again = 0
        text = apps.played(inside, "own", COMPONENTS)
        self.template = inside.repository("own", {"app.yaml": text})

    def __enter__(self) -> _Pushing:
        self.pool = ThreadPoolExecutor(PUSHERS)
        self.running = [self.pool.submit(self._push, number, name) for number, name in enumerate(self.names)]
        return self

    def __exit__(self, *_: object) -> None:
        self.upgraded.set()
        self.pool.shutdown()

    def ended(self) -> list[str]:
        """What was said by each push that was not taken."""
        return [said for said in (each.result(PUSH_SECONDS + 150) for each in self.running) if said]

    def _push(self, number: int, name: str) -> str:
        deadline = time.monotonic() + PUSH_SECONDS
        while number >= len(self.names) // 2 and not self.upgraded.wait(0.5) and not self.turning():
            if time.monotonic() > deadline:
                return f"{name}: no pod was replaced"
        while True:
            ran = self.inside.git("push", self.inside.remote(name), "main", cwd=self.template, seconds=120)
            self.first.set()
            if ran.code == 0 or self._stored(name):
                return ""
            if time.monotonic() > deadline:
                return f"{name}: {ran.said}"
            self.again += 1
            time.sleep(1.0)

    def _stored(self, name: str) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            answer = self.inside.api("GET", f"/apps/{name}/status")
            return answer.status_code == 200 and bool(answer.json().get("release"))
        return False


def _pods(world: World, clinic: Clinic) -> list[str]:
    found = world.kubectl(
        "get", "pods", "-n", clinic.namespace, "-l", "mcd.internal/shares-data=true", "-o", "json"
    ).json()["items"]
    return sorted(pod["metadata"]["name"] for pod in found if not pod["metadata"].get("deletionTimestamp"))


def _shares(world: World, mark: int, namespace: str) -> Counter[str]:
    """How many writes each pod of the controllers made: its token says which pod it belongs to."""
    found: Counter[str] = Counter()
    with world.witness.log.open("rb") as file:
        file.seek(max(0, mark - 1))
        file.readline()
        for line in file:
            event: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            of = event.get("objectRef") or {}
            code = int((event.get("responseStatus") or {}).get("code", 0))
            if of.get("namespace") == namespace and event.get("verb") in ("create", "patch", "delete") and code < 300:
                for pod in (event.get("user", {}).get("extra") or {}).get(_POD, ()):
                    found[pod] += 1
    return found
