"""The disk fills up in the middle of a push: git says so in one line of its own protocol, and nothing of it is stored.

The data lies on a small file system of its own, with room for one page or one file more in each trial, so that every
write of a push is once the one that does not fit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from dulwich.repo import Repo

from mcd.forge.receive import refs_of
from mcd.forge.wire import RefUpdate
from mcd.store import reads
from tests.api.git.test_hostile import PUSH, bands
from tests.api.git.world import APP_YAML, Clone, Site, site
from tests.forge.packs import new, pack, request
from tests.forge.written import bare, commit
from tests.store.world import ADMIN

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small file system is mounted by root only")

PAGE = 4096
FILES = 4000
FULL = "the disk of MCD is full, nothing was stored. Tell its administrator, then push again."

Leave = Callable[[Path, int], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=16m,nr_inodes={FILES}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
async def here(disk: Path) -> AsyncIterator[Site]:
    async with site(disk) as opened:
        yield opened


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Repo]:
    with bare(tmp_path / "clone") as repo:
        yield repo


def leave_pages(disk: Path, count: int) -> None:
    """Fills the disk, but for so many pages."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as out:
        while True:
            out.write(bytes(PAGE))
    os.truncate(filler, filler.stat().st_size - count * PAGE)
    assert os.statvfs(disk).f_bavail == count


def leave_files(disk: Path, count: int) -> None:
    """Makes files, until the disk has room for so many more."""
    folder = disk / "fillers"
    folder.mkdir(exist_ok=True)
    number = len(list(folder.iterdir()))
    while os.statvfs(disk).f_ffree > count:
        (folder / str(number)).touch()
        number += 1
    while os.statvfs(disk).f_ffree < count:
        number -= 1
        (folder / str(number)).unlink()


async def answered(here: Site, body: bytes) -> tuple[list[str], list[str]]:
    """A push up to its report, which is what git goes by: the `remote:` lines and the report."""
    async with (
        httpx.AsyncClient(auth=("x", here.tokens["alice"]), base_url=here.url, timeout=60) as client,
        client.stream("POST", "/git/shop.git/git-receive-pack", content=body, headers=PUSH) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        got = b""
        async for chunk in answer.aiter_bytes():
            got += chunk
            # What is not whole yet is not understood yet.
            with contextlib.suppress(ValueError):
                told, report = bands(got + b"0000")
                if report:
                    return told, report
    raise AssertionError(f"no report: {got!r}")


async def releases(here: Site) -> list[str]:
    async with here.world.db.reading() as tx:
        if not (await reads.apps(ADMIN, tx)).items:
            return []
        return [release.commit for release in (await reads.releases(ADMIN, tx, "shop")).items]


def stored(here: Site) -> list[str]:
    """Every file and folder of the repositories."""
    rooms = (".incoming", ".locks")
    found = (str(p.relative_to(here.repositories)) for p in here.repositories.rglob("*"))
    return sorted(name for name in found if name not in rooms)


async def pushed_into_ever_more_room(here: Site, disk: Path, leave: Leave, update: RefUpdate, body: bytes) -> int:
    """The same push again and again until it fits. Answers how often it did not."""
    before = stored(here), refs_of(here.repositories / "shop.git"), await releases(here)
    for count in range(200):
        leave(disk, count)
        told, report = await answered(here, body)
        if report[1] == f"ok {update.ref}":
            assert refs_of(here.repositories / "shop.git")[update.ref] == update.new
            assert (await releases(here))[0] == update.new
            return count
        assert report[1] == f"ng {update.ref} the disk of MCD is full, nothing was stored", (count, told, report)
        assert told[-1] == FULL, (count, told)
        assert (stored(here), refs_of(here.repositories / "shop.git"), await releases(here)) == before, count
    raise AssertionError("it never fits")


@pytest.mark.parametrize("leave", [leave_pages, leave_files])
async def test_wherever_the_disk_is_full_git_is_told_and_nothing_is_stored(
    here: Site, disk: Path, clone: Repo, leave: Leave
) -> None:
    first = commit(clone, {"app.yaml": APP_YAML.encode(), "text": b"1"})
    update = new(first)
    count = await pushed_into_ever_more_room(here, disk, leave, update, request([update], pack(clone, [first])))
    assert count > 10, "there were more writes than this to fail"
    second = commit(clone, {"app.yaml": APP_YAML.encode(), "text": os.urandom(2 * PAGE)}, parents=[first])
    update = new(second, old=first)
    body = request([update], pack(clone, [second], [first]))
    assert await pushed_into_ever_more_room(here, disk, leave, update, body) > 10
    subprocess.run(
        ["git", f"--git-dir={here.repositories / 'shop.git'}", "fsck", "--strict"], check=True, capture_output=True
    )


async def test_git_shows_that_the_disk_is_full_and_the_same_push_is_taken_later(
    here: Site, disk: Path, tmp_path: Path
) -> None:
    work = Clone(tmp_path / "work")
    work.folder.mkdir()
    work.git("init", "-q", "-b", "main")
    # More than git sends in one piece: it asks first, and then does not look at the answer before the end.
    tip = work.commit({"app.yaml": APP_YAML, "big": os.urandom(3 * 1024 * 1024)})
    for count in (0, 100):
        leave_pages(disk, count)
        said = await work.tried("push", here.remote(), "main")
        assert said.code == 1, said.text
        assert said.remote == [FULL]
        assert "! [remote rejected] main -> main (the disk of MCD is full, nothing was stored)" in said.text
        assert here.kept() == []
        assert here.left() == []
    (disk / "filler").unlink()
    process = await work.start("push", here.remote(), "main")
    assert process.stdout is not None
    said_now = await asyncio.wait_for(process.stdout.readuntil(b"Release 1 of shop"), 60)
    assert FULL.encode() not in said_now
    os.killpg(process.pid, signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 10)
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": tip}
