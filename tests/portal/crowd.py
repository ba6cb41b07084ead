"""A full house: as many Apps as a large platform has, as copies of one that was deployed, written into the database.

What differs is what lists look at: name, product line, conditions. Not for anything that reads the rest.
"""

from __future__ import annotations

import copy

from sqlalchemy import insert, select

from mcd.store import tables as t
from mcd.store.tx import Tx
from tests.controllers.world import World

STALLED = {"status": True, "reason": "CrashLooping", "message": "web is crash-looping (exit 1)."}


async def crowd(world: World, count: int, *, line: str = "demo", stalled: int = 7, app: str = "hello") -> None:
    """`count` Apps `app-0000` …, each with a Release and a live Rollout like that of `app`; every `stalled`-th is
    stalled."""
    async with world.runtime.db.writing() as tx:
        line_id = await tx.value(select(t.product_line.c.id).where(t.product_line.c.name == line))
        source = await tx.row(select(t.app).where(t.app.c.name == app))
        assert source is not None
        names = {number: f"app-{number:04}" for number in range(count)}
        apps = [{**source, "id": f"crowd{n}", "name": name, "product_line_id": line_id} for n, name in names.items()]
        await tx.run(insert(t.app), apps)
        for table in (t.release, t.settings, t.rollout):
            await _copies(tx, table, source["id"], names, stalled)


async def _copies(tx: Tx, table: object, source: str, names: dict[int, str], stalled: int) -> None:
    rows = await tx.rows(select(table).where(table.c.app_id == source))  # type: ignore[attr-defined,call-overload]
    if table is t.rollout:
        rows = [row for row in rows if row["live"]]
    copies = []
    for number in names:
        for row in rows:
            made = {**copy.deepcopy(row), "app_id": f"crowd{number}"}
            if "id" in made:
                made["id"] = f"{made['id'][:8]}{number:06}{made['id'][14:]}"
            if table is t.rollout:
                for condition in made["conditions"]:
                    condition["message"] = f"{condition['message']} ({number})"
                    if number % stalled == 0:
                        condition |= STALLED if condition["type"] == "Stalled" else {"status": False}
            copies.append(made)
    await tx.run(insert(table), copies)  # type: ignore[arg-type]
