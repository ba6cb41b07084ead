"""A real MCD API on a free port with a real SQLite store, people with tokens, and real git clones that push to it.

The controllers are played by the test, through the store's own doors. It must not know what is being tested.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI

from mcd.api import git
from mcd.api.app import create_app
from mcd.api.server import Server, server
from mcd.forge.local import LocalForge
from mcd.forge.receive import refs_of
from mcd.model import Noun, Ready, Result, Role, Scope
from mcd.runtime import Runtime
from mcd.settings import Environment
from mcd.store import accounts, intents, liveness, reads
from mcd.store.keyring import create_keyring, read_keyring
from mcd.store.migrate import migrate
from mcd.store.session import Database
from tests import warm
from tests.store.world import ADMIN, World

APP_YAML = "appname: shop\ncomponents:\n  web: {type: web, image: nginx:1, port: 8080}\n"
TWO = APP_YAML + "  worker: {type: daemon, image: busybox:1, command: sleep 1d}\n"
WRONG = "appname: shop\ncomponents:\n  web: {type: web, image: nginx:1, port: 99999, replica: 2}\n"


@dataclass
class Said:
    """What a program answered. `remote` are git's `remote:` lines without the word."""

    code: int
    text: str

    @property
    def remote(self) -> list[str]:
        lines = [line.removeprefix("remote:").strip() for line in self.text.splitlines() if line.startswith("remote:")]
        return [line for line in lines if line]


