"""Makes the bytes of pushes, honest and hostile: packs, delta bombs, requests, and streams of them.

It must not know what the receiver does with them.
"""

from __future__ import annotations

import hashlib
import struct
import subprocess
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from dulwich.repo import Repo

from mcd.forge.locks import locked
from mcd.forge.receive import Limits, quarantine
from mcd.forge.wire import FLUSH, ZERO, RefUpdate, packet

SMALL = Limits(body=8 * 1024 * 1024, unpack_seconds=30)
CAPABILITIES = "report-status side-band-64k"


def pack(repo: Repo, tips: Iterable[str], without: Iterable[str] = ()) -> bytes:
    """Everything that the tips reach and `without` does not, as git itself packs it."""
    revisions = "".join(f"{tip}\n" for tip in tips) + "".join(f"^{tip}\n" for tip in without)
    return _packed(repo, ["--revs", "--thin"], revisions)


def pack_of(repo: Repo, objects: Iterable[bytes]) -> bytes:
    """Exactly these objects."""
    return _packed(repo, [], "".join(f"{sha.decode()}\n" for sha in objects))


def everything(repo: Repo) -> bytes:
    """All objects of a repository, linked or not."""
    return pack_of(repo, list(repo.object_store))


def _packed(repo: Repo, words: Sequence[str], given: str) -> bytes:
    done = subprocess.run(
        ["git", f"--git-dir={repo.path}", "pack-objects", "--stdout", "-q", *words],
        input=given.encode(), capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


def raw_pack(entries: Sequence[tuple[int, int, bytes, bytes]]) -> bytes:
    """A pack from (type, size that is claimed, bytes after the header, content) entries."""
    body = b"PACK" + struct.pack(">II", 2, len(entries))
    for kind, size, between, content in entries:
        first, rest = size & 15, size >> 4
        head = bytearray([kind << 4 | first | (0x80 if rest else 0)])
        while rest:
            head.append((rest & 127) | (0x80 if rest > 127 else 0))
            rest >>= 7
        body += bytes(head) + between + zlib.compress(content, 9)
    return body + hashlib.sha1(body).digest()


def delta_bomb(copies: int) -> bytes:
    """A few kilobytes that become `copies` times 16 MiB."""
    base = bytes(0xFFFFFF)
    name = hashlib.sha1(b"blob %d\0" % len(base) + base).digest()
    delta = _varint(len(base)) + _varint(len(base) * copies) + (b"\xf0\xff\xff\xff" * copies)
    return raw_pack([(3, len(base), b"", base), (7, len(delta), name, delta)])


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 127) | (0x80 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def request(
    updates: Sequence[RefUpdate], packed: bytes = b"", capabilities: str = CAPABILITIES, options: Sequence[str] = ()
) -> bytes:
    """The body of a push."""
    lines = [f"{u.old} {u.new} {u.ref}".encode("utf-8", "surrogateescape") for u in updates]
    lines[0] += b"\0 " + capabilities.encode()
    head = b"".join(packet(line + b"\n") for line in lines) + FLUSH
    if "push-options" in capabilities:
        head += b"".join(packet(option.encode()) for option in options) + FLUSH
    return head + packed


def new(sha: str, ref: str = "refs/heads/main", old: str = ZERO) -> RefUpdate:
    return RefUpdate(old, sha, ref)


async def stream(body: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def push(root: Path, body: bytes, limits: Limits = SMALL, encoding: str = "identity") -> None:
    """The steps of a push in their order, with nobody who objects."""
    async with quarantine(root, limits) as q:
        asked = await q.take(stream(body), encoding)  # type: ignore[arg-type]
        async with locked(root, "shop", 5):
            await q.unpack(asked, q.open("shop", "id-1"))
            q.migrate("main", "id-1")
            async with AsyncExitStack() as held:
                await q.hold_refs(asked.updates, held)
                await q.move_refs()


def left(root: Path) -> list[str]:
    """Files and folders below the root, without empty rooms."""
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.name not in (".incoming", ".locks"))
