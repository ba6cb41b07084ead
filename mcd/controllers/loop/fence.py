"""What a pass holds while it works on a row: the proof that the row is still its own, and the keys to its secrets.

It writes nothing but the lease and the inventory before a create. It must not take or record a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from mcd.controllers.loop.noticing import called
from mcd.errors import McdError
from mcd.kube.secret import Values
from mcd.model import LeaseLost, RolloutObserved, SecretSource, SecretText
from mcd.objects import Ref
from mcd.runtime import Runtime
from mcd.store import leases, secrets
from mcd.store.leases import Lease

log = structlog.get_logger("mcd.loop")

SAFETY = 0.2
"""Share of the lease that is not used for writing, for clocks that run apart and answers that come late."""


@dataclass(slots=True)
class LeaseFence:
    """The Fence of one pass. Its deadline is monotonic time, so that neither a clock that jumps nor a process that
    slept can write with a lease that somebody else has by now."""

    runtime: Runtime
    lease: Lease
    deadline: float
    lost: bool = False

    def check(self) -> None:
        if self.lost or asyncio.get_running_loop().time() >= self.deadline:
            raise LeaseLost

    async def intend(self, refs: tuple[Ref, ...], observed: RolloutObserved | None = None) -> None:
        self.check()
        held = await self.runtime.db.together(lambda tx: leases.intend(tx, self.lease, refs, observed))
        if not held:
            self.lost = True
            raise LeaseLost

    async def keep(self) -> None:
        """Extends the lease until cancelled. A lease that cannot be extended in time runs out by itself."""
        ttl = self.lease.ttl
        clock = asyncio.get_running_loop().time
        while not self.lost:
            await asyncio.sleep(ttl / 3)
            began = clock()
            try:
                async with self.runtime.db.writing() as tx:
                    held = await leases.extend(tx, self.lease, self.runtime.now(), ttl)
            except McdError as error:
                log.warning("lease_not_extended", **called(self.lease.item), error=str(error))
                continue
            self.lost = not held
            self.deadline = began + ttl * (1 - SAFETY)


def opener(runtime: Runtime, *, app: str = "", line: str = "") -> Values:
    """Opens secrets of an App or of a product line (its id), one at a time, in a short transaction of its own."""

    async def values(source: SecretSource) -> Mapping[str, SecretText]:
        if source.lengths:
            return await _made_once(runtime, app, source.lengths)
        name, version = source.name, source.version
        async with runtime.db.reading() as tx:
            if line:
                return await secrets.line_values(tx, line, name, version)
            found = await secrets.secret_values(tx, app, [name], versions={name: version}, of_line=source.of_line)
        return found[name]

    return values


async def _made_once(runtime: Runtime, app: str, lengths: Mapping[str, int]) -> Mapping[str, SecretText]:
    """What is made once is stored when it is first written to a cluster, before it is sent: whoever dies in between
    leaves a value that the next one finds. A lease that is lost does no harm: everybody finds the same."""
    async with runtime.db.reading() as tx:
        found = await secrets.made_values(tx, app, lengths)
    if len(found) == len(lengths):
        return found
    async with runtime.db.writing() as tx:
        return await secrets.make_once(tx, runtime.now(), app, lengths)
