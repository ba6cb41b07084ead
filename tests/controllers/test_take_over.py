"""Adopting what somebody else made, in a process that watches the cluster: watches show only what is labelled ours."""

from __future__ import annotations

import pytest

from mcd.kube.inventory import applied_hash
from mcd.model import Reason
from mcd.objects import Ref
from mcd.store import intents, reads
from tests.controllers.test_secrets import watched
from tests.controllers.world import ADMIN, HELLO, LINE, World

WEB = Ref("v1", "Service", LINE, "hello-web")


@pytest.mark.parametrize("watching", [False, True])
async def test_take_over_adopts_what_no_watch_of_ours_shows(here: World, watching: bool) -> None:
    if watching:
        await watched(here)
    spec = {"ports": [{"name": "http", "port": 81}]}
    named = {"name": WEB.name, "namespace": LINE}
    here.kube.person({"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": spec}, manager="kubectl-create")
    release = await here.push(HELLO)
    await here.settle()
    assert (await here.ready()).reason is Reason.NOT_OURS, await here.said()
    async with here.runtime.db.writing() as tx:
        live = await reads.live_rollout(ADMIN, tx, "hello")
        assert live is not None
        await intents.request_rollout(ADMIN, tx, here.clock(), "hello", release=release.number, take_over=True)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    adopted = here.kube.objects()[WEB]
    assert applied_hash(adopted)
