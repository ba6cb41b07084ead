"""Who this MCD is: one id, made with the first start and kept in the database, so that all its processes agree.

It stands on every object that MCD makes. Two MCDs that share a cluster recognise by it what is not theirs.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import insert, select

from mcd.store import tables as t
from mcd.store.session import Database
from mcd.store.tx import Tx


async def identity(db: Database) -> str:
    """The id of this installation."""
    async with db.reading() as tx:
        known = await tx.value(select(t.installation.c.name))
    if known is None:
        async with db.writing() as tx:
            # Two processes may start at the same time: the row's key lets one of them win, and both read it.
            known = await tx.value(select(t.installation.c.name))
            if known is None:
                known = f"mcd-{secrets.token_hex(6)}"
                await tx.run(insert(t.installation).values(id=1, name=known))
    return str(known)


async def apps_by_id(tx: Tx) -> dict[str, datetime | None]:
    """Every App that there ever was, by id, and since when it is gone. For who cleans up on the machine itself."""
    rows = await tx.rows(select(t.app.c.id, t.app.c.gone_at))
    return {row["id"]: row["gone_at"] for row in rows}
