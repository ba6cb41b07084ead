"""Keeps every cluster watched from the first seconds of a process on, whether or not anything in it is due.

What the watches begin with makes each App that has anything in a cluster due once. That is how a database that was
restored learns what runs, and how a change is noticed that nobody saw. It must not decide or write anything.
"""

from __future__ import annotations

import asyncio

import structlog

from mcd.errors import McdError
from mcd.model import Cluster
from mcd.runtime import Runtime
from mcd.store.standing import clusters_there

log = structlog.get_logger("mcd.loop")

LOOKED_EVERY = 5.0
"""Seconds between looks for a cluster that is new, or was given other credentials."""


async def keep_watching(runtime: Runtime) -> None:
    """Until it is cancelled."""
    while True:
        try:
            async with runtime.db.reading() as tx:
                known = await clusters_there(tx)
        except McdError as error:
            log.warning("clusters_not_read", error=str(error))
        else:
            await asyncio.gather(*(_watch(runtime, cluster) for cluster in known))
        await asyncio.sleep(LOOKED_EVERY)


async def _watch(runtime: Runtime, cluster: Cluster) -> None:
    try:
        await runtime.live(cluster)
    except (McdError, OSError, ValueError) as error:
        # People are told by the cluster's own pass, which tries the same connection; the other clusters go on.
        log.debug("not_watched", cluster=cluster.name, error=str(error))
