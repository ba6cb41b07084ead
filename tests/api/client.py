"""People of the tests and how they ask: httpx into the application itself, each with a token of their own.

demo is the product line of `tests.controllers.world`; other is a second one, where nobody of demo is a member.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from mcd.api.app import create_app
from mcd.api.shells import Patience
from mcd.controllers.loop import Loop
from mcd.forge.local import LocalForge
from mcd.kube.memory import MemoryCluster
from mcd.model import Actor, Role, Scope, Trigger
from mcd.runtime import Runtime
from mcd.settings import Environment
from mcd.store import accounts, intents, reads
from mcd.store.installation import identity
from mcd.store.keyring import read_keyring
from mcd.store.session import Database
from tests import warm
from tests.controllers.world import ADMIN, HELLO, Clock, World, world

PASSWORD = "correct horse battery"
OTHER = "other"
URL = "http://127.0.0.1:7070"

PEOPLE: dict[str, Role | None] = {
    "nina": None,
    "vera": Role.VIEWER,
    "dora": Role.DEVELOPER,
    "rita": Role.RELEASE_MANAGER,
    "olaf": Role.OWNER,
}
"""Members of demo, the weakest first; nina is a member of nothing. root is an admin."""


@dataclass
class Api:
    world: World
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)
    rollouts: dict[str, str] = field(default_factory=dict)
    """App → id of its first Rollout, which another one took over. Of the Apps of the stage."""

    def as_(self, person: str, **headers: str) -> httpx.AsyncClient:
        """A client with this person's token; with `""` nobody's."""
        given = {"Authorization": f"Bearer {self.tokens[person]}", **headers} if person else headers
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=URL, headers=given)

    async def get(self, path: str, person: str = "dora", **more: Any) -> httpx.Response:
        return await self.ask("GET", path, None, person, **more)

    async def post(self, path: str, body: Any = None, person: str = "dora", **more: Any) -> httpx.Response:
        return await self.ask("POST", path, body, person, **more)

    async def ask(self, method: str, path: str, body: Any = None, person: str = "dora", **more: Any) -> httpx.Response:
        if body is not None:
            more["json"] = body
        async with self.as_(person) as client:
            return await client.request(method, path, **more)

    async def actor(self, name: str) -> Actor:
        async with self.world.runtime.db.reading() as tx:
            return (await accounts.proof_of_token(tx, self.tokens[name], self.world.clock())).actor

    async def token(self, name: str, scope: Scope = Scope.ALL, label: str = "narrow") -> str:
        """The text of one more token of a person."""
        actor = await self.actor(name)
        async with self.world.runtime.db.writing() as tx:
            _, text = await intents.create_token(actor, tx, self.world.clock(), label, scope=scope)
        return text.reveal()

    async def deployed(self, app_yaml: str = HELLO, app: str = "hello") -> None:
        """An App that is pushed and Ready."""
        await self.world.push(app_yaml, app)
        await self.world.settle()


async def api_of(made: World, patience: Patience | None = None) -> Api:
    """The API of a world, with the people of the tests in it."""
    api = Api(made, create_app(made.runtime, patience=patience))
    db, now = made.runtime.db, made.clock()
    async with db.writing() as tx:
        await intents.create_product_line(ADMIN, tx, now, OTHER, cluster="local")
        await accounts.create_person(ADMIN, tx, now, "root", password=PASSWORD, admin=True)
        for name, role in PEOPLE.items():
            await accounts.create_person(ADMIN, tx, now, name, password=PASSWORD, default_product_line="demo")
            if role is not None:
                await intents.add_member(ADMIN, tx, now, "demo", name, role)
    async with db.writing() as tx:
        for name in ("root", *PEOPLE):
            person = await reads.person(ADMIN, tx, name)
            _, text = await intents.create_token(Actor(person.id, name), tx, now, "test", days=90)
            api.tokens[name] = text.reveal()
    await made.settle()
    return api


# --- the stage: prepared once, copied for each test -------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    folder: Path
    tokens: dict[str, str]
    rollouts: dict[str, str]
    at: datetime


async def prepare(folder: Path, template: Path) -> Stage:
    """One App of demo for each person, so that what one changes another does not miss; and one of other. Each has a
    Release and two Rollouts that no controller has looked at."""
    async with world(folder, template) as made:
        api = await api_of(made)
        rollouts = {}
        now = made.clock()
        async with made.runtime.db.writing() as tx:
            for app, line in (*((f"own-{person}", "demo") for person in ("root", *PEOPLE)), ("alien", OTHER)):
                await intents.create_app(ADMIN, tx, now, app, product_line=line)
                await intents.push(ADMIN, tx, now, app, commit="a" * 40, branch="main", app_yaml=HELLO)
                first = await intents.request_rollout(ADMIN, tx, now, app, release=1)
                await intents.request_rollout(ADMIN, tx, now, app, release=1, trigger=Trigger.RESTART, restart=["web"])
                rollouts[app] = first.rollout.id
    return Stage(folder, api.tokens, rollouts, now)


@asynccontextmanager
async def on_stage(stage: Stage, folder: Path) -> AsyncIterator[Api]:
    for name in ("mcd.db", "keys.json"):
        shutil.copy(stage.folder / name, folder / name)
    settings = Environment(data=folder)
    db = Database(settings.database, read_keyring(settings.keys_file))
    clock = Clock(stage.at)
    kube = MemoryCluster(clock=clock)
    kube.add_namespace("demo")
    runtime = Runtime(
        settings,
        db,
        await identity(db),
        connect=lambda _text, _token: kube,
        clock=clock,
        forges={"mcd": LocalForge(settings.repositories)},
        compiler=warm.compiler(),
    )
    try:
        made = World(runtime, kube, clock, Loop(runtime, "test"))
        yield Api(made, create_app(runtime), dict(stage.tokens), dict(stage.rollouts))
    finally:
        await runtime.close()
