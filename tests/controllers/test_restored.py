"""A database that was restored from a backup does not set back what runs, without a person who says so."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcd.controllers.loop import Loop
from mcd.errors import Code, McdError
from mcd.forge.local import LocalForge
from mcd.model import Actor, ConditionType, Reason, Trigger
from mcd.objects import ROLLOUT, Object, Ref
from mcd.runtime import Runtime
from mcd.settings import Environment
from mcd.store import intents, reads
from mcd.store.installation import identity
from mcd.store.keyring import read_keyring
from mcd.store.session import Database
from tests import warm
from tests.controllers.world import ADMIN, HELLO, LINE, World

DEPLOYMENT = Ref("apps/v1", "Deployment", LINE, "hello-web")
NEW = HELLO.replace("hello:1", "hello:2")


def backup(here: World, folder: Path) -> Path:
    """As the documentation says: SQLite's own copy of a living file."""
    file = folder / "backup.db"
    with sqlite3.connect(here.runtime.settings.data / "mcd.db") as source, sqlite3.connect(file) as target:
        source.backup(target)
    return file


@asynccontextmanager
async def restored(here: World, file: Path, folder: Path, after: float = 3600) -> AsyncIterator[World]:
    """Another process, an hour later, on the backup and on the same cluster. `after` in seconds."""
    folder.mkdir()
    shutil.copy(file, folder / "mcd.db")
    shutil.copy(here.runtime.settings.keys_file, folder / "keys.json")
    settings = Environment(data=folder, workers=100)
    db = Database(settings.database, read_keyring(settings.keys_file))
    here.clock.forward(after)
    runtime = Runtime(
        settings,
        db,
        await identity(db),
        forges={"mcd": LocalForge(settings.repositories)},
        connect=lambda _text, _token: here.kube,
        clock=here.clock,
        compiler=warm.compiler(),
    )
    try:
        yield World(runtime, here.kube, here.clock, Loop(runtime, "restored"), _commits=here._commits)
    finally:
        await asyncio.shield(runtime.close())


def image(here: World) -> str:
    found: str = here.kube.objects()[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


async def deploy(made: World, release: int, *, take_over: bool = False) -> None:
    async with made.runtime.db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, made.clock(), "hello", release=release, take_over=take_over)


async def outdated(here: World, folder: Path) -> Path:
    """A backup of hello:1, which was made before hello:2 was pushed and ran."""
    await here.push(HELLO)
    await here.settle()
    here.clock.forward(60)
    file = backup(here, folder)
    await here.push(NEW)
    await here.settle()
    return file


@pytest.fixture
async def older(here: World, tmp_path: Path) -> AsyncIterator[World]:
    """hello:1 was backed up, hello:2 runs."""
    file = await outdated(here, tmp_path)
    assert image(here).endswith("hello:2")
    async with restored(here, file, tmp_path / "restored") as made:
        yield made


async def test_an_older_database_writes_nothing_and_says_what_it_found_and_what_to_do(older: World) -> None:
    written = older.written
    await older.settle()
    older.clock.forward(7200)
    await older.settle()
    ready = await older.ready()
    assert (ready.status, ready.reason) == (False, Reason.NEWER_IN_CLUSTER)
    assert "the cluster runs Rollout 2, asked for at 2026-05-03 10:" in ready.message
    assert "Deployment/hello-web" in ready.message
    assert "`mcd deploy hello`" in ready.message
    assert older.writes_since(written) == []
    assert image(older).endswith("hello:2")


@pytest.mark.parametrize("take_over", [False, True])
async def test_a_deploy_goes_on_with_what_is_known_here_and_is_not_held_again(older: World, take_over: bool) -> None:
    await older.settle()
    await deploy(older, 1, take_over=take_over)
    await older.settle()
    assert (await older.ready()).status, await older.said()
    assert image(older).endswith("hello:1")
    await older.push(NEW.replace("hello:2", "hello:3"))
    await older.settle()
    assert (await older.ready()).status, await older.said()
    assert image(older).endswith("hello:3")


@pytest.mark.parametrize("wish", ["settings", "restart"])
async def test_a_wish_that_names_no_release_does_not_bring_the_older_one_back(older: World, wish: str) -> None:
    await older.settle()
    with pytest.raises(McdError, match="which this database does not know") as refused:
        await (scale(older) if wish == "settings" else restart(older))
    assert (refused.value.code, refused.value.reason) == (Code.CONFLICT, "NewerInCluster")
    await older.settle()
    assert image(older).endswith("hello:2")


@pytest.mark.parametrize("wish", ["settings", "restart"])
async def test_nor_does_one_before_anybody_looked(older: World, wish: str) -> None:
    """The API alone cannot know what the cluster runs: the wish is taken, and held when it would be carried out."""
    await (scale(older) if wish == "settings" else restart(older))
    written = older.written
    await older.settle()
    assert (await older.ready()).reason is Reason.NEWER_IN_CLUSTER
    assert older.writes_since(written) == []
    assert image(older).endswith("hello:2")
    await deploy(older, 1)
    await older.settle()
    assert (await older.ready()).status, await older.said()


async def outlived(here: World, file: Path, folder: Path) -> None:
    """hello:2 is deployed after the backup, and then the backup is restored: hello:2 stays."""
    await here.push(NEW)
    await here.settle()
    async with restored(here, file, folder / "restored") as made:
        await made.settle()
        assert (await made.ready()).reason is Reason.NEWER_IN_CLUSTER
        assert image(made).endswith("hello:2")


