"""Faults F17 to F44: the API server and the network between it and MCD.

Each is a block around the change, and breaks what passes the proxy until its end. What must hold is judged elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator

from tests.rig import oracles
from tests.rig.proxy import Entry
from tests.rig.rules import EXPIRED, Ask, Asked, Delay, Events, Hang, Line, Reset, Status, Twice, status_body
from tests.rig.scene import Scene
from tests.rig.workloads import SHAPES, push_text

PASSED_OVER = "PASSED_OVER"
DEPLOYMENTS = "/apis/apps/v1/deployments"


@contextlib.asynccontextmanager
async def f17(scene: Scene) -> AsyncIterator[None]:
    """Every write is refused for a while with Retry-After 1, in plain text: obeyed for each object."""
    refused: dict[str, float] = {}
    early, again = list[str](), asyncio.Event()

    def storm(what: Asked) -> bool:
        now, last = time.monotonic(), refused.get(str(what))
        if last is not None:
            again.set()
        if last is not None and now - last < 0.9:
            early.append(f"{what} after {now - last:.2f} s")
        refused[str(what)] = now
        return True

    scene.on(Status(429, b"too many requests", {"Retry-After": "1", "Content-Type": "text/plain"}),
             verb="write", chosen=storm)  # fmt: skip
    yield
    async with asyncio.timeout(30.0):
        await again.wait()
    await scene.lasts(2.0)
    scene.verdict.must(not early, f"F17: asked again before the second was over: {early[:5]}")


@contextlib.asynccontextmanager
async def f18(scene: Scene) -> AsyncIterator[None]:
    def one_of_three(_what: Asked) -> bool:
        return scene.dice.random() < 0.3

    for code in (500, 502, 503):
        scene.on(Status(code, b"oops"), chosen=one_of_three)
    scene.lane.proxy.hang_up()
    yield
    await scene.lasts(4.0)


@contextlib.asynccontextmanager
async def f19(scene: Scene) -> AsyncIterator[None]:
    """A write hangs: MCD's own deadline, shortened, ends it; nobody knows whether it was done."""
    rule = scene.on(Hang(), verb="write", nth=scene.some_write)
    yield
    await scene.met(rule)
    await scene.lasts(2.5)


@contextlib.asynccontextmanager
async def f22(scene: Scene) -> AsyncIterator[None]:
    """The server has forgotten its history: whoever goes on from a version is told Expired, in the stream and with a
    200, as often as they ask; only a watch that begins with a list is served. Whoever was told so lists, and does not
    ask for the same again: counted for each kind, so that it does not matter how soon the change of the case comes."""
    journal, since = scene.lane.proxy.journal, len(scene.lane.proxy.journal)
    scene.on(Status(200, EXPIRED), verb="watch", chosen=_goes_on)

    def watches() -> dict[str, list[Entry]]:
        """Of each kind that was told Expired, from there on."""
        asked = [each for each in journal[since:] if each.asked.verb == "watch"]
        told = dict.fromkeys(each.asked.path for each in asked if each.did == "status")
        by_kind = {path: [each for each in asked if each.asked.path == path] for path in told}
        return {path: list(itertools.dropwhile(lambda e: e.did != "status", each)) for path, each in by_kind.items()}

    async def asked_again() -> bool:
        # Streams end in order each second or two here, and go on from where they were.
        return len(watches().get(DEPLOYMENTS, ())) > 1

    await scene.lane.until(asked_again, 30.0, "the Deployments are watched again after they were Expired")
    yield
    for path, asked in watches().items():
        twice = sum(_goes_on(one.asked) and _goes_on(next_.asked) for one, next_ in itertools.pairwise(asked))
        scene.verdict.must(not twice, f"F22: Expired was passed over, {twice} times for {path}")
    await scene.lane.settled(scene.patience)
    await oracles.quiet(scene.lane, scene.verdict)


def _goes_on(what: Asked) -> bool:
    """Whether a watch asks for what came after a version, and not for a list."""
    return "sendInitialEvents" not in what.query


