"""What is at rest is put off without a pass, and has one as soon as anything of it is another: a wish, a hint, an
object that a watch showed, its product line, or a watch that broke."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from mcd.controllers.loop import Loop
from mcd.controllers.loop.resting import WHOLE_PASS, keys_of
from mcd.errors import Code
from mcd.kube.cluster import Kind, KubeError, KubeReason
from mcd.kube.watch import Caches
from mcd.model import Action, Change, Noun, Ready, Reason, Result, RolloutItem, Waiting
from mcd.objects import Ref
from mcd.store import intents, leases, turns
from mcd.store import resting as store
from mcd.store import tables as t
from mcd.store.resting import Due
from mcd.store.tx import Tx
from tests.controllers.world import ADMIN, HELLO, LINE, World

DEPLOYMENT = Ref("apps/v1", "Deployment", LINE, "hello-web")


@pytest.fixture
async def resting(here: World) -> AsyncIterator[Caches]:
    """An App at rest, and what its cluster shows. All hints are withheld: nobody is told of a change."""
    here.runtime.watch_with(lambda _obj: None)
    await here.push(HELLO)
    await here.settle()
    for _ in range(3):
        # Echoes of the first pass come after it; the next one finds nothing to do, and the one after knows the line.
        await here.loop.rest()
        here.clock.at += timedelta(minutes=12)
        await here.settle()
    async with here.runtime.db.reading() as tx:
        (cluster,) = await tx.values(select(t.cluster.c.id))
    caches = here.runtime.watched(cluster)
    assert caches is not None
    here.clock.at += timedelta(minutes=12)
    yield caches
    await here.runtime.disconnect()


async def rollouts_worked_on(here: World) -> int:
    taken = await here.loop.take(Noun.ROLLOUT, 100)
    await here.loop.idle()
    return taken


async def shows(caches: Caches, whether: Callable[[Caches], object]) -> None:
    async with asyncio.timeout(10):
        while not whether(caches):
            await asyncio.sleep(0)


async def test_what_is_at_rest_is_put_off_without_a_pass_and_without_a_request(here: World, resting: Caches) -> None:
    asked, written = here.kube.version, here.written
    assert await here.loop.rest() == 2, "the App and its product line"
    assert await rollouts_worked_on(here) == 0
    assert await here.loop.take(Noun.PRODUCT_LINE, 100) == 0
    assert (here.kube.version, here.written) == (asked, written)
    here.clock.at += timedelta(seconds=here.runtime.settings.resync + 1)
    assert await here.loop.rest() == 2, "and again the next time"
    assert resting.healthy()


async def test_an_edit_of_which_no_hint_came_is_healed_by_the_resync(here: World, resting: Caches) -> None:
    here.kube.edit(DEPLOYMENT, lambda o: o["spec"]["template"]["spec"]["containers"][0].update(image="evil:1"))
    edited = here.kube.objects()[DEPLOYMENT]["metadata"]["resourceVersion"]
    await shows(resting, lambda c: (c.get(DEPLOYMENT) or {})["metadata"]["resourceVersion"] == edited)
    await here.loop.rest()
    assert await rollouts_worked_on(here) == 1
    assert "evil" not in str(here.kube.objects()[DEPLOYMENT]["spec"])


async def test_an_object_that_was_deleted_unseen_comes_back_with_the_resync(here: World, resting: Caches) -> None:
    await here.kube.delete(DEPLOYMENT, here.kube.objects()[DEPLOYMENT]["metadata"]["uid"])
    await shows(resting, lambda c: c.get(DEPLOYMENT) is None)
    await here.loop.rest()
    assert await rollouts_worked_on(here) == 1
    assert DEPLOYMENT in here.kube.objects()


async def test_a_wish_or_a_hint_is_a_whole_pass(here: World, resting: Caches) -> None:
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    await here.loop.rest()
    assert await rollouts_worked_on(here) == 1


async def due(here: World) -> datetime:
    async with here.runtime.db.reading() as tx:
        found: datetime = await tx.value(select(t.rollout.c.next_run_at).where(t.rollout.c.live))
    return found


async def test_another_product_line_is_a_whole_pass_though_nobody_hinted_it(here: World, resting: Caches) -> None:
    before = await due(here)
    async with here.runtime.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, here.clock(), LINE, wishes={"timezone": "Asia/Tokyo"})
        await tx.run(update(t.rollout).values(next_run_at=before, rest_due=before))
    assert await here.loop.rest() == 0
    assert await rollouts_worked_on(here) == 1


async def test_nobody_rests_while_a_watch_is_broken(here: World, resting: Caches) -> None:
    resting._stores[Kind("apps/v1", "Deployment")].synced = False
    assert await here.loop.rest() == 0
    assert await rollouts_worked_on(here) == 1


async def test_a_whole_pass_comes_now_and_then_whatever_is_known(here: World, resting: Caches) -> None:
    here.clock.at += WHOLE_PASS * 1.5
    assert await here.loop.rest() == 0
    assert await rollouts_worked_on(here) == 1


async def test_a_row_that_another_process_recorded_is_left_to_it(here: World, resting: Caches) -> None:
    other = Loop(here.runtime, "other")
    assert await other.take(Noun.ROLLOUT, 100) == 1
    await other.idle()
    recorded = await due(here)
    assert await here.loop.rest() == 1, "only the product line"
    assert await due(here) == recorded


async def test_one_row_is_remembered_for_an_app_however_often_it_is_changed(here: World, resting: Caches) -> None:
    """Nobody looks at what was superseded, and nobody would forget it."""
    rows = here.loop._resting._rows
    before = len(rows)
    for number in range(2, 5):
        await here.push(HELLO.replace("hello:1", f"hello:{number}"))
        for _ in range(3):
            await here.settle()
            here.clock.at += timedelta(minutes=1)
    assert len(rows) == before == 2, "the App and its product line"
    async with here.runtime.db.reading() as tx:
        live = await tx.values(select(t.rollout.c.id).where(t.rollout.c.live))
    assert {rest.row_id for rest in rows.values()} >= set(live)


async def test_a_pass_that_ends_while_rows_are_put_off_knows_better(
    here: World, resting: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = store.renew

    async def and_a_pass_ends(tx: Tx, noun: Noun, rows: Sequence[Due]) -> set[str]:
        renewed = await whole(tx, noun, rows)
        here.loop._resting._rows.clear()  # what a pass does that found something
        return renewed

    monkeypatch.setattr(store, "renew", and_a_pass_ends)
    assert await here.loop.rest() == 2
    assert not here.loop._resting._rows


async def test_rows_at_rest_cost_the_same_few_statements_however_many_they_are(here: World) -> None:
    """Commits, passes and compiles of a resync: none for each App."""
    here.runtime.watch_with(lambda _obj: None)
    for number in range(12):
        await here.push(HELLO.replace("hello", f"app-{number}"), app=f"app-{number}")
    for _ in range(4):
        await here.settle()
        await here.loop.rest()
        here.clock.at += timedelta(minutes=12)
    here.clock.at += timedelta(minutes=12)
    commits = here.runtime.db.commits
    assert await here.loop.rest() == 13
    assert here.runtime.db.commits == commits + 1
    assert await rollouts_worked_on(here) == 0
    await here.runtime.disconnect()


SECRET = Kind("v1", "Secret")


async def with_a_secret(here: World) -> Ref:
    """An App that holds a Secret, written and ready; nobody watches Secrets so far."""
    async with here.runtime.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.clock(), "hello", product_line=LINE)
        await intents.set_secret(ADMIN, tx, here.clock(), "api", {"TOKEN": "1234"}, app="hello")
    here.kube.faults.refuse = lambda verb, ref: _not_yet if (verb, ref.kind) == ("watch", "Secret") else None
    here.runtime.watch_with(lambda _obj: None)
    await here.push(HELLO.replace('hello:1"', 'hello:1", env: {TOKEN: {secret: api/TOKEN}}'))
    for _ in range(4):
        await here.settle()
        await here.loop.rest()
        here.clock.at += timedelta(minutes=12)
    assert (await here.ready()).status
    return next(ref for ref in here.kube.objects() if ref.kind == "Secret" and ref.name.startswith("hello"))


_not_yet = KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "not yet")


async def test_nothing_rests_by_what_was_seen_of_a_secret_before_anybody_watched_it(here: World) -> None:
    """It may be gone before the watch begins, which then has nothing to tell of it."""
    secret = await with_a_secret(here)
    here.kube.person_deletes(secret)
    here.kube.faults.refuse = None
    (caches,) = [known.caches for known in here.runtime._connections.values() if known.caches is not None]
    await shows(caches, lambda c: c.synced(SECRET, LINE))
    await here.loop.rest()
    assert await rollouts_worked_on(here) == 1
    assert secret in here.kube.objects()
    for _ in range(2):
        await shows(caches, lambda c: c.get(secret))
        here.clock.at += timedelta(minutes=12)
        await here.loop.rest()
        await rollouts_worked_on(here)
    here.clock.at += timedelta(minutes=12)
    await here.loop.rest()
    assert await rollouts_worked_on(here) == 0, "watched, it rests"
    await here.runtime.disconnect()


async def test_what_a_watch_of_secrets_showed_is_another_when_it_ends(here: World) -> None:
    """The next one begins with what there is then, and knows nothing of what went in between."""
    secret = await with_a_secret(here)
    here.kube.faults.refuse = None
    (caches,) = [known.caches for known in here.runtime._connections.values() if known.caches is not None]
    await shows(caches, lambda c: c.get(secret))
    before = caches.touched([(LINE, "hello")])
    for task in caches._following:
        task.cancel()
    await shows(caches, lambda c: not c._places)
    assert caches.touched([(LINE, "hello")]) > before
    await here.runtime.disconnect()


# --- what a pass may leave ------------------------------------------------------------------------------------------


async def a_pass(here: World) -> RolloutItem:
    """What a pass over the App is given, with nobody at work on it."""
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    chosen = await turns.in_turn(here.runtime.db, (Noun.ROLLOUT,), here.clock(), 1, turns.AtWork(1))
    (lease,) = await leases.take(here.runtime.db, Noun.ROLLOUT, chosen[Noun.ROLLOUT], "x", here.clock(), 30)
    assert isinstance(lease.item, RolloutItem)
    return lease.item


async def test_a_pass_that_no_whole_watch_saw_leaves_nothing(here: World, resting: Caches) -> None:
    """What it asked the API server for may go before the watch is there again, which has nothing to tell then."""
    rows, item = here.loop._resting, await a_pass(here)
    assert rows.mark(item) is not None
    resting._stores[Kind("apps/v1", "Deployment")].synced = False
    assert rows.mark(item) is None


async def test_a_pass_during_which_something_changed_leaves_no_word(here: World, resting: Caches) -> None:
    """The word would be of what is shown by now, and the pass has not read that."""
    rows, item = here.loop._resting, await a_pass(here)
    judged = rows.judge(rows.mark(item), Result(Ready("all is well")))
    assert judged is not None
    assert judged.rest.of
    mark, before = rows.mark(item), resting.touched(keys_of(Noun.ROLLOUT, LINE, "hello"))
    here.kube.edit(DEPLOYMENT, lambda o: o["spec"].update(replicas=7))
    await shows(resting, lambda c: c.touched(keys_of(Noun.ROLLOUT, LINE, "hello")) != before)
    judged = rows.judge(mark, Result(Ready("all is well")))
    assert judged is not None
    assert judged.rest.of is None
    assert not judged.mark.still(resting, judged.mark.place)


CHANGED = Change(DEPLOYMENT, Action.CONFIGURED, "the image")
NOT_QUIET = {
    "it wrote": Result(Ready(""), changes=(CHANGED,)),
    "it left something alone": Result(Ready(""), changes=(Change(DEPLOYMENT, Action.HELD, "not ours"),)),
    "its inventory is another": Result(Ready(""), inventory=()),
    "it forgot what was healed": Result(Ready(""), heals=()),
    "it wants to look again": Result(Ready("", again_in=5.0)),
    "it waits": Result(Waiting(Reason.PROGRESSING, "", 5.0)),
}


@pytest.mark.parametrize("case", NOT_QUIET)
async def test_a_pass_that_found_anything_to_do_leaves_nothing(here: World, resting: Caches, case: str) -> None:
    rows, item = here.loop._resting, await a_pass(here)
    assert rows.judge(rows.mark(item), NOT_QUIET[case]) is None


async def test_what_other_caches_show_is_not_compared(here: World, resting: Caches) -> None:
    """Another cluster bears the name since, or other credentials: its numbers begin anew."""
    rows, item = here.loop._resting, await a_pass(here)
    mark = rows.mark(item)
    assert mark is not None
    assert mark.still(resting, mark.place)
    assert not mark.still(copy.copy(resting), mark.place)
    assert not mark.still(None, mark.place)
    assert not mark.still(resting, "another line")
