"""A push goes all the way, and writes what was said before it: the audit log is compared with `mcd diff`.

Each check ends with the App in a state that the next one of this file starts from.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance import apps, plans, refused
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

HELLO = "acc-hello"
SHOP = "acc-shop"


def first(world: World) -> Seen:
    folder = apps.hello(world, HELLO)
    pushed = world.push(folder, HELLO).ok()
    answer = _answers(world, HELLO, "Hello from MCD", 30)
    return Seen(f"{plans.remote_line(pushed.err)}; curl: {answer}, {pushed.seconds:.1f} s")


def change(world: World) -> Seen:
    """Clone, edit, push; a second person asks the gateway all the time."""
    folder = world.work / "clone-of-hello"
    world.git("clone", "-q", world.remote(HELLO), str(folder), cwd=world.work).ok()
    greeting = f"Changed at {time.time_ns()}"
    apps.edit(folder, "app.py", "Hello from MCD", greeting)
    world.commit(folder, "another greeting")
    began = time.monotonic()
    command = ["git", "push", world.remote(HELLO), "main"]
    log = world.work / "push.log"
    with log.open("wb") as out:
        pushing = subprocess.Popen(command, cwd=folder, env=world.git_hands(), stdout=out, stderr=out)
        try:
            answer = _answers(world, HELLO, greeting, 120)
            took = time.monotonic() - began
            code = pushing.wait(timeout=120)
        finally:
            pushing.kill()
    if code != 0:
        raise Miss(f"git push ended with {code}: {plans.remote_line(log.read_text())}")
    world.kept["hello"] = folder
    return Seen(f"curl: {answer}, {took:.1f} s from push to the first new answer; {plans.remote_line(log.read_text())}")


def logs(world: World) -> Seen:
    world.page(HELLO)
    ran = world.mcd("logs", HELLO).ok()
    if "listening on" not in ran.out:
        raise Miss(f"the log has no line of the program: {ran.said}")
    return Seen(f"{ran.out.strip().splitlines()[-1]} [exit {ran.code}]")


def shell(world: World) -> Seen:
    ran = world.mcd("exec", f"{HELLO}/web", "--", "sh", "-c", "cat app.py | head -1; id -u; exit 7")
    if ran.code != 7 or "10001" not in ran.out:
        raise Miss(ran.text)
    return Seen(f"{' '.join(ran.out.split())} [exit {ran.code}]")


def diff_of_push(world: World) -> Seen:
    """A push that changes one component, adds one and takes one away."""
    folder = _shop(world)
    apps.edit(folder, "app.yaml", 'SECONDS_BETWEEN: "5"', 'SECONDS_BETWEEN: "6"')
    text = (folder / "app.yaml").read_text()
    head, _, _ = text.partition("  report:")
    image = f"    image: {apps.IMAGE}\n" if not world.real else ""
    extra = (
        f"  echo:\n    type: service\n{image}    ports: {{http: 8000}}\n    command: python catalog.py\n"
        "    resources: {cpu: 10m, memory: 64Mi}\n"
    )
    (folder / "app.yaml").write_text(head + extra)
    world.commit(folder, "orders slower, an echo more, no report and no seed")
    before = world.pods(SHOP)
    foretold = plans.foretold(world.mcd("diff", "-o", "json", cwd=folder).json())
    mark = world.witness.mark()
    pushed = world.push(folder, SHOP).ok()
    world.ready(SHOP)
    seen = plans.compared(world, foretold, mark, SHOP)
    world.kept["before"], world.kept["after"] = before, world.pods(SHOP)
    return Seen(f"{seen.line}; {plans.remote_line(pushed.err)}", seen.writes)


def keeps_pods(world: World) -> Seen:
    """Of the push before: web and catalog were left as they were."""
    before, after = world.kept.get("before"), world.kept.get("after")
    if not before or not after:
        raise Miss(f"the push before did not end, so there is nothing to compare: before {before}, after {after}")
    lost = [name for name in before if ("-web-" in name or "-catalog-" in name) and after.get(name) != before[name]]
    kept = [name for name in before if after.get(name) == before[name]]
    if lost or not kept:
        raise Miss(f"replaced though nothing of them changed: {', '.join(lost) or 'all'}")
    new = sorted(set(after) - set(before))
    return Seen(f"same UID: {', '.join(sorted(kept))}; new: {', '.join(new)}")


def settings(world: World) -> Seen:
    """A Settings change: foretold by the dry run of the same wish, then done. From two pods on they are spread over
    nodes (app-yaml 6.6), so catalog's own is replaced once; the other components keep theirs."""
    _shop(world)
    before = world.pods(SHOP)
    wish = {"components": {"catalog": {"replicas": 2}}}
    foretold = plans.foretold(_rehearsed(world, wish))
    mark = world.witness.mark()
    world.mcd("scale", SHOP, "catalog=2", "--wait", "--timeout", "90s").ok()
    seen = plans.compared(world, foretold, mark, SHOP)
    after = world.pods(SHOP)
    others = [name for name in before if "-catalog-" not in name]
    lost = [name for name in others if after.get(name) != before[name]]
    if lost or not others or len(after) < len(before) + 1:
        raise Miss(f"pods before {sorted(before)}, after {sorted(after)}")
    return Seen(f"{seen.line}; the pods of the others kept: {', '.join(others)}", seen.writes)