def environment(folder: Path) -> dict[str, str]:
    """git as a stranger has it: nothing configured, nobody to ask."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ME.items()},
    }


_ME = {"NAME": "Li Lei", "EMAIL": "li@example.com"}


@dataclass
class Clone:
    """A work tree."""

    folder: Path

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=environment(self.folder), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str | bytes], message: str = "a commit") -> str:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "git", *words, cwd=self.folder, env=environment(self.folder), start_new_session=True,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def tried(self, *words: str, seconds: float = 60) -> Said:
        process = await self.start(*words)
        out, _ = await asyncio.wait_for(process.communicate(), seconds)
        return Said(process.returncode or 0, out.decode())


@dataclass
class Site:
    """The running API."""

    url: str
    folder: Path
    world: World
    runtime: Runtime
    server: Server
    running: asyncio.Task[None]
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)

    @property
    def repositories(self) -> Path:
        return self.folder / "git"

    def remote(self, app: str = "shop", who: str = "alice") -> str:
        return f"{self.url.replace('://', f'://any:{self.tokens[who]}@')}/git/{app}.git"

    def clone(self, name: str = "work") -> Clone:
        folder = self.folder.parent / name
        folder.mkdir()
        made = Clone(folder)
        made.git("init", "-q", "-b", "main")
        return made

    async def person(
        self,
        name: str,
        role: Role | None,
        scope: Scope = Scope.DEPLOY,
        *,
        line: str = "demo",
        default: str | None = None,
    ) -> None:
        """Somebody with a token, which is then in `tokens`."""
        now = datetime.now(UTC)
        async with self.world.db.writing() as tx:
            await accounts.create_person(ADMIN, tx, now, name, default_product_line=default)
            if role is not None:
                await intents.add_member(ADMIN, tx, now, line, name, role)
        await self.token(name, now, scope)

    async def token(self, name: str, now: datetime, scope: Scope = Scope.DEPLOY) -> None:
        """A token that begins now."""
        actor = await self.world.actor(name)
        async with self.world.db.writing() as tx:
            _, text = await intents.create_token(actor, tx, now, f"git {now:%Y-%m-%d}", scope=scope)
        self.tokens[name] = text.reveal()

    async def finished(self, noun: Noun, result: Result) -> None:
        """Plays the controller: one pass over the one row that is due, as soon as there is one."""
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            self.world.now = datetime.now(UTC)
            taken = await self.world.take(noun)
            if taken:
                break
            assert asyncio.get_running_loop().time() < deadline, f"no {noun} came"
            await self.world.db.woken(1.0)
        assert await self.world.record(taken[0], result)

    def left(self) -> list[str]:
        """What lies in the folder of repositories that is no repository."""
        return sorted(
            str(p.relative_to(self.repositories))
            for room in (".incoming", ".locks")
            for p in (self.repositories / room).glob("*")
        )

    def kept(self) -> list[str]:
        return sorted(p.name for p in self.repositories.glob("*.git"))


@asynccontextmanager
async def site(folder: Path, *, push_limit: int = 8) -> AsyncIterator[Site]:
    """Opens the API in this process on a fresh store: product lines demo and other, and alice, a developer of demo."""
    data = folder / "data"
    data.mkdir()
    migrate(f"sqlite:///{data}/mcd.db")
    create_keyring(data / "keys.json")
    async with serving(data, push_limit=push_limit) as opened:
        await opened.world.places("demo", "other")
        await opened.person("alice", Role.DEVELOPER, default="demo")
        async with opened.world.db.writing() as tx:
            # The test is the controller, and alive for as long as it takes.
            await liveness.beat(tx, "test", datetime.now(UTC) + timedelta(hours=1))
        yield opened


@asynccontextmanager
async def serving(data: Path, *, push_limit: int = 8) -> AsyncIterator[Site]:
    """Opens the API in this process on a store that is there."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    settings = Environment(data=data, listen=address, push_limit=push_limit, gateway_port=8081)
    db = Database(f"sqlite:///{data}/mcd.db", read_keyring(data / "keys.json"))
    runtime = Runtime(
        settings, db, owner="mcd-test", forges={"mcd": LocalForge(settings.repositories)}, compiler=warm.compiler()
    )
    application = create_app(runtime, more=(git.router,))
    made = server(application)
    running = asyncio.create_task(made.serve(sockets=[listener]))
    try:
        yield Site(f"http://{address}", data, World(db, datetime.now(UTC)), runtime, made, running, application)
    finally:
        made.should_exit = True
        made.force_exit = True
        await asyncio.wait_for(running, 20)
        await made.lifespan.shutdown()
        await _ended({*made.server_state.tasks, *git.pushing(application).tasks})
        await runtime.close()


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    """Answers whose clients went away end by themselves, a little later. One that still asks when the database is
    closed would open it again, and nobody would close it."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=20)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


# --- what tests of pushes have in common ----------------------------------------------------------------------

READY = Result(Ready("it runs"))


async def carried_out(here: Site, rollout: Result = READY) -> None:
    """What controllers do with a push: the Release becomes ready, then its Rollout has a verdict."""
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, rollout)


async def pushed(here: Site, clone: Clone, *words: str, who: str = "alice") -> list[str]:
    """A push that is deployed; answers what git showed."""
    pushing = asyncio.create_task(clone.tried("push", here.remote(who=who), *(words or ("main",))))
    await carried_out(here)
    said = await pushing
    assert said.code == 0, said.text
    return said.remote


async def refused(here: Site, clone: Clone, *words: str, who: str = "alice", app: str = "shop") -> list[str]:
    """A push that stores nothing; answers what git showed."""
    before = here.kept(), refs_of(here.repositories / f"{app}.git")
    said = await clone.tried("push", here.remote(app, who), *(words or ("main",)))
    assert said.code != 0, said.text
    assert (here.kept(), refs_of(here.repositories / f"{app}.git")) == before
    assert here.left() == []
    assert "Traceback" not in said.text
    assert str(here.folder) not in said.text
    return said.text.splitlines()


async def releases(here: Site) -> list[str]:
    async with here.world.db.reading() as tx:
        return [r.commit for r in (await reads.releases(ADMIN, tx, "shop")).items]


async def until_stored(here: Site, clone: Clone, *words: str, who: str = "alice") -> str:
    """A push that nobody watches after it was stored; answers what git showed until then."""
    process = await clone.start("push", here.remote(who=who), *words)
    assert process.stdout is not None
    try:
        return (await asyncio.wait_for(process.stdout.readuntil(b"Release "), 60)).decode()
    except asyncio.IncompleteReadError as ended:
        raise AssertionError(ended.partial.decode()) from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 10)
