"""Hostile pushes through the real application: each is refused with one line, none is a 5xx, nothing of it stays."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import logging
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from dulwich.objects import ObjectID
from dulwich.repo import Repo

from mcd.forge.wire import FLUSH, ZERO, RefUpdate, packet
from mcd.model import Noun, Ready, Result
from tests.api.git.world import APP_YAML, Site, site
from tests.forge.packs import delta_bomb, everything, new, pack, raw_pack, request
from tests.forge.written import Link, Module, bare, commit, tree
from tests.store.world import World

PUSH = {"Content-Type": "application/x-git-receive-pack-request"}
FILES = {"app.yaml": APP_YAML.encode()}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, push_limit=2) as opened:
        yield opened


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Repo]:
    with bare(tmp_path / "hostile") as repo:
        yield repo


def bands(body: bytes) -> tuple[list[str], list[str]]:
    """The `remote:` lines and the lines of the report."""
    source, told, report = io.BytesIO(body), b"", b""
    while size := int(source.read(4) or b"0000", 16):
        data = source.read(size - 4)
        if data[:1] == b"\x02":
            told += data[1:]
        elif data[:1] == b"\x01":
            report += data[1:]
    inner, lines = io.BytesIO(report), []
    while size := int(inner.read(4) or b"0000", 16):
        lines.append(inner.read(size - 4).decode("utf-8", "replace").rstrip("\n"))
    return told.decode().splitlines(), lines


async def post(here: Site, body: bytes, app: str = "shop", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(auth=("x", here.tokens["alice"]), base_url=here.url, timeout=60) as client:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.post(f"/git/{app}.git/git-receive-pack", content=body, headers={**PUSH, **more})


def nothing_stays(here: Site) -> None:
    assert here.kept() == []
    assert here.left() == []
    outside = {p.name for p in here.folder.iterdir()}
    assert outside <= {"git", "keys.json", "mcd.db", "mcd.db-wal", "mcd.db-shm", "mcd.db-turn"}


async def refused(here: Site, body: bytes, *words: str) -> list[str]:
    """A push that is answered in git's protocol; the lines that a person sees."""
    answer = await post(here, body)
    assert answer.status_code == 200, answer.text[:300]
    told, report = bands(answer.content)
    assert len(told) == 1, told
    assert report[1:], "git is told of every ref"
    assert all(line.startswith("ng ") for line in report[1:])
    for word in words:
        assert word in told[0], told
    assert str(here.folder) not in answer.text
    nothing_stays(here)
    return report


async def no_push(here: Site, body: bytes, status: int, word: str, **headers: str) -> None:
    """A request that is refused before git's protocol begins: one line of plain text."""
    answer = await post(here, body, **headers)
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"].startswith("text/plain")
    assert word in answer.text
    assert answer.text.count("\n") == 1
    nothing_stays(here)