@contextlib.asynccontextmanager
async def f23(scene: Scene) -> AsyncIterator[None]:
    """The server streams no lists and pages after one object, and the second page of each list is Expired once."""
    failed: set[str] = set()

    def second_page(what: Asked) -> bool:
        fresh = "continue=" in what.query and what.path not in failed
        if fresh:
            failed.add(what.path)
        return fresh

    no_streams = status_body(400, "BadRequest", "sendInitialEvents is forbidden for watch")
    scene.on(Status(400, no_streams), verb="watch", chosen=lambda what: "sendInitialEvents" in what.query)
    gone = status_body(410, "Expired", "The provided continue parameter is too old")
    scene.on(Status(410, gone), verb="list", chosen=second_page)
    scene.on(Ask(lambda query: query.replace("limit=500", "limit=1")), verb="list")
    await scene.lane.killed()
    await scene.lane.start()
    # Half a list looks like objects that are gone: whoever believes it writes.
    await oracles.quiet(scene.lane, scene.verdict)
    yield
    await scene.lasts(1.0)
    scene.notes.append(f"{len(failed)} lists expired")


@contextlib.asynccontextmanager
async def f24(scene: Scene) -> AsyncIterator[None]:
    """Watches that are there and silent: found by the silence (3 s here), then opened again."""

    async def silent(_line: Line) -> list[bytes] | None:
        await asyncio.Event().wait()
        return None

    scene.on(Events(silent), verb="watch")
    scene.lane.proxy.hang_up()
    since = len(scene.lane.proxy.journal)

    async def opened_again() -> bool:
        watches = [e for e in scene.lane.proxy.journal[since:] if e.asked.verb == "watch"]
        return sum(e.asked.resource == "deployments" for e in watches) >= 2

    yield
    await scene.lane.until(opened_again, 15.0, "a silent watch is opened again")


@contextlib.asynccontextmanager
async def f25(scene: Scene) -> AsyncIterator[None]:
    """Each watch ends at its first event, for 4 s: lists come again, and not without bound."""

    async def ends(_line: Line) -> list[bytes] | None:
        return None

    scene.on(Events(ends), verb="watch")
    scene.lane.proxy.hang_up()
    since = len(scene.lane.proxy.journal)
    yield
    await scene.lasts(4.0)
    opened = [e.asked.resource for e in scene.lane.proxy.journal[since:] if e.asked.verb == "watch"]
    most = max((opened.count(each) for each in set(opened)), default=0)
    scene.verdict.must(most <= 14, f"F25: {most} watches of one kind in 4 s")


@contextlib.asynccontextmanager
async def f26(scene: Scene) -> AsyncIterator[None]:
    """The events that tell of a Deployment's status never arrive, on no watch that is open: found when the streams are
    begun anew with a list, here after some seconds."""

    async def dropped(line: Line) -> list[bytes] | None:
        return [] if line.type in ("MODIFIED", "DELETED") else [line.raw]

    scene.on(Events(dropped), verb="watch", chosen=lambda what: what.resource in ("deployments", "statefulsets"))
    scene.lane.proxy.hang_up()
    yield
    await scene.lane.settled(scene.patience)


@contextlib.asynccontextmanager
async def f27(scene: Scene) -> AsyncIterator[None]:
    """An event that is cut, one that is no UTF-8, one of 3 MiB, in each watch."""
    told: dict[str, int] = {}
    bad = (
        b'{"type":"MODIFIED","obj',
        b'\xff\xfe\x00{"type"\n',
        b'{"type":"ADDED","object":"' + b"x" * 3 * 2**20 + b'"}\n',
    )

    async def cut(line: Line) -> list[bytes] | None:
        number = told[line.kind] = told.get(line.kind, -1) + 1
        return [bad[number]] + ([] if number == 0 else [line.raw]) if number < len(bad) else [line.raw]

    scene.on(Events(cut), verb="watch")
    scene.lane.proxy.hang_up()
    yield
    await scene.lasts(1.5)


@contextlib.asynccontextmanager
async def f29(scene: Scene) -> AsyncIterator[None]:
    scene.on(Twice(), verb="write")
    yield
    await scene.lane.settled(scene.patience)


@contextlib.asynccontextmanager
async def f30(scene: Scene) -> AsyncIterator[None]:
    """The credential is refused everywhere for 3 s; nobody hammers."""
    scene.on(Status(401, status_body(401, "Unauthorized", "Unauthorized")))
    scene.lane.proxy.hang_up()
    since = len(scene.lane.proxy.journal)
    yield
    await scene.lasts(3.0)
    asked = [e for e in scene.lane.proxy.journal[since:] if e.asked.verb != "watch"]
    scene.verdict.must(len(asked) < 100, f"F30: {len(asked)} requests in 3 s")


def _cannot(verb: str, resource: str) -> Status:
    said = f'{resource} is forbidden: User "mcd" cannot {verb} resource "{resource}" in API group "" in the namespace'
    return Status(403, status_body(403, "Forbidden", said, kind=resource))


