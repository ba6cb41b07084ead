"""The wish that what was made once for an App be made anew."""

from __future__ import annotations

from datetime import datetime

from mcd.model import Actor, Noun, Trigger, Verb
from mcd.store import secrets
from mcd.store.lookup import find_app, not_going
from mcd.store.rolling import Wanted, add, live_of
from mcd.store.tx import Tx


async def rotate_generated(
    actor: Actor, tx: Tx, now: datetime, app: str, variable: str, *, length: int | None = None
) -> int:
    """Puts another value in the place of a generated one and answers its version; what runs gets it by a new Rollout
    of the same pair. `length` in characters; None: as many as now. Raises McdError not_found, forbidden, conflict,
    unavailable (no key ring)."""
    row = await find_app(actor, tx, Verb.SET, app, lock=True)
    not_going(Noun.APP, app, row)
    version = await secrets.make_again(tx, now, actor, row["id"], variable, length)
    live = await live_of(tx, row["id"])
    if live is not None:
        await add(tx, now, actor, row, Wanted(live["release"], live["settings"], Trigger.SETTINGS))
    return version
