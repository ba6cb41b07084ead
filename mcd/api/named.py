"""The deletes that a rollback names by going back to a complete app.yaml: as a push names those of its commit (ADR 11).

Reads the store and the compiler, and writes nothing. It names nothing that holds data, and nothing of what it cannot
compile.
"""

from __future__ import annotations

from mcd.api import places
from mcd.api.rehearsal import pools_of
from mcd.appyaml.live import Pair
from mcd.errors import Code, McdError
from mcd.kube.decision import wishes_deleted
from mcd.model import Actor, Verb
from mcd.objects import Ref, ref_of
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.tx import Tx


async def deletes_of(runtime: Runtime, actor: Actor, app: str, release: int, settings: int | None) -> tuple[Ref, ...]:
    """What the App has, or is about to have, and the older pair has not. Raises McdError not_found, forbidden,
    unavailable."""
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.DEPLOY)
        older = await _pair(actor, tx, place, release, settings)
        live = await reads.live_rollout(actor, tx, app)
        running = None if live is None else await _pair(actor, tx, place, live.release, live.settings)
    wanted = await _objects(runtime, older)
    if not wanted:
        return ()
    there = {entry.ref for entry in place.inventory}
    if running is not None:
        there |= await _objects(runtime, running)
    return wishes_deleted(there, wanted)


async def _pair(actor: Actor, tx: Tx, place: places.Place, number: int, settings: int | None) -> Pair:
    release = await reads.release(actor, tx, place.app.name, number, files=True)
    return Pair(
        place.app,
        release,
        await reads.settings(actor, tx, place.app.name, settings),
        place.line,
        place.cluster,
        await pools_of(actor, tx, place.cluster.name),
        await reads.facts_of(actor, tx, release, (place.line, place.cluster)),
    )


async def _objects(runtime: Runtime, pair: Pair) -> set[Ref]:
    """Nothing where it cannot be compiled, also because of what people wrote about the product line: the Rollout will
    say so, and the brake stays on."""
    try:
        found = await runtime.compiler.desired(pair, None, None)
    except McdError as error:
        if error.code is Code.UNAVAILABLE:
            raise
        return set()
    return {ref_of(obj) for obj in found.objects} if found.compiled.ok else set()
