"""Die before and after each write to the cluster, start again, and end as if nothing had happened.

One undisturbed run counts the writes of a change; then the process dies at each of them. A new process takes over when
the lease of the dead one has run out.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mcd.controllers.loop import Loop
from mcd.kube.memory import Died, Faults
from mcd.model import ConditionType, Noun
from mcd.objects import Object, Ref
from mcd.store import intents, leases
from tests.controllers.world import ADMIN, HELLO, LINE, World, world

TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""

Change = Callable[[World], Awaitable[None]]


async def _create(here: World) -> None:
    await here.push(TWO)


async def _change(here: World) -> None:
    await here.push(TWO.replace("worker:1", "worker:2").replace("hello:1", "hello:2"))


async def _shrink(here: World) -> None:
    await here.push(HELLO)


async def _delete(here: World) -> None:
    await here.delete()


async def _secret(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.set_secret(ADMIN, tx, here.clock(), "api", {"TOKEN": "one"}, app="hello")
    await here.push(TWO.replace('worker:1"', 'worker:1", env: {TOKEN: {secret: api/TOKEN}}'))


async def _rotate(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.set_secret(ADMIN, tx, here.clock(), "api", {"TOKEN": "two"}, app="hello")


async def _lose(here: World) -> None:
    """Somebody deletes objects of ours; they are made again."""
    for ref in (Ref("v1", "Service", LINE, "hello-web"), Ref("apps/v1", "Deployment", LINE, "hello-worker")):
        here.kube.person_deletes(ref)
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())


CHANGES: dict[str, tuple[tuple[Change, ...], Change]] = {
    "create": ((), _create),
    "change": ((_create,), _change),
    "a component goes": ((_create,), _shrink),
    "a secret comes": ((_create,), _secret),
    "a secret changes": ((_create, _secret), _rotate),
    "delete": ((_create,), _delete),
    "objects are lost": ((_create,), _lose),
}

_VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "ownerReferences")


def _end(here: World) -> dict[str, Object]:
    """What is live of ours, without what differs from run to run: the id of the installation and all that follows."""
    cleaned = {}
    for name, obj in here.ours().items():
        if name.startswith(("Pod/", "ReplicaSet/")):
            continue
        meta = {k: v for k, v in obj["metadata"].items() if k not in _VOLATILE and k != "annotations"}
        cleaned[name] = {**{k: v for k, v in obj.items() if k != "status"}, "metadata": meta}
    return cleaned


def _created(here: World, since: int) -> Counter[str]:
    return Counter(str(w.ref) for w in list(here.kube.ours())[since:] if w.created)


async def _undisturbed(folder: Path, template: Path, name: str) -> tuple[int, dict[str, Object], Counter[str]]:
    before, change = CHANGES[name]
    async with world(folder, template) as here:
        for earlier in before:
            await earlier(here)
            await here.settle()
        since = here.written
        await change(here)
        await here.settle()
        return here.written - since, _end(here), _created(here, since)


async def _dying(folder: Path, template: Path, name: str, fault: dict[str, int]) -> tuple[Any, Counter[str]]:
    before, change = CHANGES[name]
    async with world(folder, template) as here:
        for earlier in before:
            await earlier(here)
            await here.settle()
        since = here.written
        await change(here)
        here.kube.faults = Faults(**{side: here.kube.counted + number for side, number in fault.items()})
        with pytest.raises(Died):
            await here.settle()
        here.kube.faults = Faults()
        # The next process knows nothing of the dead one but what stands in the database and the cluster.
        here.loop = Loop(here.runtime, "next")
        await here.settle()
        await here.settle()
        if change is not _delete:
            live = await here.live()
            assert live is not None
            assert live.state.is_now(ConditionType.READY), f"{name}: {fault}: {await here.said()}"
        return _end(here), _created(here, since)


@pytest.mark.parametrize("name", list(CHANGES))
async def test_it_ends_as_if_the_process_had_never_died(name: str, tmp_path: Path, template: Path) -> None:
    (tmp_path / "calm").mkdir()
    writes, end, created = await _undisturbed(tmp_path / "calm", template, name)
    assert writes >= 2
    for number in range(1, writes + 1):
        for side in ("die_before", "die_after"):
            folder = tmp_path / f"{side}-{number}"
            folder.mkdir()
            came_out, made = await _dying(folder, template, name, {side: number})
            assert came_out == end, f"{name}: {side} write {number}"
            assert made == created, f"{name}: {side} write {number}: something was created twice or not at all"
            await asyncio.to_thread(shutil.rmtree, folder)
