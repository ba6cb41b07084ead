"""What is left of an App that is gone is nobody's, is not lost, and is removed only as it was listed."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from dulwich.repo import Repo

from mcd.errors import McdError
from mcd.forge.leftovers import Found, put_aside, remove, repositories
from mcd.forge.local import LocalForge
from mcd.forge.receive import belongs, quarantine, refs_of
from tests.forge.packs import SMALL, left, new, pack, push, request, stream
from tests.forge.written import commit

FILES = {"app.yaml": b"appname: shop\n", "web/run": b"x"}


async def test_a_new_app_gets_nothing_of_the_one_that_had_its_name(root: Path, clone: Repo) -> None:
    secret = commit(clone, {"secret": b"of the old App"})
    await push(root, request([new(secret)], pack(clone, [secret])))
    tip = commit(clone, FILES, branch="new")
    async with quarantine(root, SMALL) as q:
        asked = await q.take(stream(request([new(tip)], pack(clone, [tip]))), "identity")
        assert q.open("shop", "id-2") == {}
        await q.unpack(asked, {})
        with pytest.raises(McdError):
            await q.forge.resolve("mcd:q", secret)
        assert q.migrate("main", "id-2"), "it is answered, so that the person can be told"
        async with AsyncExitStack() as held:
            await q.hold_refs(asked.updates, held)
            await q.move_refs()
    assert belongs(root / "shop.git", "id-2")
    assert not belongs(root / "shop.git", "id-1")
    with pytest.raises(McdError):
        await LocalForge(root).resolve("mcd:shop", secret)
    assert refs_of(root / ".gone" / "shop.id-1.git") == {"refs/heads/main": secret}, "it is put aside and not lost"
    assert [p for p in left(root) if not p.startswith(("shop.git", ".gone"))] == []


async def test_what_is_put_aside_never_takes_the_place_of_another(root: Path) -> None:
    for owner, text in (("id-1", "a"), ("id-1", "b"), ("../../x", "c"), ("", "d"), ("\n", "e")):
        folder = root / "shop.git"
        folder.mkdir()
        (folder / "mcd-app").write_text(owner)
        (folder / "text").write_text(text)
        put_aside(root, folder)
    assert sorted((p / "text").read_text() for p in (root / ".gone").iterdir()) == ["a", "b", "c", "d", "e"]
    assert {p.name for p in root.iterdir()} == {".gone"}


async def test_only_the_repository_that_was_listed_is_removed(root: Path, clone: Repo) -> None:
    tip = commit(clone, FILES)
    await push(root, request([new(tip)], pack(clone, [tip])))
    (found,) = repositories(root)
    assert (found.app, found.owner) == ("shop", "id-1")
    assert found.size > 100
    (root / "shop.git" / "mcd-app").write_text("id-2")
    assert not await remove(root, found)
    assert refs_of(root / "shop.git") == {"refs/heads/main": tip}
    assert await remove(root, Found(found.folder, "shop", "id-2"))
    assert not await remove(root, found), "it is gone already"
    assert left(root) == []
