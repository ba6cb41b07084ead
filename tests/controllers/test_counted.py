"""What the loop and the clusters do is counted: by cluster, by verdict and by cause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from mcd.controllers.loop import Loop
from mcd.errors import Code, McdError
from mcd.kube import watch as watching
from mcd.kube.cluster import Kind, KubeError, KubeReason
from mcd.kube.kubeconfig import Connection
from mcd.kube.memory import MemoryCluster
from mcd.kube.transport import Transport
from mcd.kube.watch import Caches
from mcd.model import Noun
from mcd.objects import Ref
from mcd.observability import metrics, tracing
from mcd.store.session import Database
from tests.controllers.world import HELLO, World
from tests.counting import done_here

CONFIG_MAP = Kind("v1", "ConfigMap")


def told(name: str, **labels: str) -> float:
    """The sum of the series of a name that have these labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Returns when that holds; what is waited for happens in other tasks."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_deploy_is_counted_by_cluster_and_by_what_was_done(here: World) -> None:
    created = told("mcd_changes_total", cluster="local", action="created")
    applied = told("mcd_apply_seconds_count", cluster="local", action="apply", verdict="done")
    ready = told("mcd_reconcile_seconds_count", noun="rollout", outcome="ready")
    await here.push(HELLO)
    await here.settle()
    made = told("mcd_changes_total", cluster="local", action="created") - created
    assert made >= 3
    assert told("mcd_apply_seconds_count", cluster="local", action="apply", verdict="done") - applied == made
    assert told("mcd_reconcile_seconds_count", noun="rollout", outcome="ready") > ready


async def test_what_a_cluster_refuses_is_counted_as_refused(here: World) -> None:
    def no(verb: str, ref: Ref) -> KubeError | None:
        refused = verb == "apply" and ref.kind == "Deployment"
        return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, "no.") if refused else None

    here.kube.faults.refuse = no
    before = told("mcd_apply_seconds_count", cluster="local", action="apply", verdict="refused")
    await here.push(HELLO)
    await here.settle(horizon=1)
    assert told("mcd_apply_seconds_count", cluster="local", action="apply", verdict="refused") > before


async def test_what_waits_is_counted_and_how_long(here: World) -> None:
    await here.push(HELLO)
    here.clock.forward(30)
    await here.loop.measure()
    assert told("mcd_due_rows", noun="release") == 1
    assert told("mcd_due_age_seconds", noun="release") == 30
    await here.settle()
    await here.loop.measure()
    assert told("mcd_due_rows") == 0


async def test_a_lease_that_somebody_let_run_out_is_counted(here: World) -> None:
    before = told("mcd_leases_taken_over_total", noun="release")
    await here.push(HELLO)
    dead = Loop(here.runtime, "dead-one")
    await dead.take(Noun.RELEASE, 10)
    for fence in dead.fences:
        fence.lost = True
    here.clock.forward(3600)
    await dead.idle()
    await here.settle()
    assert told("mcd_leases_taken_over_total", noun="release") == before + 1


async def test_the_numbers_of_a_cluster_that_was_taken_away_go_with_it(here: World) -> None:
    metrics.CHANGES.labels("elsewhere", "created").inc()
    here.runtime.gauges._clusters = {"elsewhere", "local"}
    await here.loop.measure()
    assert told("mcd_changes_total", cluster="elsewhere") == 0
    assert told("mcd_cluster_up", cluster="local") == 1


async def test_a_transaction_is_measured_and_a_database_that_is_gone_is_counted(here: World, tmp_path: Path) -> None:
    failed = told("mcd_db_failures_total")
    reads = told("mcd_db_transaction_seconds_count", mode="read")
    with done_here(metrics.DB_SECONDS.labels("read"), "observe") as measured:
        async with here.runtime.db.reading():
            pass
    assert len(measured) == 1
    assert told("mcd_db_transaction_seconds_count", mode="read") > reads
    assert told("mcd_db_failures_total") == failed
    full = tmp_path / "full.db"
    full.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    db = Database(f"sqlite:///{full}")
    try:
        with pytest.raises(McdError):
            async with db.reading():
                pass
    finally:
        await db.close()
    assert told("mcd_db_failures_total") == failed + 1


# --- watches ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watches are opened again without the pause that spares a real server."""
    monkeypatch.setattr(watching, "FIRST_BACKOFF", 0.001)


@asynccontextmanager
async def watched(kube: MemoryCluster) -> AsyncIterator[Caches]:
    caches = Caches(kube, (CONFIG_MAP,))
    task = asyncio.create_task(caches.run())
    try:
        yield caches
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (KubeReason.EXPIRED, "expired"),
        (KubeReason.UNREACHABLE, "unreachable"),
        (KubeReason.FORBIDDEN, "refused"),
    ],
)
async def test_a_watch_that_breaks_is_counted_by_its_cause(reason: KubeReason, cause: str) -> None:
    kube, names = MemoryCluster(name=f"breaks-{cause}"), {"cluster": f"breaks-{cause}"}
    kube.faults.refuse = lambda verb, _: KubeError(Code.UNAVAILABLE, reason, "no.") if verb == "watch" else None
    async with watched(kube) as caches:
        await until(lambda: told("mcd_kube_watch_restarts_total", **names, cause=cause) >= 2)
        assert caches.unsynced() == 1
        assert told("mcd_kube_watches", **names) == 0
        kube.faults.refuse = None
        await until(lambda: caches.unsynced() == 0)
        assert told("mcd_kube_watches", **names) == 1
        assert caches.quiet() < 20
    assert told("mcd_kube_watch_restarts_total", **names) == told("mcd_kube_watch_restarts_total", **names, cause=cause)
    metrics.forget_cluster(f"breaks-{cause}")


# --- the wire --------------------------------------------------------------------------------------------------------


async def test_a_request_to_a_cluster_bears_the_trace_of_who_asked_and_is_counted_by_cluster() -> None:
    heard: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.headers.get("traceparent"))
        return web.json_response({})

    application = web.Application()
    application.router.add_get("/version", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    transport = Transport(Connection(server=f"http://{host}:{port}"))
    transport.name = "wired"
    try:
        await transport.send("GET", "/version")
        with tracing.within(here := tracing.place()):
            await transport.send("GET", "/version")
    finally:
        await transport.close()
        await runner.cleanup()
    assert heard == [None, here.header]
    assert told("mcd_kube_request_seconds_count", cluster="wired", method="GET", code_class="2xx") == 2
    metrics.forget_cluster("wired")
