"""Questions about product lines."""

from __future__ import annotations

from sqlalchemy import select

from mcd.model import Actor, ProductLine, Verb
from mcd.store import tables as t
from mcd.store.lookup import find_line, seen_by
from mcd.store.nouns import line_of
from mcd.store.pages import FIRST, Page, Part, page
from mcd.store.tx import Tx


async def product_lines(actor: Actor, tx: Tx, part: Part = FIRST) -> Page[ProductLine]:
    """Those that the person may see, by name."""
    statement = (
        select(t.product_line, t.cluster.c.name.label("cluster"))
        .join(t.cluster, t.cluster.c.id == t.product_line.c.cluster_id)
        .where(t.product_line.c.gone_at.is_(None), seen_by(actor, t.product_line.c.name))
    )
    return await page(tx, statement, [t.product_line.c.name], part, lambda row: line_of(row, row["cluster"]))


async def product_line(actor: Actor, tx: Tx, name: str) -> ProductLine:
    row = await find_line(actor, tx, Verb.READ, name)
    return line_of(row, row["cluster"])
