"""The command as a person meets it: a process with arguments, an environment, three streams, an exit code."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
import uvicorn

from mcd.api.throttle import Rates
from mcd.cli.main import run

T = TypeVar("T")
PASSWORD = "correct horse battery"
TWO = "web: {type: web, image: 'registry.test/x:1'}\nworker: {type: daemon, image: 'registry.test/x:1', command: run}"
"""Components of an App with a page and a worker."""
NO_LIMIT = Rates(*[1_000_000] * len(Rates.__dataclass_fields__))


@dataclass(frozen=True)
class Ran:
    """What one call did."""

    code: int
    out: str
    err: str


Mcd = Callable[..., Ran]


@pytest.fixture
def mcd(tmp_path: Path) -> Mcd:
    """Runs `mcd` as a process in an empty folder with an empty configuration of its own."""
    (tmp_path / "work").mkdir()

    def call(*argv: str, stdin: str = "", env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "mcd", *argv],
            input=stdin, capture_output=True, text=True, cwd=cwd or tmp_path / "work", env=environment(tmp_path, env),
            timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


def environment(tmp_path: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """This machine's, without anything of mcd's but its own empty configuration."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MCD_")}
    return clean | {"MCD_CONFIG_HOME": str(tmp_path / "config"), "NO_COLOR": "1", **(more or {})}