async def test_truncated_and_damaged_packs(here: Site, clone: Repo) -> None:
    tip = commit(clone, {**FILES, "big": bytes(range(256)) * 50})
    whole = pack(clone, [tip])
    report = await refused(here, request([new(tip)], whole[: len(whole) // 2]), "the pack is cut off")
    assert report[0].startswith("unpack the pack is cut off")
    await refused(here, request([new(tip)], whole[:-3] + b"xxx"), "damaged")
    await refused(here, request([new(tip)], b"not a pack at all"), "")


GARBAGE = [
    b"garbage",
    b"",
    b"ffff",
    b"0009done\n0000",
    bytes(1000),
]


async def test_garbage(here: Site) -> None:
    for body in GARBAGE:
        await no_push(here, body, 422, "not a git push")


async def test_bombs(here: Site, clone: Repo) -> None:
    await refused(here, request([new("1" * 40)], delta_bomb(1000)), "larger than a push may be")
    tip = commit(clone, {**FILES, "zeros": bytes(32 * 1024 * 1024)})
    await refused(here, request([new(tip)], pack(clone, [tip])), "larger than a push may be")
    bomb = zlib.compressobj(9, wbits=31)
    body = b"".join(bomb.compress(bytes(1024 * 1024)) for _ in range(100)) + bomb.flush()
    await no_push(here, body, 413, "2 MiB", Content_Encoding="gzip")


async def test_zero_ids(here: Site) -> None:
    await refused(here, request([RefUpdate(ZERO, ZERO, "refs/heads/main")]), "")
    await refused(here, request([new("1" * 40)], raw_pack([])), "objects are missing")


HOSTILE_REF_NAMES = [
    "refs/heads/--upload-pack=x",
    "refs/heads/a\x1b[2Jb",
    "refs/heads/a\x07",
    "refs/heads/../../../config",
    "refs/heads/$(touch x)",
    "refs/heads/a b",
    "HEAD",
    "refs/mcd/x",
    "refs/heads/x.lock",
    "refs/heads/\udcff\udcfe",
    "refs/heads/" + "x" * 5000,
    "refs/replace/" + "1" * 40,
    "../outside",
]


async def test_hostile_ref_names(here: Site, clone: Repo) -> None:
    for ref in HOSTILE_REF_NAMES:
        tip = commit(clone, FILES)
        answer = await post(here, request([new(tip), new(tip, ref)], pack(clone, [tip])))
        assert answer.status_code == 200
        told, report = bands(answer.content)
        assert len(told) == 1
        assert told[0].isprintable()
        assert len(told[0]) < 400
        assert [line.startswith("ng ") for line in report[1:]] == [True, True], "all refs or none"
        nothing_stays(here)


async def test_ten_thousand_refs(here: Site, clone: Repo) -> None:
    tip = commit(clone, FILES)
    updates = [new(tip), *(new(tip, f"refs/tags/t{n}") for n in range(9_999))]
    answer = await post(here, request(updates, pack(clone, [tip])))
    told, report = bands(answer.content)
    assert len(report) == 10_001
    assert all("10000 refs in one push, at most 256" in line for line in [*told, *report[1:]])
    assert len(told) <= 10
    nothing_stays(here)


async def test_more_refs_than_are_read(here: Site) -> None:
    await no_push(here, request([new("1" * 40, f"refs/tags/{'x' * 400}{n}") for n in range(10_000)]), 413, "")


async def test_app_yaml_that_is_not_a_file(here: Site, clone: Repo) -> None:
    cases = [
        ({"app.yaml": Link(b"/etc/passwd")}, "app.yaml is a symlink"),
        ({"app.yaml": Module()}, "app.yaml is a submodule"),
        ({"app.yaml/x": b"x"}, "app.yaml is a folder"),
        ({"README": b"x"}, "there is no app.yaml"),
        ({"app.yaml": b"#" * 300_000}, "more than 262144"),
    ]
    for files, words in cases:
        tip = commit(clone, files)
        await refused(here, request([new(tip)], pack(clone, [tip])), words)


APP_YAML_THAT_IS_NO_APP_YAML = [
    b"\xff\xfe\x00",
    b"a: &a [*a]",
    b"- x",
    b"",
    b"\0",
    b"{" * 5000,
    b"a: !!python/object:os.system x",
]


async def test_app_yaml_that_is_no_app_yaml(here: Site, clone: Repo) -> None:
    for text in APP_YAML_THAT_IS_NO_APP_YAML:
        tip = commit(clone, {"app.yaml": text})
        answer = await post(here, request([new(tip)], pack(clone, [tip])))
        told, report = bands(answer.content)
        assert answer.status_code == 200
        assert told
        assert all(line.startswith("app.yaml:") and line.isprintable() for line in told), told
        assert report[1].startswith("ng refs/heads/main app.yaml has ")
        nothing_stays(here)


TREES_THAT_LEAD_OUTSIDE = [
    b"..",
    b".",
    b".git",
    b"a/b",
]


async def test_trees_that_lead_outside(here: Site, clone: Repo) -> None:
    for name in TREES_THAT_LEAD_OUTSIDE:
        inner = tree(clone, {b"x": b"x"})
        tip = commit(clone, tree(clone, {name: (0o040000, inner), b"app.yaml": FILES["app.yaml"]}))
        await refused(here, request([new(tip)], pack(clone, [tip])), "folder entry")


async def test_names_with_control_characters_are_only_ever_shown_escaped(here: Site, clone: Repo) -> None:
    files: dict[bytes, bytes | tuple[int, ObjectID]] = {b"a\nb\x1b[31m": b"x", b"app.yaml": FILES["app.yaml"]}
    tip = commit(clone, tree(clone, files), message=b"\x1b]0;owned\x07\n")
    pushing = asyncio.create_task(post(here, request([new(tip)], everything(clone))))
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, Result(Ready("ok")))
    told, report = bands((await pushing).content)
    assert report == ["unpack ok", "ok refs/heads/main"]
    assert all(line.isprintable() for line in told)


async def test_a_body_over_the_limit(here: Site, clone: Repo) -> None:
    tip = commit(clone, {**FILES, "big": os.urandom(3 * 1024 * 1024)})
    report = await refused(here, request([new(tip)], pack(clone, [tip])), "larger than 2 MiB")
    assert report[0] == "unpack the push is larger than 2 MiB"


async def test_a_git_client_is_told_in_words_that_its_push_is_too_large(here: Site) -> None:
    work = here.clone()
    work.commit({"app.yaml": APP_YAML, "big": os.urandom(3 * 1024 * 1024)})
    said = await work.tried("push", here.remote(), "main")
    assert said.code == 1
    assert said.remote[0].startswith("the push is larger than 2 MiB")
    nothing_stays(here)


async def raw(here: Site, head: str, body: bytes, *, close: bool = False) -> bytes:
    """Exactly these bytes on a socket; answers the status line, or nothing."""
    token = base64.b64encode(f"x:{here.tokens['alice']}".encode()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
    try:
        writer.write(
            f"POST /git/shop.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\n"
            f"Content-Type: {PUSH['Content-Type']}\r\n{head}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        if close:
            return b""
        return await asyncio.wait_for(reader.readline(), 20)
    finally:
        writer.close()


async def test_a_length_that_lies(here: Site, clone: Repo) -> None:
    tip = commit(clone, FILES)
    body = request([new(tip)], pack(clone, [tip]))
    # Too short: the rest is no part of the request, and what was sent is not whole.
    line = await raw(here, f"Content-Length: {len(body) - 30}", body)
    assert b" 200 " in line or b" 400 " in line
    # More than anybody would read.
    assert b" 413 " in await raw(here, "Content-Length: 999999999999", b"")
    # More than comes: the client goes away in the middle.
    await raw(here, f"Content-Length: {len(body) + 1000}", body, close=True)
    for length in ("-1", "x", "1e3", "1" * 5000):
        line = await raw(here, f"Content-Length: {length}", b"")
        assert line == b"" or b" 4" in line[:14], line
    await gone(here)
    nothing_stays(here)


async def gone(here: Site) -> None:
    """Until the pushes of clients that went away have noticed it."""
    deadline = asyncio.get_running_loop().time() + 20
    while here.left():
        assert asyncio.get_running_loop().time() < deadline, here.left()
        await asyncio.sleep(0.02)


async def test_forms_that_no_git_sends(here: Site, clone: Repo) -> None:
    tip = commit(clone, FILES)
    body = request([new(tip)], pack(clone, [tip]))
    await no_push(here, body, 415, "not a request of git", Content_Type="application/json")
    await no_push(here, body, 415, "only gzip", Content_Encoding="br")
    await no_push(here, body, 422, "not gzip", Content_Encoding="gzip")
    await no_push(here, gzip.compress(body)[:-9], 422, "gzip", Content_Encoding="gzip")


NAMES_THAT_ARE_NONE = [
    "..",
    "a..b",
    "Shop",
    "kube-x",
    "default",
    "-x",
    "a%0ab",
    "%2e%2e",
    "a%2fb",
    "x" * 300,
]


async def test_names_that_are_none(here: Site, clone: Repo) -> None:
    for app in NAMES_THAT_ARE_NONE:
        tip = commit(clone, FILES)
        answer = await post(here, request([new(tip)], pack(clone, [tip])), app)
        assert 400 <= answer.status_code < 500
        nothing_stays(here)


CREDENTIALS_THAT_ARE_NONE = [
    "",
    "Basic",
    "Basic !!!",
    "Basic " + base64.b64encode(b"nocolon").decode(),
    "Bearer x",
    "Basic " + "A" * 9000,
    "Basic " + base64.b64encode(b"x:\xff\xfe").decode(),
    "Basic " + base64.b64encode(b"x:mcd_pat_x").decode(),
]


async def test_credentials_that_are_none(here: Site) -> None:
    for header in CREDENTIALS_THAT_ARE_NONE:
        async with httpx.AsyncClient(base_url=here.url) as client:
            for method, path in (("GET", "info/refs?service=git-receive-pack"), ("POST", "git-receive-pack")):
                answer = await client.request(
                    method, f"/git/shop.git/{path}", headers={"Authorization": header, **PUSH}
                )
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Basic ")
                assert answer.text.count("\n") == 1
        nothing_stays(here)


async def test_services_that_are_none(here: Site) -> None:
    async with httpx.AsyncClient(auth=("x", here.tokens["alice"]), base_url=here.url) as client:
        for query in ("", "?service=git-upload-archive", "?service=--help", "?service=" + "x" * 500):
            answer = await client.get(f"/git/shop.git/info/refs{query}")
            assert 400 <= answer.status_code < 500
    nothing_stays(here)


async def test_hostile_fetches(here: Site, clone: Repo) -> None:
    tip = commit(clone, FILES)
    pushing = asyncio.create_task(post(here, request([new(tip)], pack(clone, [tip]))))
    await here.finished(Noun.RELEASE, World.built())
    await here.finished(Noun.ROLLOUT, Result(Ready("ok")))
    assert (await pushing).status_code == 200
    form = {"Content-Type": "application/x-git-upload-pack-request"}
    async with httpx.AsyncClient(auth=("x", here.tokens["alice"]), base_url=here.url, timeout=30) as client:
        bodies = [
            b"garbage", b"", b"0032want " + b"1" * 40 + b"\n00000009done\n", packet(b"command=ls-refs\n") + FLUSH,
            packet(b"want ../../etc/passwd\n") + FLUSH, b"ffff",
        ]  # fmt: skip
        for body in bodies:
            for version in ("", "version=2", "version=2:--help", "version=9"):
                headers = {**form, "Git-Protocol": version}
                answer = await client.post("/git/shop.git/git-upload-pack", content=body, headers=headers)
                assert answer.status_code < 500, (body, answer.text)
                assert str(here.folder) not in answer.text
        answer = await client.post(
            "/git/shop.git/git-upload-pack", headers={**form, "Content-Encoding": "gzip"},
            content=gzip.compress(bytes(64 * 1024 * 1024)),
        )  # fmt: skip
        assert answer.status_code == 413
    assert here.left() == []


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(here: Site, clone: Repo) -> None:
    tip = commit(clone, {**FILES, "big": bytes(range(256)) * 3000})
    body = request([new(tip)], pack(clone, [tip]))
    for keep in (0, 3, 100, len(body) - 1):
        await raw(here, f"Content-Length: {len(body)}", body[:keep], close=True)
    await gone(here)
    nothing_stays(here)


async def test_nothing_of_this_is_logged_as_a_bug(here: Site, clone: Repo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tip = commit(clone, FILES)
    whole = request([new(tip)], pack(clone, [tip]))
    for body in (b"x", whole[:-5], request([new("1" * 40)], delta_bomb(100))):
        await post(here, body)
    await raw(here, f"Content-Length: {len(whole)}", whole[:50], close=True)
    await gone(here)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR], caplog.text
    assert here.tokens["alice"] not in caplog.text
