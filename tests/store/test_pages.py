"""Lists: in pieces that do not shift, with one query whatever their length, and no cursor is trusted."""

from __future__ import annotations

import base64
import json

import pytest
from sqlalchemy import event, insert, select

from mcd.errors import Code, McdError
from mcd.model import NodePool
from mcd.store import intents, reads
from mcd.store import tables as t
from mcd.store.reads import Part
from tests.store.world import ADMIN, World


async def test_pages_are_stable_under_inserts(world: World) -> None:
    for number in range(0, 20, 2):
        await world.app(f"app-{number:02}")
    seen: list[str] = []
    cursor = None
    for turn in range(10):
        async with world.db.reading() as tx:
            page = await reads.apps(ADMIN, tx, Part(3, cursor))
        seen += [listed.app.name for listed in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        # One before and one after the place where the reader is.
        await world.app(f"aaa-{turn:02}")
        await world.app(f"app-{turn * 2 + 11:02}")
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert {f"app-{number:02}" for number in range(0, 20, 2)} <= set(seen)


async def test_newest_first_pages_do_not_repeat(world: World) -> None:
    await world.app("shop", released=True)
    for number in range(7):
        async with world.db.writing() as tx:
            await intents.change_settings(
                ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": number}}}
            )
    async with world.db.reading() as tx:
        first = await reads.settings_history(ADMIN, tx, "shop", Part(5))
        second = await reads.settings_history(ADMIN, tx, "shop", Part(5, first.next_cursor))
    assert [s.revision for s in (*first.items, *second.items)] == list(range(7, -1, -1))
    assert second.next_cursor is None


async def test_a_key_of_two_columns_pages_too(world: World) -> None:
    async with world.db.writing() as tx:
        await intents.create_cluster(ADMIN, tx, world.now, "bj1", kubeconfig="x", facts={})
        for cluster in ("local", "bj1"):
            for name in ("t4", "a100", "mlu"):
                pool = NodePool(id="", name=name, cluster=cluster, labels={"a": "b"})
                await intents.put_node_pool(ADMIN, tx, world.now, pool)
    seen = []
    cursor = None
    async with world.db.reading() as tx:
        while True:
            page = await reads.node_pools(ADMIN, tx, Part(4, cursor))
            seen += [(p.cluster, p.name) for p in page.items]
            if (cursor := page.next_cursor) is None:
                break
    assert seen == [(c, n) for c in ("bj1", "local") for n in ("a100", "mlu", "t4")]


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["", "%%%", "a", "é", "x" * 5000, _encoded([]), _encoded([1]), _encoded(["a", "b"]), _encoded({"a": 1}),
     _encoded([None]), _encoded([["a"]]), _encoded(["\x00"]), base64.urlsafe_b64encode(b"[" * 900).decode()],
)  # fmt: skip
async def test_a_cursor_that_is_not_ours_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(McdError) as refused:
        async with world.db.reading() as tx:
            await reads.apps(ADMIN, tx, Part(10, cursor))
    assert refused.value.code is Code.INVALID


@pytest.mark.parametrize("limit", [0, -1, 501, 10**9])
async def test_a_limit_out_of_range_is_refused(world: World, limit: int) -> None:
    with pytest.raises(McdError) as refused:
        async with world.db.reading() as tx:
            await reads.apps(ADMIN, tx, Part(limit))
    assert refused.value.code is Code.INVALID


async def test_a_number_too_large_for_a_cursor_is_refused(world: World) -> None:
    with pytest.raises(McdError) as refused:
        async with world.db.reading() as tx:
            await reads.events(ADMIN, tx, Part(10, _encoded([10**30])))
    assert refused.value.code is Code.INVALID


async def test_1490_apps_are_listed_without_a_query_per_row(world: World) -> None:
    await world.app("shop", released=True)
    async with world.db.writing() as tx:
        for table in (t.app, t.release, t.settings, t.rollout):
            key = "id" if table is t.app else "app_id"
            row = (await tx.rows(select(table)))[0]
            copies = []
            for number in range(1489):
                copy = {**row, key: f"app{number}"}
                if "id" in row:
                    copy["id"] = f"{table.name}{number}" if table is not t.app else f"app{number}"
                if table is t.app:
                    copy["name"] = f"app-{number:04}"
                copies.append(copy)
            await tx.run(insert(table), copies)
    statements: list[str] = []
    engine = world.db._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    seen = 0
    cursor = None
    pages = 0
    async with world.db.reading() as tx:
        while True:
            page = await reads.apps(ADMIN, tx, Part(500, cursor))
            pages += 1
            seen += sum(listed.live is not None and listed.commit == "a" * 40 for listed in page.items)
            if (cursor := page.next_cursor) is None:
                break
    assert seen == 1490
    assert len([s for s in statements if s.startswith("SELECT")]) == pages == 3


async def test_a_sieve_finds_what_is_rare_and_says_where_it_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        await world.app(f"app-{number:02}")
    monkeypatch.setattr("mcd.store.pages.MOST", 3)
    monkeypatch.setattr("mcd.store.pages.SIEVED", 6)
    found: list[list[str]] = []
    cursor = None
    async with world.db.reading() as tx:
        while True:
            page = await reads.apps(ADMIN, tx, Part(1, cursor), keep=lambda a: a.app.name in ("app-00", "app-10"))
            found.append([listed.app.name for listed in page.items])
            if (cursor := page.next_cursor) is None:
                break
    assert [name for page in found for name in page] == ["app-00", "app-10"]
    assert [] in found, "a page that looked at its share in vain is empty and goes on"


async def test_a_sieve_reads_no_more_than_it_must(world: World) -> None:
    for number in range(5):
        await world.app(f"app-{number}")
    async with world.db.reading() as tx:
        whole = await reads.apps(ADMIN, tx, Part(5), keep=lambda a: True)
        half = await reads.apps(ADMIN, tx, Part(2), keep=lambda a: True)
        rest = await reads.apps(ADMIN, tx, Part(3, half.next_cursor), keep=lambda a: True)
    assert (len(whole.items), whole.next_cursor) == (5, None)
    assert [a.app.name for a in (*half.items, *rest.items)] == [f"app-{number}" for number in range(5)]
