"""`mcd diff` in a real clone, before and after a real push: it names what the push then writes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcd.store import intents, reads
from tests.cli.conftest import Mcd, Platform, Ran
from tests.controllers.foundry import Foundry
from tests.controllers.world import ADMIN, LINE

APP = """
appname: builder
components:
  web: {type: web, command: python web.py}
  worker: {type: daemon, command: python worker.py, env: {SECONDS: "5"}}
"""


class Clone:
    """A person's clone of the App's repository, which MCD holds."""

    def __init__(self, platform: Platform, home: Path) -> None:
        self.platform, self.home, self.folder = platform, home, home / "work"
        self.folder.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.write("Dockerfile", "FROM scratch\nCOPY . .\n")
        self.write("web.py", "print(1)\n")
        self.write("app.yaml", APP)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "first")

    def git(self, *words: str) -> str:
        who = {f"GIT_{role}_{what}": "li@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(["git", *words], cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def committed(self) -> None:
        self.git("commit", "-q", "-a", "-m", "a change")

    def pushed(self) -> set[str]:
        """Pushes HEAD, as the git remote carries it out; answers what was written once it is ready."""
        world = self.platform.world
        bare, head = world.runtime.settings.repositories / "builder.git", self.git("rev-parse", "HEAD")
        text = (self.folder / "app.yaml").read_text()
        if not bare.exists():
            self.git("init", "-q", "--bare", str(bare))
        self.git("push", "-q", str(bare), "main")

        async def wished() -> int:
            async with world.runtime.db.writing() as tx:
                if "builder" not in {listed.app.name for listed in (await reads.apps(ADMIN, tx)).items}:
                    await intents.create_app(ADMIN, tx, world.clock(), "builder", product_line=LINE)
                made = await intents.push(
                    ADMIN, tx, world.clock(), "builder", commit=head, branch="main", app_yaml=text
                )
            return made.number

        async def runs() -> bool:
            live = await world.live("builder")
            return live is not None and live.release == number

        before = world.written
        number = self.platform.inside(wished)
        with self.platform.hurry():
            self.platform.until(lambda: self.platform.inside(runs) and self.platform.is_ready("builder"))
        return {write for write in world.writes_since(before) if "builder" in write}


@pytest.fixture
def clone(platform: Platform, tmp_path: Path) -> Iterator[Clone]:
    foundry, runtime = Foundry(), platform.world.runtime
    before = runtime.builder, runtime.pin
    runtime.builder, runtime.pin = foundry, foundry.pin
    yield Clone(platform, tmp_path)
    runtime.builder, runtime.pin = before


def named(told: Ran) -> set[str]:
    assert told.code == 0, told.err
    lines = [line.split() for line in told.out.splitlines() if not line.startswith(" ")]
    return {f"{'delete' if verb == 'deleted' else 'apply'} {name.rstrip(':')}" for verb, name, *_ in lines}


def test_diff_names_what_the_push_writes_when_an_image_is_built(dora: Mcd, clone: Clone) -> None:
    first = dora("diff")
    assert "builder: nothing is built now. The image is built by the push" in first.err
    assert "the tag shown stands for the digest that it will have. For: web, worker.\n" in first.err
    assert named(first) == clone.pushed()

    clone.write("app.yaml", APP.replace('"5"', '"6"'))
    edited = dora("diff")
    assert named(edited) == {"apply Deployment/builder-worker"}
    assert "built" not in edited.err
    assert "image" not in edited.out
    clone.committed()
    assert named(dora("diff")) == named(edited)
    assert clone.pushed() == named(edited)

    clone.write("web.py", "print(2)\n")
    other = dora("diff")
    assert named(other) == {"apply Deployment/builder-web", "apply Deployment/builder-worker"}
    assert "The image is built by the push" in other.err
    clone.committed()
    assert clone.pushed() == named(other)
    nothing = dora("diff")
    assert (nothing.out, "nothing would be written" in nothing.err) == ("", True)
