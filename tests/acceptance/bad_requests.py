"""Bad input by the wire: packs, tokens, origins, sizes, branch names and paths, sent as no client of ours would.

Nothing a client sends is ever a 5xx, and no request here may leave a ref, a row or an object behind.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import httpx

from tests.acceptance import apps, refused
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

APP = "acc-wire"
ZERO = "0" * 40


def _app(world: World) -> Path:
    """An App that the bad requests aim at."""
    folder: Path | None = world.kept.get("wire")
    if folder is None:
        folder = world.repository(APP, {"app.yaml": apps.played(world, APP, ["web"])})
        world.push(folder, APP).ok()
        world.ready(APP)
        world.kept["wire"] = folder
    return folder


def _refs(world: World) -> str:
    return world.git("ls-remote", world.remote(APP), cwd=world.work).ok().out


def _line(text: bytes) -> bytes:
    return f"{len(text) + 4:04x}".encode() + text


def _receive(
    world: World, commands: list[tuple[str, str, bytes]], pack: bytes, token: str | None = None
) -> httpx.Response:
    """A bare git-receive-pack: (old, new, ref) and whatever is said to be a pack."""
    lines = [f"{old} {new} ".encode() + ref for old, new, ref in commands]
    lines[0] += b"\0report-status agent=acceptance"
    body = b"".join(_line(line) for line in lines) + b"0000" + pack
    return httpx.post(
        f"{world.url}/git/{APP}.git/git-receive-pack",
        content=body,
        headers={"Content-Type": "application/x-git-receive-pack-request"},
        auth=("any", world.token if token is None else token),
        timeout=30,
    )


def broken_pack(world: World) -> Seen:
    folder = _app(world)
    head, before, mark = world.head(folder), _refs(world), world.witness.mark()
    said = []
    for pack in (
        b"PACK\0\0\0\2\0\0\0\1garbage",
        b"PACK",
        b"",
        zlib.compress(b"x" * 100),
        b"PACK\0\0\0\2\xff\xff\xff\xff",
    ):
        answer = _receive(world, [(head, "1" * 40, b"refs/heads/main")], pack)
        if answer.status_code >= 500 or "ng refs/heads/main" not in answer.text:
            raise Miss(f"{pack[:20]!r}: {answer.status_code} {answer.text[:200]}")
        said.append(answer)
    return _unmoved(world, before, mark, refused.by_answer(world, said[0], mark, 200, "unpack"))


def wrong_token(world: World) -> Seen:
    folder, mark = _app(world), world.witness.mark()
    before = _refs(world)
    seen = refused.by_command(world, world.mcd("status", APP, MCD_TOKEN="mcd_pat_x_y"), mark, 4, "sign")
    for token in ("", "nothing", "mcd_pat_" + "a" * 60, world.token[:-1] + ("a" if world.token[-1] != "a" else "b")):
        answer = world.api("GET", "/apps", token=token)
        refused.by_answer(world, answer, mark, 401)
    ran = world.git("push", world.remote(APP), "main", cwd=folder, token="wrong")
    refused.by_command(world, ran, mark, 128, "authentication failed")
    return _unmoved(world, before, mark, seen)


def cross_site(world: World) -> Seen:
    """A browser that is signed in, and a page of somebody else that posts."""
    mark = world.witness.mark()
    world.mcd("person", "create", "acc-browser", "--password-stdin", given="correct horse battery\n").ok()
    with httpx.Client(base_url=world.url, timeout=30) as browser:
        signed = browser.post("/api/v1/sessions", json={"name": "acc-browser", "password": "correct horse battery"})
        if signed.status_code not in (200, 201, 204):
            raise Miss(f"sign-in: {signed.status_code} {signed.text[:200]}")
        wish = {"name": "stolen", "scope": "all", "days": 1}
        where = "/api/v1/people/acc-browser/tokens"
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answer = browser.post(where, json=wish, headers=headers)
            seen = refused.by_answer(world, answer, mark, 403)
        plain = browser.post(where, content=json.dumps(wish), headers={"Content-Type": "text/plain"})
        if plain.status_code not in (403, 415, 422):
            raise Miss(f"a form of another site: {plain.status_code} {plain.text[:200]}")
        if found := browser.get(where).json()["items"]:
            raise Miss(f"a token was made: {found}")
    return seen


def oversized(world: World) -> Seen:
    mark = world.witness.mark()
    body = json.dumps({"app_yaml": "x" * (3 * 2**20)})
    seen = refused.by_answer(world, world.api("POST", "/validate", None, content=body,
                             headers={"Content-Type": "application/json"}), mark, 413)  # fmt: skip
    deep = "[" * 200_000
    answer = world.api("POST", "/validate", None, content=deep, headers={"Content-Type": "application/json"})
    refused.by_answer(world, answer, mark, (400, 422))
    return seen


def branches(world: World) -> Seen:
    """Names that a shell, a path or a header would trip over, straight onto the wire."""
    folder = _app(world)
    head, before, mark = world.head(folder), _refs(world), world.witness.mark()
    names = [
        b"refs/heads/../../../../tmp/acc-evil", b"refs/heads/a\nb", b"refs/heads/a\x7fb", b"refs/heads/a..b",
        b"refs/heads/.git/hooks/post-update", b"refs/heads/x.lock", b"../config", b"HEAD", b"refs/heads/", b"",
        b"refs/heads/a b", b"refs/heads/a~1", b"/etc/passwd", b"refs/heads/\xff\xfe", b"refs/heads/" + b"x" * 5000,
    ]  # fmt: skip
    said = []
    for name in names:
        answer = _receive(world, [(ZERO, head, name)], b"")
        if answer.status_code >= 500:
            raise Miss(f"{name[:40]!r}: {answer.status_code} {answer.text[:200]}")
        said.append(answer)
    # What git allows and a shell would not: stored as a name, run by nobody.
    for name in ("--upload-pack=touch", "$(touch acc-evil)", ";reboot", "`id`"):
        world.git("push", world.remote(APP), f"main:refs/heads/x{name}".replace(" ", "-"), cwd=folder)
    now = [line for line in _refs(world).splitlines() if line not in before.splitlines() and "refs/heads/x" not in line]
    if now:
        raise Miss(f"refs that came to be: {now}")
    return refused.by_answer(world, said[0], mark, (200, 400, 422), "ref")


def paths(world: World) -> Seen:
    """Trees whose entries would leave the work tree, an app.yaml that is a link, and URLs that climb."""
    folder, before, mark = _app(world), _refs(world), world.witness.mark()
    blob = world.git("rev-parse", "main:app.yaml", cwd=folder).ok().out.strip()
    said = ""
    for name in ("../evil", ".git", "..", "a/b"):
        raw = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob)
        commit = _commit_of_tree(world, folder, raw)
        ran = world.git("push", "-f", world.remote(APP), f"{commit}:refs/heads/main", cwd=folder)
        if ran.code == 0:
            raise Miss(f"a tree with {name!r} was taken: {ran.text[-200:]}")
        said = said or ran.said
    (folder / "app.yaml").unlink()
    (folder / "app.yaml").symlink_to("/etc/passwd")
    commit = world.commit(folder, "a link")
    ran = world.git("push", "-f", world.remote(APP), f"{commit}:refs/heads/main", cwd=folder)
    world.git("reset", "-q", "--hard", "HEAD~1", cwd=folder).ok()
    seen = refused.by_command(world, ran, mark, 1, "app.yaml")
    for climb in ("/git/../../etc/passwd.git/info/refs", "/git/%2e%2e%2fkeys.git/info/refs?service=git-upload-pack",
                  "/git/acc-wire.git/../../keys.json", "/api/v1/apps/..%2f..%2fkeys"):  # fmt: skip
        answer = httpx.get(httpx.URL(world.url).copy_with(raw_path=climb.encode()), auth=("x", world.token), timeout=20)
        if answer.status_code not in (400, 401, 404):
            raise Miss(f"{climb}: {answer.status_code} {answer.text[:100]}")
    return _unmoved(world, before, mark, seen)


def _commit_of_tree(world: World, folder: Path, raw: bytes) -> str:
    """A commit of a tree that git itself would not write."""
    file = world.work / "tree"
    file.write_bytes(raw)
    tree = world.git("hash-object", "-t", "tree", "-w", "--literally", str(file), cwd=folder).ok().out.strip()
    return world.git("commit-tree", "-m", "bad", tree, cwd=folder).ok().out.strip()


def branch_deleted(world: World) -> Seen:
    folder, before, mark = _app(world), _refs(world), world.witness.mark()
    ran = world.git("push", world.remote(APP), ":main", cwd=folder)
    return _unmoved(world, before, mark, refused.by_command(world, ran, mark, 1, "main"))


def _unmoved(world: World, before: str, mark: int, seen: Seen) -> Seen:
    after = _refs(world)
    if before != after:
        raise Miss(f"a ref moved: {before} -> {after}")
    world.ready(APP)
    return Seen(f"{seen.line}; no ref moved", len(world.witness.writes(mark, world.line, app=APP)))


CHECKS = (
    Check("bad.pack", "git-receive-pack with five broken packs", "unpack refused, no ref moved", broken_pack, 90,
          in_slice=True),
    Check("bad.token", "mcd, API and git with four wrong tokens", "exit 4, 401, authentication failed", wrong_token, 60,
          in_slice=True),
    Check("bad.cross-site", "POST with a signed-in browser's cookie and another Origin", "403, nothing made",
          cross_site, 60, in_slice=True),
    Check("bad.oversized", "POST /validate with 3 MiB; with 200,000 brackets", "413; 400 or 422", oversized, 60,
          in_slice=True),
    Check("bad.branches", "15 hostile ref names on the wire, 4 more by git", "refused, no such ref, nothing run",
          branches, 90, in_slice=True),
    Check("bad.paths", "trees with ../evil, .git, .., a/b; app.yaml as a link; URLs that climb",
          "refused, 404, no ref moved", paths, 90, in_slice=True),
    Check("bad.delete-main", "git push :main", "refused: it is the branch that deploys", branch_deleted, 30),
)  # fmt: skip
