"""A push is looked at in quarantine: what is wrong is said in one line, and nothing of it stays anywhere."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from dulwich.objects import Commit as GitCommit
from dulwich.repo import Repo

from mcd.errors import Code, McdError
from mcd.forge.local import LocalForge
from mcd.forge.locks import claimed, locked, sweep
from mcd.forge.receive import Limits, quarantine, refs_of, repository_path
from mcd.forge.wire import ZERO, RefUpdate
from tests.forge.packs import SMALL, delta_bomb, everything, left, new, pack, push, raw_pack, request, stream
from tests.forge.written import Link, Module, commit, tree

FILES = {"app.yaml": b"appname: shop\n", "web/run": b"x"}


async def refused(root: Path, body: bytes, code: Code, *words: str, encoding: str = "identity") -> None:
    before = left(root)
    outside = sorted(root.parent.iterdir())
    with pytest.raises(McdError) as caught:
        await push(root, body, encoding=encoding)
    said = str(caught.value)
    assert caught.value.code is code, said
    assert "\n" not in said
    assert str(root) not in said
    for word in words:
        assert word in said
    assert left(root) == before
    assert sorted(root.parent.iterdir()) == outside


async def test_a_first_push_makes_a_bare_repository_without_hooks(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    await push(root, request([new(tip)], pack(clone, [tip])))
    repository = root / "shop.git"
    assert refs_of(repository) == {"refs/heads/main": tip}
    assert await LocalForge(root).read("mcd:shop", tip, "app.yaml", limit=99) == b"appname: shop\n"
    assert (repository / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert not (repository / "hooks").exists()
    assert "receivepack" in (repository / "config").read_text().lower()
    assert [p for p in left(root) if not p.startswith("shop.git")] == []
    subprocess.run(["git", f"--git-dir={repository}", "fsck", "--strict"], check=True, capture_output=True)


async def test_a_thin_pack_finds_its_base_in_the_repository(root: Path, clone: Repo) -> None:
    text = b"".join(b"line %d\n" % n for n in range(2000))
    first = commit(clone, {"app.yaml": text})
    await push(root, request([new(first)], pack(clone, [first])))
    second = commit(clone, {"app.yaml": text + b"more\n"}, parents=[first])
    thin = pack(clone, [second], [first])
    assert len(thin) < 1500, "the pack is not thin, so this test shows nothing"
    await push(root, request([new(second, old=first)], thin))
    assert await LocalForge(root).read("mcd:shop", second, "app.yaml", limit=99999) == text + b"more\n"
    assert (await LocalForge(root).resolve("mcd:shop", "main")).id == second


async def test_a_branch_on_a_commit_that_is_there_needs_no_pack(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    await push(root, request([new(tip)], pack(clone, [tip])))
    empty = raw_pack([])
    await push(root, request([new(tip, "refs/heads/dev")], empty))
    await push(root, request([new(tip, "refs/tags/v1")]))
    await push(root, request([RefUpdate(tip, ZERO, "refs/heads/dev")]))
    assert refs_of(root / "shop.git") == {"refs/heads/main": tip, "refs/tags/v1": tip}


async def test_gzip_is_undone(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    await push(root, gzip.compress(request([new(tip)], pack(clone, [tip]))), encoding="gzip")
    assert refs_of(root / "shop.git") == {"refs/heads/main": tip}


async def test_a_pack_that_is_cut_off_is_refused(root: Path, clone: Repo) -> None:
    tip = commit(clone, {**FILES, "big": bytes(range(256)) * 100})
    packed = pack(clone, [tip])
    for keep in (len(packed) - 30, len(packed) // 2, 20, 11):
        await refused(root, request([new(tip)], packed[:keep]), Code.INVALID, "cut off")


async def test_a_pack_with_one_flipped_byte_is_refused(root: Path, clone: Repo) -> None:
    tip = commit(clone, {**FILES, "big": bytes(range(256)) * 100})
    packed = bytearray(pack(clone, [tip]))
    for place in (0, 7, len(packed) // 2, len(packed) - 1):
        hurt = bytearray(packed)
        hurt[place] ^= 0xFF
        await refused(root, request([new(tip)], bytes(hurt)), Code.INVALID)


@pytest.mark.parametrize(
    "body",
    [b"", b"000", b"garbage", b"ffff", b"0003", b"-001", b"0001", b"00ffshort", b"0009hello0000", b"GET / HTTP/1.1",
     b"0032" + b"0" * 46, bytes(100)],
)  # fmt: skip
async def test_garbage_is_no_push(root: Path, body: bytes) -> None:
    await refused(root, body, Code.INVALID, "not a git push")


async def test_garbage_behind_good_commands_is_refused(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    await refused(root, request([new(tip)], b"PACK" + bytes(40)), Code.INVALID)
    await refused(root, request([new(tip)], b"#!/bin/sh\n" * 40), Code.INVALID)


async def test_a_delta_bomb_is_refused_before_it_grows(root: Path) -> None:
    bomb = delta_bomb(1000)
    assert len(bomb) < 64 * 1024
    await refused(root, request([new("1" * 40)], bomb), Code.TOO_LARGE, "larger than a push may be")


async def test_a_file_that_unpacks_to_more_than_a_push_may_have_is_refused(root: Path, clone: Repo) -> None:
    tip = commit(clone, {"app.yaml": b"a", "zeros": bytes(64 * 1024 * 1024)})
    packed = pack(clone, [tip])
    assert len(packed) < 1024 * 1024
    await refused(root, request([new(tip)], packed), Code.TOO_LARGE, "larger than a push may be")


async def test_a_body_over_the_limit_is_refused_when_it_is_over_it(root: Path, clone: Repo) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield request([new("1" * 40)])
        while True:
            sent += 65536
            yield bytes(65536)

    with pytest.raises(McdError) as caught:
        async with quarantine(root, SMALL) as q:
            await q.take(endless(), "identity")
    assert caught.value.code is Code.TOO_LARGE
    assert "8 MiB" in str(caught.value)
    assert sent < SMALL.body + 2 * 65536
    assert left(root) == []


async def test_a_gzip_bomb_is_never_unpacked(root: Path) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    body = b"".join([bomb.compress(bytes(16 * 1024 * 1024)) for _ in range(64)]) + bomb.flush()
    assert len(body) < SMALL.body
    await refused(root, body, Code.TOO_LARGE, "8 MiB", encoding="gzip")


async def test_bad_gzip_is_refused(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    await refused(root, request([new(tip)], pack(clone, [tip])), Code.INVALID, "not gzip", encoding="gzip")
    whole = gzip.compress(request([new(tip)], pack(clone, [tip])))
    await refused(root, whole[:-20], Code.INVALID, "gzip", encoding="gzip")


async def test_a_client_that_falls_silent_is_let_go(root: Path) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"00"
        await asyncio.Event().wait()

    with pytest.raises(McdError, match="nothing came"):
        async with quarantine(root, Limits(idle_seconds=0.05)) as q:
            await q.take(silent(), "identity")
    assert left(root) == []


async def test_a_history_with_a_hole_is_refused(root: Path, clone: Repo) -> None:
    first = commit(clone, FILES)
    second = commit(clone, {**FILES, "more": b"m"}, parents=[first])
    packed = pack(clone, [second], [first])
    await refused(root, request([new(second)], packed), Code.INVALID, "objects are missing")
    shallow = b"0034shallow " + second.encode() + request([new(second)], packed)
    await refused(root, shallow, Code.INVALID, "--unshallow")
    await refused(root, request([new("1" * 40)], raw_pack([])), Code.INVALID, "objects are missing")


@pytest.mark.parametrize("name", [b"..", b".", b".git", b"a/b"])
async def test_a_tree_that_leads_out_of_itself_is_refused(root: Path, clone: Repo, name: bytes) -> None:
    inner = tree(clone, {b"x": b"x"})
    tip = commit(clone, tree(clone, {name: (0o040000, inner), b"app.yaml": b"a"}))
    words = "slash in its name" if name == b"a/b" else "folder entry named"
    await refused(root, request([new(tip)], everything(clone)), Code.INVALID, words)


async def test_symlinks_and_submodules_are_stored_but_not_followed(root: Path, clone: Repo) -> None:
    tip = commit(clone, {"app.yaml": Link(b"/etc/passwd"), "lib": Module()})
    await push(root, request([new(tip)], everything(clone)))
    with pytest.raises(McdError, match=r"app\.yaml is a symlink"):
        await LocalForge(root).read("mcd:shop", tip, "app.yaml", limit=99)


async def test_a_branch_that_is_not_a_commit_is_refused(root: Path, clone: Repo) -> None:
    commit(clone, FILES)
    root_tree = tree(clone, {b"x": b"x"}).decode()
    await refused(root, request([new(root_tree)], everything(clone)), Code.INVALID, "does not name a commit")


async def test_a_commit_with_headers_that_no_git_writes_is_refused(root: Path, clone: Repo) -> None:
    good = commit(clone, FILES)
    raw = clone[good.encode()].as_raw_string().replace(b"author ", b"author \0", 1)
    bad = GitCommit.from_string(raw)
    clone.object_store.add_object(bad)
    await refused(root, request([new(bad.id.decode())], everything(clone)), Code.INVALID)


async def test_a_ref_moves_only_from_its_old_value(root: Path, clone: Repo) -> None:
    first = commit(clone, FILES)
    await push(root, request([new(first)], pack(clone, [first])))
    second = commit(clone, {**FILES, "b": b"b"}, parents=[first])
    with pytest.raises(McdError) as caught:
        await push(root, request([new(second, old=ZERO), new(second, "refs/heads/dev")], pack(clone, [second])))
    assert caught.value.code is Code.CONFLICT
    assert refs_of(root / "shop.git") == {"refs/heads/main": first}, "all refs move or none"


async def test_locks_of_a_killed_git_do_not_stop_the_next_push(root: Path, clone: Repo) -> None:
    first = commit(clone, FILES)
    await push(root, request([new(first)], pack(clone, [first])))
    (root / "shop.git/refs/heads/main.lock").touch()
    (root / "shop.git/packed-refs.lock").touch()
    second = commit(clone, {**FILES, "b": b"b"}, parents=[first])
    await push(root, request([new(second, old=first)], pack(clone, [second])))
    assert refs_of(root / "shop.git") == {"refs/heads/main": second}


async def test_a_git_that_hangs_is_killed_with_its_children(
    root: Path, clone: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "git").write_text(f"#!/bin/sh\nsleep 600 & echo $! > {tmp_path}/child\nwait\n")
    (bin_folder / "git").chmod(0o755)
    tip = commit(clone, FILES)
    body = request([new(tip)], pack(clone, [tip]))
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    await asyncio.wait_for(_refused_by_time(root, body), 20)
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]


async def _refused_by_time(root: Path, body: bytes) -> None:
    with pytest.raises(McdError) as caught:
        await push(root, body, Limits(unpack_seconds=1))
    assert caught.value.code is Code.UNAVAILABLE
    assert "longer than 1 seconds" in str(caught.value)
    assert left(root) == []


async def test_without_git_a_push_is_told_what_to_install(
    root: Path, clone: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tip = commit(clone, FILES)
    body = request([new(tip)], pack(clone, [tip]))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    await refused(root, body, Code.UNAVAILABLE, "git program is not installed")


async def test_configuration_of_people_and_machines_is_not_read(
    root: Path, clone: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".gitconfig").write_text("[core]\n\thooksPath = /x\n[transfer]\n\tmaxSize = 1\n[broken\n")
    tip = commit(clone, FILES)
    body = request([new(tip)], everything(clone))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    await push(root, body)
    assert refs_of(root / "shop.git") == {"refs/heads/main": tip}


async def test_a_disk_that_refuses_is_said_and_leaves_nothing(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    body = request([new(tip)], pack(clone, [tip]))
    async with quarantine(root, SMALL) as q:
        asked = await q.take(stream(body), "identity")
        await q.unpack(asked, q.open("shop", "id-1"))
        # A repository without its folder of packs: the rename fails as it would on a broken disk.
        (root / "shop.git").mkdir()
        (root / "shop.git" / "mcd-app").write_text("id-1")
        with pytest.raises(McdError) as caught:
            q.migrate("main", "id-1")
    assert caught.value.code is Code.UNAVAILABLE
    assert "disk" in str(caught.value)


async def test_a_pack_that_was_there_before_is_not_taken_back(root: Path, clone: Repo) -> None:
    first = commit(clone, FILES)
    body = request([new(first)], pack(clone, [first]))
    await push(root, body)
    before = left(root)
    second = commit(clone, {**FILES, "b": b"b"}, parents=[first])
    for again in (body, request([new(second, old=first)], pack(clone, [second]))):
        async with quarantine(root, SMALL) as q:
            asked = await q.take(stream(again), "identity")
            q.open("shop", "id-1")
            await q.unpack(asked, {})
            q.migrate("main", "id-1")
            q.take_back()
        assert left(root) == before
    assert (await LocalForge(root).resolve("mcd:shop", "main")).id == first
    async with quarantine(root, SMALL) as q:
        asked = await q.take(stream(body), "identity")
        q.open("other", "")
        await q.unpack(asked, {})
        q.migrate("main", "id-2")
        q.take_back()
    assert left(root) == before, "a repository that was made for this push is gone with it"


async def test_refs_that_are_held_and_not_moved_are_let_go(root: Path, clone: Repo) -> None:
    first = commit(clone, FILES)
    await push(root, request([new(first)], pack(clone, [first])))
    before = left(root)
    async with quarantine(root, SMALL) as q:
        q.open("shop", "id-1")
        async with AsyncExitStack() as held:
            await q.hold_refs((new(first, "refs/heads/dev"), new(first, "refs/tags/v1")), held)
    assert left(root) == before
    assert refs_of(root / "shop.git") == {"refs/heads/main": first}


async def test_two_pushes_to_one_repository_wait_for_each_other(root: Path) -> None:
    inside = 0

    async def one() -> None:
        nonlocal inside
        async with locked(root, "shop", 10):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    assert left(root) == []
    async with locked(root, "shop", 1):
        async with locked(root, "other", 1):
            pass
        with pytest.raises(McdError, match="another push to shop"):
            async with locked(root, "shop", 0.1):
                pass


async def test_a_quarantine_in_use_is_not_swept_and_an_orphan_is(root: Path) -> None:
    async with quarantine(root, SMALL):
        assert sweep(root) == 0
    orphan, handle = claimed(root)
    (orphan / "body").write_text("x")
    os.close(handle)  # as the kernel does for a process that was killed
    async with quarantine(root, SMALL):
        assert not orphan.exists()


async def test_many_packs_are_put_together_and_nothing_is_dropped(root: Path, clone: Repo) -> None:
    tips = [commit(clone, FILES)]
    await push(root, request([new(tips[0])], pack(clone, [tips[0]])))
    for number in range(4):
        tips.append(commit(clone, {**FILES, "n": b"%d" % number}, message=b"%d" % number))
        # Each is forced over the one before, which no ref names any more.
        await push(root, request([new(tips[-1], old=tips[-2])], pack(clone, [tips[-1]], [tips[-2]])))
    async with quarantine(root, SMALL) as q:
        q.open("shop", "id-1")
        assert await q.tidy(packs=2) == ""
    assert len(list((root / "shop.git/objects/pack").glob("*.idx"))) == 1
    for tip in tips:
        assert (await LocalForge(root).resolve("mcd:shop", tip)).id == tip


@pytest.mark.parametrize("app", ["../x", "", "a/b", "-x", ".incoming", "a\n", "$(id)", "a b"])
def test_a_name_that_is_none_has_no_repository(root: Path, app: str) -> None:
    with pytest.raises(McdError):
        repository_path(root, app)
