"""Git's wire format for a push: the request that a client sends and the answer that it shows (pkt-line, side-band).

Pure: bytes in, values out, and back. It must not touch the disk, a process or a socket.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from mcd.errors import Code, McdError, echo

ZERO = "0" * 40
FLUSH = b"0000"
KEEPALIVE = b"0005\x01"
"""An empty packet on the band of the report: shows that we are still here and fails when the client is gone."""

HEAD_LIMIT = 4 * 1024 * 1024
"""Bytes that commands and push options may have before the pack begins."""

_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")
_COMMAND = re.compile(r"([0-9a-f]{40}) ([0-9a-f]{40}) (.+)", re.DOTALL)
_BAND_LIMIT = 65515
_PUSHES = "report-status delete-refs side-band-64k ofs-delta push-options atomic object-format=sha1 agent=mcd"


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One line of a push: move `ref` from `old` to `new`. ZERO stands for "it does not exist"."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        return self.new == ZERO

    @property
    def branch(self) -> str:
        """The branch's short name, or empty for a tag."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""

    @property
    def shown(self) -> str:
        return echo(self.ref.removeprefix("refs/heads/").removeprefix("refs/"), 120)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What came before the pack. `pack_at` is the offset at which the pack begins, -1 when there is none."""

    updates: tuple[RefUpdate, ...]
    capabilities: frozenset[str]
    options: tuple[str, ...]
    shallow: bool
    pack_at: int


@dataclass(slots=True)
class _Reader:
    source: BinaryIO
    used: int = 0
    lines: list[bytes] = field(default_factory=list)

    def section(self) -> list[bytes]:
        """The packets up to a flush."""
        lines: list[bytes] = []
        while (line := self._packet()) is not None:
            lines.append(line)
        return lines

    def _packet(self) -> bytes | None:
        length = self._exactly(4)
        if not _LENGTH.fullmatch(length):
            raise _garbled("a length is missing")
        size = int(length, 16)
        if size == 0:
            return None
        if size < 4:
            raise _garbled("a packet of an unknown kind")
        return self._exactly(size - 4)

    def _exactly(self, size: int) -> bytes:
        self.used += size
        if self.used > HEAD_LIMIT:
            raise McdError(
                Code.TOO_LARGE, f"the push names more refs than fit in {HEAD_LIMIT} bytes.", "Push fewer refs at once."
            )
        data = self.source.read(size)
        if len(data) != size:
            raise _garbled("it ends in the middle of a packet")
        return data


def parse_push(source: BinaryIO) -> PushRequest:
    """Reads commands and push options, up to where the pack begins. Raises McdError: invalid (not a push, one line),
    too_large (HEAD_LIMIT)."""
    reader = _Reader(source)
    updates: list[RefUpdate] = []
    capabilities: frozenset[str] = frozenset()
    shallow = False
    for number, line in enumerate(reader.section()):
        text, mark, rest = line.partition(b"\0")
        if mark and not updates:
            capabilities = frozenset(rest.decode("utf-8", "replace").split())
        words = text.decode("utf-8", "surrogateescape").removesuffix("\n")
        if words.startswith("shallow ") and not updates:
            shallow = True
            continue
        match = _COMMAND.fullmatch(words)
        if match is None:
            raise _garbled(f"line {number + 1} is not a command")
        updates.append(RefUpdate(*match.groups()))
    options: list[str] = []
    if updates and "push-options" in capabilities:
        options = [line.decode("utf-8", "replace").removesuffix("\n") for line in reader.section()]
    pack_at = reader.used
    if not source.read(1):
        pack_at = -1
    return PushRequest(tuple(updates), capabilities, tuple(options), shallow, pack_at)


def _garbled(why: str) -> McdError:
    return McdError(Code.INVALID, f"this is not a git push: {why}.", "Use git push.", reason="GitProtocol")


def packet(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data


def refused_fetch(text: str) -> bytes:
    """The whole answer to a fetch that is refused: git shows it as "remote error", in every version of its protocol."""
    return packet(b"ERR " + echo(text, 1000).encode() + b"\n")


def refused_refs(service: str, text: str) -> bytes:
    """The whole answer to who asks for the refs of `service` and is refused; git shows it as `refused_fetch`."""
    return service_header(service) + refused_fetch(text)


def service_header(service: str) -> bytes:
    """What stands before the refs of a smart HTTP answer."""
    return packet(b"# service=%s\n" % service.encode()) + FLUSH


def advertise_push(refs: Sequence[tuple[str, str]]) -> bytes:
    """The refs, as (name, id), and what we can do, for a client that wants to push."""
    named = list(refs) or [("capabilities^{}", ZERO)]
    lines = [f"{sha} {name}".encode() for name, sha in named]
    lines[0] += b"\0" + _PUSHES.encode()
    return service_header("git-receive-pack") + b"".join(packet(line + b"\n") for line in lines) + FLUSH


@dataclass(frozen=True, slots=True)
class Answer:
    """How a push is answered, by what the client understands: progress goes to band 2, the report to band 1."""

    side_band: bool
    report_status: bool

    @classmethod
    def to(cls, request: PushRequest) -> Answer:
        return cls("side-band-64k" in request.capabilities, "report-status" in request.capabilities)

    def line(self, text: str) -> bytes:
        """One `remote:` line. What is not printable is escaped; a client without side-band sees none."""
        if not self.side_band:
            return b""
        return packet(b"\x02" + echo(text, 1000).encode() + b"\n")

    def report(self, unpacked: str, refusals: Sequence[tuple[str, str]]) -> bytes:
        """The report: `unpacked` is `ok` or why not; each (ref, reason) is refused, or done where the reason is
        empty."""
        if not self.report_status:
            return b""
        lines = [packet(f"unpack {echo(unpacked, 300)}\n".encode())]
        for ref, reason in refusals:
            name = ref.encode("utf-8", "surrogateescape").replace(b"\n", b"?")[:4000]
            lines.append(packet(b"ng %s %s\n" % (name, echo(reason, 300).encode()) if reason else b"ok %s\n" % name))
        body = b"".join(lines) + FLUSH
        if not self.side_band:
            return body
        chunks = [body[i : i + _BAND_LIMIT] for i in range(0, len(body), _BAND_LIMIT)]
        return b"".join(packet(b"\x01" + chunk) for chunk in chunks)

    @property
    def keepalive(self) -> bytes:
        return KEEPALIVE if self.side_band else b""

    @property
    def end(self) -> bytes:
        return FLUSH if self.side_band else b""