async def test_a_take_over_of_yesterday_is_no_leave_for_today(here: World, tmp_path: Path) -> None:
    await here.push(HELLO)
    await here.settle()
    await deploy(here, 1, take_over=True)
    await here.settle()
    here.clock.forward(60)
    file = backup(here, tmp_path)
    await outlived(here, file, tmp_path)


async def test_a_push_that_the_backup_had_on_its_way_was_wished_then(here: World, tmp_path: Path) -> None:
    await here.push(HELLO)
    await here.settle()
    here.clock.forward(60)
    await here.push(HELLO.replace("hello:1", "hello:1b"))
    file = backup(here, tmp_path)
    await here.settle()
    here.clock.forward(60)
    await outlived(here, file, tmp_path)


async def test_a_second_older_backup_is_noticed_though_its_numbers_are_higher(here: World, tmp_path: Path) -> None:
    await here.push(HELLO)
    await here.settle()
    here.clock.forward(60)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    early = backup(here, tmp_path / "one")
    for image_now in ("hello:2", "hello:3", "hello:4"):
        here.clock.forward(60)
        await here.push(HELLO.replace("hello:1", image_now))
        await here.settle()
    late = backup(here, tmp_path / "two")
    async with restored(here, early, tmp_path / "first") as made:
        await made.push(HELLO.replace("hello:1", "hello:fixed"))
        await made.settle()
        assert image(made).endswith("hello:fixed"), await made.said()
    async with restored(here, late, tmp_path / "second") as made:
        made.clock.forward(7200)
        await made.settle()
        assert (await made.ready()).reason is Reason.NEWER_IN_CLUSTER
        assert image(made).endswith("hello:fixed")


async def test_settings_and_restarts_of_ones_own_are_never_held(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    for wish in (scale, restart):
        here.clock.forward(60)
        await wish(here)
        await here.settle()
        assert (await here.ready()).status, await here.said()
    here.clock.forward(60)
    await here.push(NEW)
    await scale(here)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert image(here).endswith("hello:2")


async def scale(made: World) -> None:
    async with made.runtime.db.writing() as tx:
        changes = {"components": {"web": {"replicas": 3}}}
        await intents.change_settings(ADMIN, tx, made.clock(), "hello", changes=changes)


async def restart(made: World) -> None:
    async with made.runtime.db.writing() as tx:
        await intents.request_rollout(
            ADMIN, tx, made.clock(), "hello", release=1, trigger=Trigger.RESTART, restart=["web"]
        )


async def test_a_component_that_the_backup_does_not_know_is_not_deleted_by_it(here: World, tmp_path: Path) -> None:
    await here.push(HELLO)
    await here.settle()
    here.clock.forward(60)
    file = backup(here, tmp_path)
    await here.push(NEW + "  more: {type: service, image: 'registry.test/more:1', port: 81}\n")
    await here.settle()
    before = set(here.kube.objects())
    async with restored(here, file, tmp_path / "restored") as made:
        await made.settle()
        assert (await made.ready()).reason is Reason.NEWER_IN_CLUSTER
    assert set(here.kube.objects()) == before


async def test_the_same_database_is_never_held(here: World, tmp_path: Path) -> None:
    for image_now in ("hello:1", "hello:2", "hello:1"):
        await here.push(HELLO.replace("hello:1", image_now))
        await here.settle()
        assert (await here.ready()).status, await here.said()
    written = here.written
    async with restored(here, backup(here, tmp_path), tmp_path / "restored") as made:
        await made.settle()
        made.clock.forward(7200)
        await made.settle()
        assert (await made.ready()).status
        assert made.writes_since(written) == []


async def test_a_clock_that_was_set_back_holds_nothing(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.clock.forward(-3600)
    await here.push(NEW)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert image(here).endswith("hello:2")


async def test_a_mark_that_somebody_else_wrote_holds_nothing(here: World) -> None:
    await here.push(HELLO)
    await here.settle()

    def forge(obj: Object) -> None:
        obj["metadata"]["annotations"][ROLLOUT] = "999@2099-01-01T00:00:00+00:00"

    here.kube.edit(DEPLOYMENT, forge)
    await here.push(NEW)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert image(here).endswith("hello:2")


async def test_what_a_rollout_leaves_as_it_was_keeps_its_mark_and_no_pod_has_one(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    account = next(ref for ref in here.kube.objects() if ref.kind == "Service")
    written = here.written
    await here.push(NEW)
    await here.settle()
    objects = here.kube.objects()
    assert objects[account]["metadata"]["annotations"][ROLLOUT].startswith("1@")
    assert objects[DEPLOYMENT]["metadata"]["annotations"][ROLLOUT].startswith("2@")
    assert ROLLOUT not in str(objects[DEPLOYMENT]["spec"])
    assert not [w for w in here.writes_since(written) if "Service/" in w]


async def test_a_held_app_says_so_in_its_history(older: World) -> None:
    await older.settle()
    async with older.runtime.db.reading() as tx:
        live = await reads.live_rollout(Actor("p0", "admin", admin=True), tx, "hello")
    assert live is not None
    assert live.state.is_now(ConditionType.STALLED)
    assert any("which this database does not know" in line for line in await older.events("stalled"))