def settings_env(world: World) -> Seen:
    """A variable of the environment would reach no pod: it is refused, with where it is written."""
    _shop(world)
    mark = world.witness.mark()
    ran = world.mcd("settings", "set", SHOP, "SITE_NAME=Harbour")
    return refused.by_command(world, ran, mark, 2, "app.yaml")


def _rehearsed(world: World, wish: dict[str, Any]) -> dict[str, Any]:
    """The dry run of a change of Settings."""
    tag = world.api("GET", f"/apps/{SHOP}/settings").headers["etag"]
    headers = {"If-Match": tag}
    answer = world.api("PATCH", f"/apps/{SHOP}/settings", {**wish, "dry_run": True}, headers=headers)
    if answer.status_code != 200:
        raise Miss(f"PATCH settings, dry_run: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def same_pair(world: World) -> Seen:
    folder = _shop(world)
    world.ready(SHOP)
    release = world.status(SHOP)["release"]["commit"]
    mark = world.witness.mark()
    ran = world.mcd("deploy", SHOP, "--commit", world.head(folder)[:12], "--wait", "--timeout", "60s").ok()
    _next_pass(world)  # a write that came late would be one all the same
    written = world.witness.writes(mark, world.line, app=SHOP)
    if written or release != world.head(folder):
        raise Miss(f"wrote {plans.told(written)}")
    return Seen(ran.out.strip() + f" [exit {ran.code}]", 0)


def _next_pass(world: World) -> None:
    """Wakes the loop by a mark of somebody else's on an object of the shop, and waits until it has looked at a Rollout
    since: whatever was still to be written is written by then."""
    before = _passes(world)
    mark = f"example.com/looked-at={before}"
    world.kubectl("annotate", "deployment", f"{SHOP}-web", "--namespace", world.line, "--overwrite", mark).ok()
    world.until(lambda: _passes(world) > before, 60, lambda: f"no pass over a Rollout since the {before}th")


def _passes(world: World) -> int:
    """Passes over Rollouts so far, as the loop counts them."""
    said = httpx.get(f"{world.url}/metrics", timeout=10).text
    counts = re.findall(r'^mcd_reconcile_seconds_count\{[^}]*noun="rollout"[^}]*\} ([0-9.e+]+)$', said, re.MULTILINE)
    return int(sum(float(count) for count in counts))


def _shop(world: World) -> Path:
    """The shop, pushed and ready; once for all checks of this file."""
    folder: Path | None = world.kept.get("shop")
    if folder is None:
        folder = apps.shop(world, SHOP)
        world.push(folder, SHOP).ok()
        world.ready(SHOP, 120)
        world.kept["shop"] = folder
    return folder


def _answers(world: World, app: str, text: str, seconds: float) -> str:
    said = "no answer"

    def look() -> str | None:
        nonlocal said
        with contextlib.suppress(httpx.HTTPError):
            answer = world.page(app)
            said = f"{answer.status_code} {answer.text.strip()[:80]}"
            return said if answer.status_code == 200 and text in answer.text else None
        return None

    return world.until(look, seconds, lambda: f"the gateway answers {said}", pause=0.05)


CHECKS = (
    Check("push.first", "git push http://…/git/acc-hello.git main; curl http://acc-hello.apps.localhost/",
          "the App is made, built and answers 200", first, 180, needs_node=True),
    Check("push.change", "git clone; edit app.py; git push; curl", "the changed page through the gateway; seconds from "
          "push to the first new answer", change, 180, needs_node=True),
    Check("push.logs", "mcd logs acc-hello", "the program's own line, exit 0", logs, 30, needs_node=True),
    Check("push.shell", "mcd exec acc-hello/web -- sh -c '…; exit 7'", "the pod's file and user, exit 7", shell, 30,
          needs_node=True),
    Check("push.diff", "mcd diff; git push (one component changed, one new, two gone)",
          "the audit log shows exactly the writes that mcd diff named", diff_of_push, 300, in_slice=True),
    Check("push.keeps-pods", "(the same push)", "components that it left as they were keep their pods (UIDs)",
          keeps_pods, 30, in_slice=True),
    Check("push.settings", "mcd scale acc-shop catalog=2 --wait",
          "the writes of its dry run; other components keep their pods",
          settings, 150, in_slice=True),
    Check("push.settings-env", "mcd settings set acc-shop SITE_NAME=Harbour", "refused with where to write it, exit 2",
          settings_env, 30, in_slice=True),
    Check("push.same-pair", "mcd deploy acc-shop --commit SHA (the live pair)", "0 writes", same_pair, 90,
          in_slice=True),
)  # fmt: skip
