"""Events that tell of an act which changes no row: a command run in a pod, a push that was refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mcd.errors import Code, McdError
from mcd.model import Actor, EventKind, Noun, Verb
from mcd.store import events
from mcd.store.lookup import find_app
from mcd.store.tx import Tx

_MAY: Mapping[EventKind, Verb] = {EventKind.EXEC: Verb.SHELL, EventKind.PUSH_REFUSED: Verb.DEPLOY}


async def tell(
    actor: Actor, tx: Tx, now: datetime, kind: EventKind, app: str, message: str, data: Mapping[str, Any] | None = None
) -> None:
    """Who may do the act may tell of it: EXEC, PUSH_REFUSED. The caller masks. Raises McdError not_found, forbidden."""
    if kind not in _MAY:
        raise McdError(Code.INVALID, f"{kind.value} is told by the wish itself.", "Use the wish.")
    row = await find_app(actor, tx, _MAY[kind], app)
    events.append(
        tx, now, actor, kind, message, noun=Noun.APP, name=app, product_line=row["line"], app=app, data=data
    )  # fmt: skip
