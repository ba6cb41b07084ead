"""A process that is killed in the middle of a push leaves nothing, or what the same push repairs.

Each step is one at which a child process, doing a real push, is killed with SIGKILL; then the same push comes again.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcd.forge.local import LocalForge
from mcd.forge.receive import refs_of
from tests.forge.packs import new, pack, push, request
from tests.forge.written import bare, commit

PUSH = """
import asyncio, os, signal, sys
from contextlib import AsyncExitStack
from pathlib import Path
from mcd.forge.locks import locked
from mcd.forge.receive import Limits, quarantine

root, body, die_at = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3]

def step(name):
    if name == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

def died_in_rename(number):
    rename, seen = Path.rename, 0
    def counted(self, target):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)
    Path.rename = counted

async def chunks():
    yield body[:50]
    step("in body")
    yield body[50:]

async def main():
    async with quarantine(root, Limits()) as q:
        step("empty quarantine")
        asked = await q.take(chunks(), "identity")
        step("body")
        async with locked(root, "shop", 5):
            current = q.open("shop", "id-1")
            step("lock")
            await q.unpack(asked, current)
            step("unpacked")
            if die_at.startswith("rename "):
                died_in_rename(int(die_at.split()[1]))
            q.migrate("main", "id-1")
            step("migrated")
            async with AsyncExitStack() as held:
                await q.hold_refs(asked.updates, held)
                step("refs held")
                await q.move_refs()
            step("refs moved")

asyncio.run(main())
"""

STEPS = ["empty quarantine", "in body", "body", "lock", "unpacked", "rename 1", "rename 2", "rename 3", "rename 4",
         "migrated", "refs held", "refs moved"]  # fmt: skip


def run(root: Path, body: Path, die_at: str) -> int:
    return subprocess.run([sys.executable, "-c", PUSH, str(root), str(body), die_at], timeout=60).returncode


@pytest.mark.parametrize("die_at", STEPS)
@pytest.mark.parametrize("which", ["first push", "second push"])
async def test_the_same_push_after_a_kill_ends_as_if_nothing_had_happened(
    tmp_path: Path, die_at: str, which: str
) -> None:
    root = tmp_path / "git"
    root.mkdir()
    body = tmp_path / "body"
    with bare(tmp_path / "clone") as clone:
        first = commit(clone, {"app.yaml": b"appname: shop\n"})
        tip, old = first, None
        if which == "second push":
            body.write_bytes(request([new(first)], pack(clone, [first])))
            await push(root, body.read_bytes())
            tip, old = commit(clone, {"app.yaml": b"appname: shop\nx: 1\n"}, parents=[first]), first
        body.write_bytes(request([new(tip, old=old)] if old else [new(tip)], pack(clone, [tip], [old] if old else [])))
    before = refs_of(root / "shop.git")
    died = run(root, body, die_at)
    moves = 4 if which == "first push" else 3
    if die_at.startswith("rename") and int(die_at.split()[1]) >= moves:
        assert died == 0, "there are fewer renames than this: all of them were tried"
    else:
        assert died == -9
    after = refs_of(root / "shop.git")
    assert after in (before, {"refs/heads/main": tip})
    if after == before:
        await push(root, body.read_bytes())
    assert refs_of(root / "shop.git") == {"refs/heads/main": tip}
    subprocess.run(["git", f"--git-dir={root / 'shop.git'}", "fsck", "--strict"], check=True, capture_output=True)
    await push(root, request([new(tip, "refs/heads/other")]))
    assert list((root / ".incoming").iterdir()) == [], "the next push sweeps what the dead one left"
    assert list((root / ".locks").iterdir()) == []
    assert sorted(p.name for p in root.iterdir()) == [".incoming", ".locks", "shop.git"]


async def test_a_reader_in_between_sees_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    root = tmp_path / "git"
    root.mkdir()
    body = tmp_path / "body"
    with bare(tmp_path / "clone") as clone:
        first = commit(clone, {"app.yaml": b"1"})
        body.write_bytes(request([new(first)], pack(clone, [first])))
        await push(root, body.read_bytes())
        second = commit(clone, {"app.yaml": b"2"}, parents=[first])
        body.write_bytes(request([new(second, old=first)], pack(clone, [second], [first])))
    assert run(root, body, "migrated") == -9
    forge = LocalForge(root)
    assert (await forge.resolve("mcd:shop", "main")).id == first
    # The commit is there by its id: a Release that was stored before the ref moved can be built.
    assert await forge.read("mcd:shop", second, "app.yaml", limit=9) == b"2"
