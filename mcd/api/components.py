"""Whether a wish names components that there are, and that it can be meant for: asked before the wish is stored.

They are read from the Release that the wish is about. It writes nothing, and what no app.yaml says it lets pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mcd.appyaml.schema.defaults import LONG
from mcd.errors import Code, McdError, echo
from mcd.model import Actor
from mcd.runtime import Runtime
from mcd.store import reads

Types = Mapping[str, str]
"""Component → its type."""

REPLICAS = "has no replicas"
RESTART = "has no pods to restart"


async def types_of(runtime: Runtime, actor: Actor, app: str, release: int | None = None) -> Types | None:
    """Of this Release, else of the live one, else of the newest. None when nothing is known yet. Raises McdError
    not_found, unavailable."""
    async with runtime.db.reading() as tx:
        number = release
        if number is None and (live := await reads.live_rollout(actor, tx, app)) is not None:
            number = live.release
        try:
            app_yaml = (await reads.release(actor, tx, app, number)).app_yaml
        except McdError as error:
            if error.code is not Code.NOT_FOUND or number is not None:
                raise
            # Whether the App may be seen was answered by the look for its live Rollout: it has no Release.
            return None
        line = (await reads.app(actor, tx, app)).product_line
    return await runtime.compiler.types(app_yaml, line)


async def refuse_unknown(runtime: Runtime, actor: Actor, app: str, component: str | None) -> None:
    """Of a component of which nothing runs: raises McdError(not_found) with the names that there are when it is none
    of them."""
    if component is None:
        return
    types = await types_of(runtime, actor, app)
    if types is not None and component not in types:
        known = ", ".join(sorted(types))
        raise McdError(Code.NOT_FOUND, f"there is no component {echo(component)}.", f"Known: {known}.")


def refuse_others(types: Types | None, names: Iterable[str], lacking: str) -> None:
    """Raises McdError(invalid) for a name that is no component, or one that does not run all the time and so `lacking`
    (one of the texts above)."""
    if types is None:
        return
    for name in names:
        if name not in types:
            known = ", ".join(sorted(n for n, kind in types.items() if kind in LONG))
            raise McdError(Code.INVALID, f"there is no component {echo(name)}.", f"Known: {known or 'none'}.")
        if types[name] not in LONG:
            raise McdError(Code.INVALID, f"{name} is a {types[name]}, which {lacking}.")
