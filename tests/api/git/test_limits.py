"""A person has so many streams and requests; one more push or fetch is refused in git's own protocol, with when to try
again."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from mcd.api.git import AT_ONCE
from mcd.api.pushes import placed
from mcd.api.throttle import STREAMS_PER_PERSON, Rates, Throttle
from mcd.errors import McdError
from mcd.forge.locks import locked
from mcd.forge.receive import refs_of
from mcd.model import Noun, Ready, Result, Role
from tests.api.git.test_hostile import gone, post
from tests.api.git.world import APP_YAML, Clone, Site
from tests.store.world import World

TOLD = f"you have {STREAMS_PER_PERSON} streams open (logs, events, shells, git). Close one, or try again in 10 s."
TOO_OFTEN = r"more than 1 requests a minute\. Try again in \d+ s\."


@asynccontextmanager
async def stalled(here: Site, service: str = "git-receive-pack") -> AsyncIterator[asyncio.StreamReader]:
    """A request of alice's that stops in the middle of its body."""
    token = base64.b64encode(f"x:{here.tokens['alice']}".encode()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
    try:
        writer.write(
            f"POST /git/shop.git/{service} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\n"
            f"Content-Length: 999\r\nContent-Type: application/x-{service}-request\r\n\r\n0032".encode()
        )
        await writer.drain()
        yield reader
    finally:
        writer.close()


@asynccontextmanager
async def no_place_left(here: Site) -> AsyncIterator[None]:
    """As many pushes as one may have, none of which ends."""
    async with AsyncExitStack() as open_ones:
        for _ in range(STREAMS_PER_PERSON):
            await open_ones.enter_async_context(stalled(here))
        await until(here, STREAMS_PER_PERSON)
        yield
    await gone(here)


async def until(here: Site, count: int) -> None:
    """Until so many pushes have come in."""
    deadline = asyncio.get_running_loop().time() + 30
    while len(list((here.repositories / ".incoming").glob("*/q.git"))) != count:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


async def deployed(here: Site) -> tuple[Clone, str]:
    clone = here.clone()
    tip = clone.commit({"app.yaml": APP_YAML})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, Result(Ready("ok")))
    assert (await pushing).code == 0
    return clone, tip


async def test_one_push_too_many_is_refused_by_git_and_taken_when_there_is_a_place(here: Site) -> None:
    clone, tip = await deployed(here)
    # Small enough for one request, and too large: then git asks first.
    for size in (10, 3 * 1024 * 1024):
        clone.commit({"README": "x" * 10, "large": bytes(i * i % 251 for i in range(size))})
        async with no_place_left(here):
            said = await clone.tried("push", here.remote(), "main:dev")
            assert said.code == 1, said.text
            assert said.remote == [TOLD]
            assert f"! [remote rejected] main -> dev (you have {STREAMS_PER_PERSON} streams open" in said.text
            assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": tip}
        said = await clone.tried("push", here.remote(), "main:dev")
        assert said.code == 0, said.text
        assert (await clone.tried("push", here.remote(), ":dev")).code == 0


@pytest.mark.parametrize("version", ["0", "1", "2"])
async def test_one_fetch_too_many_is_refused_in_words(here: Site, version: str) -> None:
    clone, tip = await deployed(here)
    protocol = ("-c", f"protocol.version={version}")
    async with no_place_left(here):
        said = await clone.tried(*protocol, "clone", here.remote(), str(here.folder / "copy"))
        assert said.code == 128
        assert f"fatal: remote error: {TOLD}" in said.text, said.text
        assert "HTTP" not in said.text
    said = await clone.tried(*protocol, "clone", here.remote(), str(here.folder / "copy"))
    assert said.code == 0, said.text
    assert Clone(here.folder / "copy").git("rev-parse", "HEAD") == tip


async def test_the_places_of_one_person_are_not_those_of_another(here: Site) -> None:
    clone, _ = await deployed(here)
    await here.person("bob", Role.DEVELOPER)
    async with no_place_left(here):
        assert (await clone.tried("push", here.remote(who="bob"), "main:dev")).code == 0
        assert (await clone.tried("ls-remote", here.remote(who="bob"))).code == 0


async def test_every_way_to_end_gives_the_place_back(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clone, _ = await deployed(here)
    form = {"Content-Type": "application/x-git-upload-pack-request"}
    async with httpx.AsyncClient(auth=("x", here.tokens["alice"]), base_url=here.url, timeout=60) as client:
        for _ in range(STREAMS_PER_PERSON + 1):
            assert (await post(here, b"garbage")).status_code == 422
            assert (await post(here, b"0000")).status_code == 200
            assert (await client.post("/git/shop.git/git-upload-pack", content=b"x", headers=form)).status_code < 500
            for service in ("git-receive-pack", "git-upload-pack"):
                async with stalled(here, service):
                    pass
    await gone(here)
    assert (await clone.tried("push", here.remote(), "main:dev")).code == 0
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR], caplog.text


async def test_pushes_that_wait_for_each_other_keep_no_place_from_those_to_another_app(here: Site) -> None:
    clone, _ = await deployed(here)
    pushing = asyncio.create_task(clone.tried("push", here.remote("cart"), "main"))
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, Result(Ready("ok")))
    assert (await pushing).code == 0
    async with locked(here.repositories, "shop", 5):
        waiting = [asyncio.create_task(clone.tried("push", here.remote(), f"main:dev{n}")) for n in range(AT_ONCE)]
        await until(here, AT_ONCE)
        assert (await clone.tried("ls-remote", here.remote("cart"))).code == 0
        said = await clone.tried("push", here.remote("cart"), "main:dev", seconds=20)
        assert said.code == 0, said.text
        assert not any(task.done() for task in waiting)
    assert [done.code for done in await asyncio.gather(*waiting)] == [0] * AT_ONCE


async def test_a_push_that_gets_no_place_is_told_why_and_takes_none() -> None:
    room = asyncio.Semaphore(1)
    async with placed(room, 5):
        with pytest.raises(McdError, match="had no place for this one"):
            async with placed(room, 0.01):
                raise AssertionError("there is one place only")
    assert not room.locked()


async def test_who_asks_too_often_is_told_by_git_in_words(here: Site) -> None:
    clone, tip = await deployed(here)
    for size in (10, 3 * 1024 * 1024):
        clone.commit({"README": "x" * 10, "large": bytes(i * i % 251 for i in range(size))})
        # One request is for the refs, the next one for the push.
        here.app.state.throttle = Throttle(Rates(person=1))
        said = await clone.tried("push", here.remote(), "main:dev")
        assert said.code == 1, said.text
        assert re.fullmatch(TOO_OFTEN, said.remote[0]), said.text
        assert "! [remote rejected] main -> dev (more than 1 requests a minute)" in said.text
        assert "HTTP" not in said.text
        assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": tip}
    here.app.state.throttle = Throttle(Rates(person=1))
    copy = str(here.folder / "copy")
    said = await clone.tried("-c", "protocol.version=0", "clone", here.remote(), copy)
    assert said.code == 128
    assert re.search(f"fatal: remote error: {TOO_OFTEN}", said.text), said.text
    # Not even the refs are left.
    for version in ("0", "1", "2"):
        for words in (("push", here.remote(), "main:dev"), ("fetch", here.remote()), ("clone", here.remote(), copy)):
            said = await clone.tried("-c", f"protocol.version={version}", *words)
            assert said.code == 128, said.text
            assert re.search(f"fatal: remote error: {TOO_OFTEN}", said.text), said.text
    here.app.state.throttle = Throttle(Rates())
    assert (await clone.tried("push", here.remote(), "main:dev")).code == 0
