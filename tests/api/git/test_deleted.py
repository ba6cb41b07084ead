"""What becomes of the commits of an App that was deleted: nobody's to see, and not lost."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from mcd.cli import admin
from mcd.forge.receive import refs_of
from mcd.model import Noun, Role
from mcd.store import intents, reads
from tests.api.git.test_hostile import PUSH
from tests.api.git.world import APP_YAML, READY, Clone, Site, pushed, refused, until_stored
from tests.forge.packs import new, raw_pack, request
from tests.store.world import ADMIN


async def test_the_repository_of_a_deleted_app_is_not_its_successors(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML, "secret": "of the old one"})
    await pushed(here, clone)
    async with here.world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, here.runtime.now(), "shop")
    lines = await refused(here, clone, "-f", "main:main", "main:x")
    assert any("is being deleted" in line for line in lines), lines
    await here.finished(Noun.ROLLOUT, replace(READY, gone=True, inventory=()))
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.runtime.now(), "shop", product_line="demo")
    said = await clone.tried("clone", here.remote(), "x")
    assert "no commits here yet" in said.text
    fresh = here.clone("fresh")
    tip = fresh.commit({"app.yaml": APP_YAML})
    await pushed(here, fresh)
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": tip}


async def delete(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, here.runtime.now(), "shop")
    await here.finished(Noun.ROLLOUT, replace(READY, gone=True, inventory=()))


async def test_another_product_line_gets_the_name_later_and_never_the_commits(here: Site, tmp_path: Path) -> None:
    await here.person("bob", Role.DEVELOPER, line="other", default="other")
    clone = here.clone()
    secret = clone.commit({"app.yaml": APP_YAML, "secret": "of alice"})
    await pushed(here, clone)
    await delete(here)
    theirs = here.clone("theirs")
    tip = theirs.commit({"app.yaml": APP_YAML})
    lines = await refused(here, theirs, "main", who="bob")
    assert any('"shop" belonged to an App that was deleted, and is kept until' in line for line in lines), lines
    await cannot_see(here, theirs, secret, "bob")

    later = datetime.now(UTC) + timedelta(days=31)
    here.runtime.clock = lambda: later
    for name in ("alice", "bob"):
        await here.token(name, later)
    said = await until_stored(here, theirs, "main", who="bob")
    assert 'An App "shop" was deleted here before: its commits are put aside and not in this repository.' in said
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": tip}
    await cannot_see(here, theirs, secret, "bob")
    await cannot_see(here, clone, tip, "alice")
    # A branch on the old commit, without sending it: the new repository does not have it.
    stolen = here.clone("stolen")
    stolen.git("remote", "add", "origin", str(clone.folder))
    body = request([new(secret, "refs/heads/stolen")], raw_pack([]))
    async with httpx.AsyncClient(auth=("x", here.tokens["bob"]), base_url=here.url) as client:
        answer = await client.post("/git/shop.git/git-receive-pack", content=body, headers=PUSH)
    assert "objects are missing" in answer.text
    (aside,) = (here.repositories / ".gone").iterdir()
    assert refs_of(aside) == {"refs/heads/main": secret}, "what was deleted is not lost"
    assert here.left() == []


async def cannot_see(here: Site, clone: Clone, commit: str, who: str) -> None:
    """Neither by git nor by a deploy of that commit."""
    said = await clone.tried("fetch", here.remote(who=who), commit)
    assert said.code != 0
    headers = {"Authorization": f"Bearer {here.tokens[who]}"}
    async with httpx.AsyncClient(base_url=here.url, headers=headers) as client:
        answer = await client.post("/api/v1/apps/shop/rollouts", json={"commit": commit})
    assert answer.status_code == 404, answer.text


async def test_the_same_line_gets_the_name_at_once_and_begins_empty(here: Site) -> None:
    clone = here.clone()
    first = clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    await delete(here)
    lines = await pushed(here, clone)
    assert 'App "shop" was made in product line "demo".' in lines
    assert any("its commits are put aside" in line for line in lines)
    async with here.world.db.reading() as tx:
        assert [(r.number, r.commit) for r in (await reads.releases(ADMIN, tx, "shop")).items] == [(1, first)]
    await delete(here)
    await pushed(here, clone)
    assert len(list((here.repositories / ".gone").iterdir())) == 2, "each of them is kept"


async def test_the_space_is_given_back_when_an_administrator_asks_for_it(
    here: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCD_DATA", str(here.folder))

    async def asked(days: int = 30, *, remove: bool = False) -> str:
        capsys.readouterr()
        await admin.give_back(here.runtime.db, days, remove=remove)
        return capsys.readouterr().out

    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    strange = here.repositories / "strange.git"
    shutil.copytree(here.repositories / "shop.git", strange)
    (strange / "mcd-app").write_text("of another database")
    assert "shop" not in await asked(), "a repository in use is not listed"
    await delete(here)
    await pushed(here, clone)
    await delete(here)
    listed = await asked()
    assert listed.count("shop is gone since ") == 2
    assert "Nothing was removed." in listed
    assert "--remove removes it" not in listed, "not before the days are over"
    assert "0.0 MiB given back" in await asked(remove=True)
    assert here.kept() == ["shop.git", "strange.git"]
    assert "strange.git" in listed
    assert "left alone" in listed
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mcd", "admin", "repositories", "--remove", "--days", "0", stdout=asyncio.subprocess.PIPE
    )
    removed, _ = await process.communicate()
    assert process.returncode == 0
    assert removed.count(b"; removed") == 2
    assert here.kept() == ["strange.git"]
    assert list((here.repositories / ".gone").iterdir()) == []
    assert here.left() == []
