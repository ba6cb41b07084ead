"""What lasts: a directory, disks and names of their own, files that restart exactly their reader, a program in front.

All of it with examples/notes and pods that truly run. Each check ends with the App in a state that the next one starts
from.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance import apps, plans
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

APP = "acc-notes"
NOTE = "kept by acceptance"


def _folder(world: World) -> Path:
    """examples/notes, pushed and ready; once for all checks of this file."""
    folder: Path | None = world.kept.get("notes")
    if folder is None:
        folder = world.repository(APP, world.checkout / "examples" / "notes")
        apps.edit(folder, "app.yaml", "appname: notes\n", f"appname: {APP}\n")
        apps.edit(folder, "app.yaml", "registry.example.com", str(world.cluster["registry"]))
        _pushed(world, folder, f"as {APP}")
        world.kept["notes"] = folder
    return folder


def _pushed(world: World, folder: Path, title: str) -> str:
    """Commits, pushes, waits until it is ready, and answers what git was told."""
    world.commit(folder, title)
    before = world.live(APP).get("release", 0) if world.kept.get("notes") else 0
    pushed = world.push(folder, APP).ok()
    world.ready(APP, 120, release=before + 1)
    return plans.remote_line(pushed.err)


def _until_answer(world: World, path: str, text: str) -> httpx.Response:
    said = "no answer"

    def look() -> httpx.Response | None:
        nonlocal said
        with contextlib.suppress(httpx.HTTPError):
            answer = world.page(APP, path)
            said = f"{answer.status_code} {answer.text.strip()[:200]}"
            return answer if answer.status_code == 200 and text in answer.text else None
        return None

    return world.until(look, 30, lambda: f"{path} answers {said}")


def _claims(world: World) -> dict[str, dict[str, Any]]:
    found = world.kubectl("get", "persistentvolumeclaims", "-n", world.line, "-o", "json").json()["items"]
    return {one["metadata"]["name"]: one for one in found if one["metadata"]["name"].find(APP) >= 0}


def entry(world: World) -> Seen:
    """Requests come to the sidecar first, and it passes them on."""
    _folder(world)
    answer = _until_answer(world, "/", "<h1>Notes</h1>")
    shut = world.page(APP, "/.git")
    door = answer.headers.get("X-Door", "")
    if "open" not in door or shut.status_code != 403 or "{{" in answer.text:
        raise Miss(f"X-Door: {door!r}; /.git {shut.status_code}; {answer.text[:200]}")
    container = world.objects("deployment", APP)[0]["spec"]["template"]["spec"]["initContainers"][0]
    if "@sha256:" not in container["image"]:
        raise Miss(f"the sidecar's image is not pinned: {container['image']}")
    return Seen(f"200, X-Door: {door}; /.git {shut.status_code}; {container['image'][-80:]}")


def redeploy(world: World) -> Seen:
    """What was written is there after another version; the two never ran at once."""
    folder = _folder(world)
    host = f"{APP}.{world.cluster['base_domain']}:{world.gateway}"
    answer = httpx.post(f"http://127.0.0.1:{world.gateway}/", data={"note": NOTE}, headers={"Host": host}, timeout=5.0)
    if NOTE not in answer.text:
        raise Miss(f"POST: {answer.status_code} {answer.text[:200]}")
    claim, before = _claims(world)[f"{APP}-permdir"], world.pods(APP)
    apps.edit(folder, "app.yaml", "TITLE: Notes", "TITLE: Kept notes")
    told = _pushed(world, folder, "another title")
    _until_answer(world, "/", NOTE)
    after = world.pods(APP)
    again = _claims(world)[f"{APP}-permdir"]
    strategy = world.objects("deployment", APP)[0]["spec"]["strategy"]["type"]
    if again["metadata"]["uid"] != claim["metadata"]["uid"] or strategy != "Recreate":
        raise Miss(f"claim {claim['metadata']['uid']} before, {again['metadata']['uid']} after; strategy {strategy}")
    _only(world, "web", before, after)
    return Seen(f"“{NOTE}” is there; {claim['spec']['storageClassName']} claim kept, {strategy}; {told}")


def file_change(world: World) -> Seen:
    """A file of the repository changed: its reader restarts, and nothing else."""
    folder = _folder(world)
    before = world.pods(APP)
    apps.edit(folder, "page.html", "Keep it", "Keep it for ever")
    told = _pushed(world, folder, "another page")
    _until_answer(world, "/", "Keep it for ever")
    return Seen(f"{_only(world, 'web', before, world.pods(APP))}; {told}")


def _only(world: World, component: str, before: dict[str, str], after: dict[str, str]) -> str:
    """That exactly the pods of one component are others now."""
    mine = f"{APP}-{component}-"
    lost = [name for name, uid in before.items() if after.get(name) != uid]
    if not lost or not all(name.startswith(mine) for name in lost):
        raise Miss(f"replaced: {', '.join(lost) or 'nothing'}; before {sorted(before)}, after {sorted(after)}")
    return f"replaced {', '.join(lost)}; kept {', '.join(sorted(set(before) - set(lost)))}"


def rotated(world: World) -> Seen:
    """A generated value made anew: its reader restarts with it, and nothing else. The value itself is shown nowhere."""
    folder = _folder(world)
    apps.edit(folder, "app.yaml", 'COUNTERS: "2"}', 'COUNTERS: "2", DOOR_KEY: {generate: secret}}')
    _pushed(world, folder, "a key of its own")
    before, first = world.pods(APP), _key(world)
    told = world.mcd("secret", "rotate", APP, "DOOR_KEY").ok().text

    def another() -> bool | None:
        now = world.pods(APP, "web")
        return True if now and not set(now.values()) & set(before.values()) else None

    world.until(another, 90, lambda: f"web keeps its pods: {sorted(world.pods(APP, 'web'))}; {told.strip()[-200:]}")
    world.ready(APP, 90)
    second = _key(world)
    if not first or not second or first == second:
        raise Miss("the new pod does not read a new value")
    if first in told or second in told:
        raise Miss("mcd secret rotate shows a value")
    return Seen(f"another value of {len(second)} characters; {_only(world, 'web', before, world.pods(APP))}")


def _key(world: World) -> str:
    return world.mcd("exec", f"{APP}/web", "--", "printenv", "DOOR_KEY").ok().out.strip()


def stateful(world: World) -> Seen:
    """A pod that dies comes back under its name, with its disk."""
    _folder(world)
    name = f"{APP}-counter-0"
    first = _number(_until_answer(world, "/counts", name).text, name)
    uid = world.pods(APP, "counter")[name]
    world.kubectl("delete", "pod", name, "-n", world.line, "--wait=false").ok()

    def again() -> str | None:
        return world.pods(APP, "counter").get(name) if world.pods(APP, "counter").get(name) != uid else None

    world.until(again, 60, lambda: f"{name} is not made again")
    world.ready(APP, 60)
    second = _number(_until_answer(world, "/counts", name).text, name)
    if second <= first:
        raise Miss(f"{name} said {first}, then {second}")
    return Seen(f"{name}: {first} before it was deleted, {second} after; same name, another UID")


def _number(text: str, name: str) -> int:
    line = next(line for line in text.splitlines() if line.startswith(f"{name}:"))
    return int(line.partition(":")[2])


def grown(world: World) -> Seen:
    """A directory may grow."""
    folder = _folder(world)
    apps.edit(folder, "app.yaml", "permdir: {path: /data, size: 1Gi", "permdir: {path: /data, size: 2Gi")
    told = _pushed(world, folder, "more room")
    world.until(
        lambda: _claims(world)[f"{APP}-permdir"]["status"]["capacity"]["storage"] == "2Gi" or None, 30,
        lambda: str(_claims(world)[f"{APP}-permdir"]["status"]),
    )  # fmt: skip
    _until_answer(world, "/", NOTE)
    return Seen(f"capacity 2Gi, “{NOTE}” is there; {told}")


def shrunk(world: World) -> Seen:
    """It may not shrink: said in one line, and what runs goes on."""
    folder = _folder(world)
    apps.edit(folder, "app.yaml", "size: 2Gi", "size: 1Gi")
    world.commit(folder, "less room")
    pushed = world.push(folder, APP)
    words = world.mcd("status", APP).text
    line = next((line.strip() for line in f"{pushed.err}\n{words}".splitlines() if "smaller" in line), "")
    answer = world.page(APP).status_code
    apps.edit(folder, "app.yaml", "size: 1Gi, single", "size: 2Gi, single")
    _pushed(world, folder, "as much room as before")
    if not line or "2Gi" not in line or answer != 200:
        raise Miss(f"git push: {pushed.said}; the page {answer}; mcd status: {words.strip()[-400:]}")
    return Seen(f"{line} [exit {pushed.code}]; the page {answer}")


def unclaimed(world: World) -> Seen:
    """Directory and component dropped from app.yaml: what they kept stays, and is told."""
    folder = _folder(world)
    text = (folder / "app.yaml").read_text()
    head, _, _ = text.partition("  counter:")
    lines = [line for line in head.splitlines() if not line.startswith("permdir:")]
    (folder / "app.yaml").write_text("\n".join(lines) + "\n")
    apps.edit(folder, "notes.py", "os.environ['PERMDIR']", "'/tmp'")
    before = set(_claims(world))
    told = _pushed(world, folder, "nothing is kept")
    _until_answer(world, "/", "<h1>Kept notes</h1>")
    after = set(_claims(world))
    if before != after or f"{APP}-permdir" not in after or len(after) < 3:
        raise Miss(f"claims before {sorted(before)}, after {sorted(after)}")
    shown = world.mcd("status", APP).text
    if f"{APP}-permdir" not in shown:
        raise Miss(f"mcd status does not tell of the claim: {shown.strip()[-400:]}")
    return Seen(f"stay: {', '.join(sorted(after))}; {told}")


CHECKS = (
    Check("keeps.entry", "git push of examples/notes; curl -i; curl /.git", "the page with X-Door of the sidecar, its "
          "image pinned; 403 from the sidecar", entry, 240, needs_node=True),
    Check("keeps.redeploy", "curl -d note=…; git push of another title; curl", "the note is there; the same claim; "
          "recreated, and only web", redeploy, 180, needs_node=True),
    Check("keeps.file", "git push of another page.html", "the pods of web alone are replaced", file_change, 180,
          needs_node=True),
    Check("keeps.rotated", "mcd secret rotate acc-notes DOOR_KEY", "web alone gets new pods, with another value",
          rotated, 240, needs_node=True),
    Check("keeps.stateful", "kubectl delete pod acc-notes-counter-0", "it is back with its name and its number",
          stateful, 120, needs_node=True),
    Check("keeps.grown", "git push with a larger permdir", "the claim has the new size, the note is there", grown, 120,
          needs_node=True),
    Check("keeps.shrunk", "git push with a smaller permdir", "a line says it cannot be smaller; the page goes on",
          shrunk, 180, needs_node=True),
    Check("keeps.unclaimed", "git push without permdir and without counter", "all claims stay and are told",
          unclaimed, 180, needs_node=True),
)  # fmt: skip
