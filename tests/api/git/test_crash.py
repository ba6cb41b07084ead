"""The API is killed in the middle of a push, at every step; the next push ends as if nothing had happened.

Each server is a process of its own that kills itself with SIGKILL at one step. Between two of its steps the store may
know a Release whose ref has not moved: it is deployed all the same, because its objects are there, and the same push
moves the ref.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from mcd.forge.local import LocalForge
from mcd.forge.receive import belongs, refs_of
from mcd.model import Noun, Ready, Result
from mcd.store import reads
from tests.api.git.world import APP_YAML, Clone, Site, serving, site
from tests.store.world import ADMIN, World

SERVER = """
import asyncio, contextlib, os, signal, socket, sys
from pathlib import Path
import uvicorn
from mcd.api import git
from mcd.api.app import create_app
from mcd.forge.local import LocalForge
from mcd.forge.receive import Quarantine
from mcd.runtime import Runtime
from mcd.settings import Environment
from mcd.store.keyring import read_keyring
from mcd.store.session import Database

data, die_at = Path(sys.argv[1]), sys.argv[2]

def dying(name, step):
    act = getattr(Quarantine, step)
    def die():
        os.kill(os.getpid(), signal.SIGKILL)
    if asyncio.iscoroutinefunction(act):
        async def wrapped(self, *a, **k):
            if name == f"before {step}": die()
            answer = await act(self, *a, **k)
            if name == f"after {step}": die()
            return answer
    else:
        def wrapped(self, *a, **k):
            if name == f"before {step}": die()
            answer = act(self, *a, **k)
            if name == f"after {step}": die()
            return answer
    setattr(Quarantine, step, wrapped)

if die_at != "never":
    dying(die_at, die_at.split()[1])

async def main():
    db = Database(f"sqlite:///{data}/mcd.db", read_keyring(data / "keys.json"))
    listener = socket.create_server(("127.0.0.1", 0))
    settings = Environment(data=data, listen=f"127.0.0.1:{listener.getsockname()[1]}")
    runtime = Runtime(settings, db, owner="x", forges={"mcd": LocalForge(settings.repositories)})
    app = create_app(runtime, more=(git.router,))
    print(listener.getsockname()[1], flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off")).serve(sockets=[listener])

asyncio.run(main())
"""

STEPS = ["before migrate", "after migrate", "after hold_refs", "before move_refs", "after move_refs"]
"""The earlier ones change nothing that outlives the process (tests/forge/test_crash.py tries them too)."""

STORED = ("before move_refs", "after move_refs")
"""Steps after the commit of the wish."""


@pytest.mark.parametrize("die_at", STEPS)
async def test_a_killed_push_leaves_nothing_or_what_the_same_push_repairs(tmp_path: Path, die_at: str) -> None:
    async with site(tmp_path) as here:
        token = here.tokens["alice"]
        clone = here.clone()
    data = here.folder
    commits: list[str] = []
    # The first push makes the App, the second finds it.
    for text in ("1", "2"):
        before = list(commits)
        commits.insert(0, clone.commit({"app.yaml": APP_YAML, "text": text}))
        await killed(clone, data, token, die_at)
        async with serving(data) as here:
            here.tokens["alice"] = token
            assert await stored(here) == (commits if die_at in STORED else before)
            if die_at in STORED:
                # A controller may build it, whatever became of the ref.
                forge = LocalForge(here.repositories)
                assert await forge.read("mcd:shop", commits[0], "text", limit=9) == text.encode()
            await repeated(here, clone, moved=die_at == "after move_refs")
            assert await stored(here) == commits, "the repeated push makes no second Release"
            assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": commits[0]}
            if die_at != "after move_refs":
                assert here.left() == [], "the push swept what the dead one left"
    subprocess.run(["git", f"--git-dir={data}/git/shop.git", "fsck", "--strict"], check=True, capture_output=True)


async def killed(clone: Clone, data: Path, token: str, die_at: str) -> None:
    """A push to a server that dies of it."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", SERVER, str(data), die_at, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    port = int(await asyncio.wait_for(server.stdout.readline(), 60))
    said = await clone.tried("push", f"http://x:{token}@127.0.0.1:{port}/git/shop.git", "main")
    assert said.code != 0
    assert await asyncio.wait_for(server.wait(), 30) == -9


async def repeated(here: Site, clone: Clone, *, moved: bool) -> None:
    """The same push again, deployed to its end; where the ref had moved there is nothing to push."""
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, Result(Ready("ok")))
    said = await pushing
    assert said.code == 0, said.text
    assert ("up-to-date" in said.text) is moved


async def stored(here: Site) -> list[str]:
    async with here.world.db.reading() as tx:
        if not (await reads.apps(ADMIN, tx)).items:
            return []
        assert belongs(here.repositories / "shop.git", (await reads.app(ADMIN, tx, "shop")).id)
        return [release.commit for release in (await reads.releases(ADMIN, tx, "shop")).items]
