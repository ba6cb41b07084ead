"""A small world for store tests: people, a cluster, a product line, an App, and what a controller would do with them.

Everything goes through the doors of the store; nothing is written around them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select

from mcd.model import (
    Actor,
    Change,
    Condition,
    ConditionType,
    Noun,
    Outcome,
    Ready,
    Reason,
    ReleaseObserved,
    Result,
    Role,
    Rollout,
    Stalled,
    Waiting,
)
from mcd.store import accounts, intents, leases, reads, turns
from mcd.store.leases import Lease
from mcd.store.resting import Rest
from mcd.store.session import Database
from mcd.store.turns import AtWork

START = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)
ADMIN = Actor(person="", name="root", admin=True)


async def taken(
    db: Database, noun: Noun, holder: str, now: datetime, limit: int = 10, *, ttl: float = 30,
    at_work: AtWork | None = None,
) -> list[Lease]:  # fmt: skip
    """What a process with many workers that does nothing yet takes of one noun."""
    chosen = await turns.in_turn(db, (noun,), now, limit, at_work or AtWork(1000))
    return await leases.take(db, noun, chosen[noun], holder, now, ttl)


@dataclass
class World:
    """A clock and a database."""

    db: Database
    now: datetime = START
    actors: dict[str, Actor] = field(default_factory=dict)

    def later(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now

    async def person(self, name: str, role: Role | None = None, line: str = "demo", *, admin: bool = False) -> Actor:
        """A person who may sign in, perhaps a member; answers the Actor as it is read from the database."""
        async with self.db.writing() as tx:
            await accounts.create_person(ADMIN, tx, self.now, name, admin=admin)
            if role is not None:
                await intents.add_member(ADMIN, tx, self.now, line, name, role)
        return await self.actor(name)

    async def actor(self, name: str) -> Actor:
        async with self.db.reading() as tx:
            person = await reads.person(ADMIN, tx, name)
            lines = [line.name for line in (await reads.product_lines(ADMIN, tx)).items]
            roles = {}
            for line in lines:
                for member in (await reads.members(ADMIN, tx, line)).items:
                    if member.person == name and member.role is not None:
                        roles[line] = member.role
        return Actor(person=person.id, name=name, admin=person.admin, roles=roles)

    async def places(self, *lines: str) -> None:
        """A cluster and product lines on it, all as ready as a controller makes them."""
        async with self.db.writing() as tx:
            await intents.create_cluster(ADMIN, tx, self.now, "local", kubeconfig="apiVersion: v1", facts={})
            for line in lines:
                await intents.create_product_line(ADMIN, tx, self.now, line, cluster="local")

    async def app(self, name: str, line: str = "demo", *, released: bool = False) -> None:
        async with self.db.writing() as tx:
            await intents.create_app(ADMIN, tx, self.now, name, product_line=line)
        if released:
            await self.push(name, "a" * 40)
            await self.finish(Noun.RELEASE, self.built())

    async def push(self, app: str, commit: str, **more: object) -> int:
        async with self.db.writing() as tx:
            release = await intents.push(ADMIN, tx, self.now, app, commit=commit, branch="main", **more)  # type: ignore[arg-type]
        return release.number

    @staticmethod
    def built(**images: str) -> Result:
        return Result(Ready("built"), observed=ReleaseObserved(images=images or {"web": "r/web@sha256:1"}))

    async def take(self, noun: Noun, *, limit: int = 10, db: Database | None = None, ttl: float = 30) -> list[Lease]:
        return await taken(db or self.db, noun, "test", self.now, limit, ttl=ttl)

    async def one(self, noun: Noun, *, db: Database | None = None) -> Lease:
        """The only lease that there is to take now."""
        taken = await self.take(noun, db=db)
        assert len(taken) == 1, [lease.item for lease in taken]
        return taken[0]

    async def record(
        self, lease: Lease, result: Result, *, next_in: float | None = 600, attempts: int = 0, rest: Rest | None = None
    ) -> bool:
        next_run = None if next_in is None else self.now + timedelta(seconds=next_in)
        async with self.db.writing() as tx:
            return await leases.record(
                tx, lease, result, conditions(result.outcome, lease, self.now), next_run, attempts, self.now, rest
            )

    async def finish(self, noun: Noun, result: Result) -> Lease:
        """One whole pass over the only row that is due."""
        lease = await self.one(noun)
        assert await self.record(lease, result)
        return lease

    async def until_due(self, at: ColumnElement[datetime], *which: ColumnElement[bool]) -> None:
        """Waits until the only row of these is due, which another process sees to."""
        async with asyncio.timeout(20):
            while True:
                async with self.db.reading() as tx:
                    (due,) = await tx.values(select(at <= self.now).where(*which))
                if due:
                    return
                await asyncio.sleep(0.02)

    async def live(self, app: str) -> Rollout:
        async with self.db.reading() as tx:
            found = await reads.live_rollout(ADMIN, tx, app)
        assert found is not None
        return found

    async def told(self, kind: str | None = None) -> list[str]:
        """Messages of Events, oldest first."""
        async with self.db.reading() as tx:
            page = await reads.events(ADMIN, tx, reads.Part(500), after=0)
        return [event.message for event in page.items if kind is None or event.kind == kind]


def conditions(outcome: Outcome, lease: Lease, now: datetime) -> Iterable[Condition]:
    """As the loop would conclude them."""
    words = {
        Ready: (True, False, False),
        Waiting: (False, True, False),
        Stalled: (False, False, True),
    }[type(outcome)]
    reason = getattr(outcome, "reason", Reason.READY)
    return [
        Condition(kind, status, reason, outcome.message, lease.item_state.generation, now)
        for kind, status in zip(ConditionType, words, strict=True)
    ]


def changed(*changes: Change, **more: object) -> Result:
    return Result(Ready("as asked for"), changes=changes, **more)  # type: ignore[arg-type]
