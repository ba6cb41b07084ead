"""The deletes that a rollback names by going back to a complete app.yaml: as a push names those of its commit (ADR 11).

Reads the store and the compiler, and writes nothing. It names nothing that holds data, and nothing of what it cannot
compile.
"""

from __future__ import annotations

from mcd.api import places
from mcd.api.rehearsal import pools_of
from mcd.appyaml.live import Pair, desired
from mcd.errors import McdError
from mcd.infra.catalog import KINDS
from mcd.kube.decision import wishes_deleted
from mcd.model import Actor, Verb
from mcd.objects import Ref, ref_of
from mcd.store import reads
from mcd.store.tx import Tx


async def deletes_of(actor: Actor, tx: Tx, app: str, release: int, settings: int | None) -> tuple[Ref, ...]:
    """What the App has, or is about to have, and the older pair has not. Raises McdError not_found, forbidden."""
    place = await places.place_of(actor, tx, app, Verb.DEPLOY)
    pools = await pools_of(actor, tx, place.cluster.name)

    async def objects(number: int, revision: int | None) -> set[Ref] | None:
        pair = Pair(
            place.app, await reads.release(actor, tx, app, number, files=True),
            await reads.settings(actor, tx, app, revision), place.line, place.cluster, pools,
        )  # fmt: skip
        try:
            found = desired(pair, KINDS, None, None)
        except McdError:
            # What people wrote about the product line is wrong: the Rollout will say so, and the brake stays on.
            return None
        return {ref_of(obj) for obj in found.objects} if found.compiled.ok else None

    wanted = await objects(release, settings)
    if not wanted:
        return ()
    there = {entry.ref for entry in place.inventory}
    live = await reads.live_rollout(actor, tx, app)
    if live is not None:
        there |= await objects(live.release, live.settings) or set()
    return wishes_deleted(there, wanted)
