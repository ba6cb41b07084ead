"""Who would break when a secret, a config map, or a value that people filled in is taken away: every live Rollout it
reaches is compiled before and after, and what is a new error is a refusal that names the App and the place.

The wish is rehearsed and taken back; nothing is changed here. A push that comes between the look and the wish is held
by its own Rollout: it says what is missing and touches no pod.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcd.api.carry import rehearse
from mcd.errors import Code, McdError, has_errors
from mcd.model import Actor, Noun, RolloutItem
from mcd.runtime import Runtime
from mcd.store import intents, reads, work
from mcd.store.reads import Part
from mcd.store.tx import Tx

SHOWN = 5
"""How many Apps a refusal names."""

_LOST = frozenset({"secret.unknown", "env.required", "ref.unknown"})
"""Problems of an app.yaml that names what is not there any more."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What is taken away, in words, and the reason of the refusal."""

    what: str
    reason: str


Items = dict[str, RolloutItem]
"""App → its live Rollout with all that it is compiled with."""


async def refuse_what_breaks(
    runtime: Runtime,
    actor: Actor,
    loss: Loss,
    wish: Callable[[Tx, datetime], Awaitable[object]],
    *,
    app: str | None = None,
    product_line: str | None = None,
) -> None:
    """Raises McdError: conflict (the reason of the loss) naming the Apps that would not compile any more, and what
    `wish` raises. `app` or `product_line` is whose it is."""

    async def act(tx: Tx, now: datetime) -> tuple[Items, Items]:
        before = await _live(actor, tx, app, product_line)
        await wish(tx, now)
        return before, await _live(actor, tx, app, product_line)

    before, after = await rehearse(runtime, act)
    broken = []
    for name, item in sorted(after.items()):
        errors = await _errors(runtime, item)
        new = sorted(errors - await _errors(runtime, before[name])) if errors and name in before else []
        if new:
            broken.append(f"{name} ({new[0]})")
    if broken:
        apps = ", ".join(broken[:SHOWN])
        more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        raise McdError(
            Code.CONFLICT,
            f"{loss.what} is in use by {apps}{more}. Nothing was changed.",
            "Push an app.yaml without it first.",
            reason=loss.reason,
        )


async def refuse_loss_of_settings(
    runtime: Runtime, actor: Actor, app: str, what: str, changes: Mapping[str, Any]
) -> None:
    """The same of a change of an App's Settings. `what` it takes away, in words."""

    async def take(tx: Tx, now: datetime) -> None:
        await intents.change_settings(actor, tx, now, app, changes=changes)

    await refuse_what_breaks(runtime, actor, Loss(what, "SettingInUse"), take, app=app)


async def _errors(runtime: Runtime, item: RolloutItem) -> set[str]:
    """Fields of app.yaml that name what is not there."""
    problems = (await runtime.compiler.desired(item, item.rollout, item.previous)).problems
    return {problem.field for problem in problems if problem.code in _LOST and has_errors([problem])}


async def _live(actor: Actor, tx: Tx, app: str | None, product_line: str | None) -> Items:
    ids = []
    if app is not None:
        live = await reads.live_rollout(actor, tx, app)
        ids = [live.id] if live is not None else []
    cursor: str | None = None
    while product_line is not None:
        part = await reads.apps(actor, tx, Part(500, cursor), product_line=product_line)
        ids += [listed.live.id for listed in part.items if listed.live is not None]
        cursor = part.next_cursor
        if cursor is None:
            break
    loaded = await work.load(tx, Noun.ROLLOUT, ids)
    return {item.app.name: item for item in loaded.values() if isinstance(item, RolloutItem)}