def inside(argv: Sequence[str], *, stdin: str, env: Mapping[str, str], cwd: Path) -> Ran:
    """One call without a process of its own, which costs most of the time: the streams are bytes all the same."""
    streams = [
        io.TextIOWrapper(io.BytesIO(given), encoding="utf-8", newline="") for given in (stdin.encode(), b"", b"")
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MCD_")]:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(cwd)
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        code = run(argv)
        for stream in streams[1:]:
            stream.flush()
        out, err = (stream.buffer.getvalue().decode() for stream in streams[1:])
    return Ran(code, out, err)


@pytest.fixture
def here(tmp_path: Path) -> Mcd:
    """The same without a process of its own."""
    (tmp_path / "work").mkdir(exist_ok=True)

    def call(*argv: str, stdin: str = "", env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
        return inside(argv, stdin=stdin, env=environment(tmp_path, env), cwd=cwd or tmp_path / "work")

    return call


@dataclass
class Played:
    """A server that answers with what a test put into it, and keeps what it was asked."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    then: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """What the path answers from the second time on."""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def stub_server() -> Iterator[Played]:
    """Plays a server that is not MCD, or one that misbehaves: what the real one never does cannot be asked of it."""
    played = Played()

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            path = self.path.split("?")[0]
            played.asked.append((f"{self.command} {self.path}", dict(self.headers), self.rfile.read(length)))
            status, headers, body = played.answers.get(path, (404, {"Content-Type": "text/html"}, b"<h1>nothing"))
            played.answers.update({path: played.then.pop(path)} if path in played.then else {})
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    played.url = f"http://127.0.0.1:{server.server_port}"
    yield played
    server.shutdown()
    server.server_close()
    thread.join(5)


# --- the real application -------------------------------------------------------------------------------------------


class Platform:
    """The real API on a free port over a whole control plane, in an event loop of its own thread.

    `mcd` is run against it as a process; a test looks into its world with `inside`. Controllers work on their own;
    `world.pods_run` says whether pods become ready.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder, self.template, self.hurried = folder, template, False
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()
        self.ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.thread = threading.Thread(target=self._run, name="platform", daemon=True)

    def start(self) -> None:
        self.thread.start()
        self.ready.result(60)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(30)
        assert not self.thread.is_alive(), "the platform did not end"

    def inside(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs a coroutine function where the application runs."""
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(60)

    def deployed(self, app: str, components: str = "web: {type: web, image: 'registry.test/x:1'}") -> None:
        """One more push of an App, by the git remote's own door; waits until its Rollout is Ready."""
        text = f"appname: {app}\ncomponents:\n  " + components.replace("\n", "\n  ") + "\n"
        release = self.inside(lambda: self.world.push(text, app))
        with self.hurry():
            self.until(lambda: self.is_ready(app, release.number))

    def until(self, true: Callable[[], bool]) -> None:
        """Waits for something that the controllers do. Its deadline is a hang, not a slow machine."""
        deadline = time.monotonic() + 60
        while not true():
            assert not self.working.done(), self.working.exception()
            assert time.monotonic() < deadline, self.inside(self.world.said)
            self.inside(lambda: asyncio.sleep(0.02))

    def is_ready(self, app: str, release: int = 0) -> bool:
        async def look() -> bool:
            rollout = await self.world.live(app)
            conditions = rollout.state.conditions if rollout and release in (0, rollout.release) else ()
            return any(c.status for c in conditions if c.type == "Ready")

        return self.inside(look)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._serve())
        except BaseException as error:
            if not self.ready.done():
                self.ready.set_exception(error)
            raise
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        from mcd.api.app import create_app
        from tests.controllers.world import world

        async with world(self.folder, self.template) as self.world:
            self.tokens = await self._people()
            listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            config = uvicorn.Config(
                create_app(self.world.runtime, rates=NO_LIMIT), log_config=None, access_log=False, lifespan="off"
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            self.working = asyncio.create_task(self._work())
            self.ready.set_result(None)
            await self.stop.wait()
            server.should_exit = True
            await serving
            # Its last turn ends: a pass that is broken off outlives the loop it runs in.
            await asyncio.gather(self.working, return_exceptions=True)

    async def _people(self) -> dict[str, str]:
        """root is an admin, dora a developer, olaf an owner and vera a viewer of demo; nina is nothing anywhere."""
        from mcd.model import Actor, Role
        from mcd.store import accounts, intents, reads
        from tests.controllers.world import ADMIN, LINE

        roles = {"root": None, "dora": Role.DEVELOPER, "olaf": Role.OWNER, "vera": Role.VIEWER, "nina": None}
        db, now, tokens = self.world.runtime.db, self.world.clock(), {}
        for name, role in roles.items():
            async with db.writing() as tx:
                line = LINE if role else None
                await accounts.create_person(
                    ADMIN, tx, now, name, password=PASSWORD, admin=name == "root", default_product_line=line
                )
                if role:
                    await intents.add_member(ADMIN, tx, now, LINE, name, role)
                person = await reads.person(ADMIN, tx, name)
                _, text = await intents.create_token(Actor(person.id, name), tx, now, "test", days=90)
                tokens[name] = text.reveal()
        return tokens

    async def _work(self) -> None:
        while not self.stop.is_set():
            await self.world.turn()
            self.world.clock.forward(5.0 if self.hurried else 0.05)
            await asyncio.sleep(0.05)

    @contextlib.contextmanager
    def hurry(self) -> Iterator[None]:
        """Time runs a hundred times as fast, so that what is looked at every few seconds is looked at now."""
        self.hurried = True
        try:
            yield
        finally:
            self.hurried = False


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """In a thread, and not beside the tests of other rooms: they count what is looked up and what takes memory."""
    from tests.controllers.world import migrated

    folder = tmp_path_factory.mktemp("platform")
    made = Platform(folder, migrated(folder / "template.db"))
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # its log is not the command's output
    made.start()
    yield made
    made.end()
    structlog.reset_defaults()


@pytest.fixture
def dora(here: Mcd, platform: Platform) -> Mcd:
    """`mcd` of a developer of product line demo, signed in."""
    return signed_in(here, platform, "dora")


@pytest.fixture
def root(here: Mcd, platform: Platform) -> Mcd:
    """`mcd` of an admin."""
    return signed_in(here, platform, "root")


def signed_in(mcd: Mcd, platform: Platform, person: str) -> Mcd:
    """The command with a person's token in the environment."""
    who = {"MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens[person]}

    def call(*argv: str, env: dict[str, str] | None = None, **more: Any) -> Ran:
        return mcd(*argv, env={**who, **(env or {})}, **more)

    return call


def data(told: Ran) -> dict[str, object]:
    """What a command printed with `-o json`."""
    assert told.code == 0, told.err
    found: dict[str, object] = json.loads(told.out)
    assert found["schema"] == "mcd/v1"
    return found