@contextlib.asynccontextmanager
async def f31(scene: Scene) -> AsyncIterator[None]:
    """Services may neither be read nor written for a while: others go on, nothing is deleted on half a view."""
    mark = scene.lane.witness.mark()
    for verb in ("get", "list", "watch", "patch", "delete"):
        scene.on(_cannot(verb, "services"), verb=verb, resource="services")
    scene.lane.proxy.hang_up()
    yield
    await scene.looked()
    await scene.lasts(1.0)
    deleted = [str(f) for f in oracles.by_us(scene.lane, mark) if f.verb == "delete" and f.resource != "services"]
    if scene.phase != "delete":
        scene.verdict.must(not deleted, f"F31: deleted while it could not see everything: {deleted}")


@contextlib.asynccontextmanager
async def f32(scene: Scene) -> AsyncIterator[None]:
    said = "exceeded quota: gpu, requested: pods=1, used: pods=8, limited: pods=8"
    scene.on(Status(403, status_body(403, "Forbidden", f'deployments.apps "x" is forbidden: {said}', name="x")),
             verb="patch", resource="deployments")  # fmt: skip
    yield

    async def told() -> bool:
        return "QuotaExceeded" in scene.lane.said()

    if scene.phase != "delete":
        await scene.lane.until(told, 15.0, "the quota is named")


@contextlib.asynccontextmanager
async def f34(scene: Scene) -> AsyncIterator[None]:
    said = 'Internal error occurred: failed calling webhook "policy.test": context deadline exceeded'
    scene.on(Status(500, status_body(500, "InternalError", said)), verb="write", resource="deployments", most=2)
    yield
    await scene.lasts(1.0)


@contextlib.asynccontextmanager
async def f36(scene: Scene) -> AsyncIterator[None]:
    """The kind of routes is not served for a while, in plain text: held, and the rest goes on; nothing is deleted."""
    mark = scene.lane.witness.mark()
    away = Status(404, b"404 page not found\n", {"Content-Type": "text/plain"})
    scene.on(away, chosen=lambda what: "gateway.networking.k8s.io" in what.path)
    scene.lane.proxy.hang_up()
    yield
    await scene.looked()
    await scene.lasts(1.0)
    deleted = [str(f) for f in oracles.by_us(scene.lane, mark) if f.verb == "delete"]
    if scene.phase != "delete":
        scene.verdict.must(not deleted, f"F36: deleted while a kind was away: {deleted}")


@contextlib.asynccontextmanager
async def f40(scene: Scene) -> AsyncIterator[None]:
    """Every connection is reset for 3 s."""
    scene.on(Reset())
    scene.lane.proxy.hang_up()
    yield
    await scene.lasts(3.0)


@contextlib.asynccontextmanager
async def f41(scene: Scene) -> AsyncIterator[None]:
    """The cluster is away for a long time (here seconds, because the waits are short) and people push again and again:
    when it is back, nothing of what they wished in between is sent, only the newest."""
    scene.on(Reset())
    scene.lane.proxy.hang_up()
    since = len(scene.lane.proxy.journal)
    for number in (7, 8):
        await push_text(scene.lane, f'env: {{{PASSED_OVER}: "{number}"}}\n{SHAPES["plain"].first}', str(number) * 40)
    yield

    async def told() -> bool:
        return "cannot be reached" in scene.lane.said()

    await scene.lane.until(told, 60.0, "it is said that the cluster is away")
    await scene.lasts(2.0)
    scene.lane.proxy.clear()
    await scene.lane.settled(scene.patience)
    sent = [
        e for e in scene.lane.proxy.journal[since:] if e.asked.is_write and e.code and PASSED_OVER.encode() in e.body
    ]
    scene.verdict.must(not sent, f"F41: sent, though wished no more: {[str(e.asked) for e in sent][:5]}")


@contextlib.asynccontextmanager
async def f42(scene: Scene) -> AsyncIterator[None]:
    """The cluster comes and goes each half second."""
    yield
    for _ in range(4):
        rule = scene.on(Reset())
        scene.lane.proxy.hang_up()
        await scene.lasts(0.5)
        scene.lane.proxy.rules.remove(rule)
        await scene.lasts(0.5)


@contextlib.asynccontextmanager
async def f43(scene: Scene) -> AsyncIterator[None]:
    """The API server itself is killed in the middle, and comes back."""
    rule = scene.on(Delay(0.2), verb="write")
    yield
    await scene.met(rule)
    await scene.lane.api_server_dies()


@contextlib.asynccontextmanager
async def f44(scene: Scene) -> AsyncIterator[None]:
    scene.on(Delay(0.6))
    yield
    await scene.lasts(4.0)
