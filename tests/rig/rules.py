"""What goes wrong between MCD and an API server: which request is meant, and what happens to it.

A rule matches by what the request asks (verb, resource, namespace, name) and by its number among those. It must not
open a connection: `proxy.py` carries out what a rule says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_QUESTIONS = frozenset({"selfsubjectaccessreviews", "subjectaccessreviews", "selfsubjectrulesreviews"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as Kubernetes reads it. `resource` is plural, with its subresource after a slash; empty for what is
    no resource (discovery, /version)."""

    verb: str
    resource: str
    namespace: str
    name: str
    path: str
    query: str = ""
    dry_run: bool = False

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES and not self.dry_run and self.resource not in _QUESTIONS and bool(self.resource)

    def __str__(self) -> str:
        return f"{self.verb} {self.resource or self.path}{'/' + self.name if self.name else ''}"


def asked(method: str, path: str, query: str) -> Asked:
    """What a request asks for, from its first line."""
    options = parse_qs(query)
    parts = [part for part in path.split("/") if part]
    skipped = {"api": 2, "apis": 3}.get(parts[0] if parts else "", len(parts))
    rest, namespace = parts[skipped:], ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name = rest[0] if rest else "", rest[1] if len(rest) > 1 else ""
    if len(rest) > 2:
        resource = f"{resource}/{rest[2]}"
    if resource == "namespaces" and name:
        namespace = name
    reading = "watch" if options.get("watch", [""])[0] in ("1", "true") else "get" if name else "list"
    verb = {
        "GET": reading, "HEAD": reading, "POST": "create", "PUT": "update", "PATCH": "patch",
        "DELETE": "delete" if name else "deletecollection",
    }.get(method, method.lower())  # fmt: skip
    return Asked(verb, resource, namespace, name, path, query, "dryRun" in options)


class Side(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    LOST = "lost"
    """The write is done and nobody hears of it: the answer is dropped, the process lives."""


@dataclass(frozen=True, slots=True)
class Status:
    """Answers by itself; nothing is forwarded."""

    code: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delay:
    """Forwards after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Answers nothing, ever: a peer that is there and silent. A stream that is open already falls silent."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Breaks the connection; nothing is forwarded."""


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """Forwards, then breaks the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Twice:
    """Forwards the request twice and gives the second answer, as a middlebox does that repeats what it thinks lost."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Forwards another query than the one that came: a server that pages sooner, for one."""

    instead: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Forwards to another API server: a load balancer has others behind it."""

    server: str


@dataclass(frozen=True, slots=True)
class Mangle:
    """Forwards, and alters the answer's bytes. One that became shorter breaks off in the middle."""

    alter: Callable[[bytes], bytes]
    length_lies: bool = False
    """Promises the old length: the answer is truncated on the wire."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Somebody acts right before the request is forwarded (or right after it was answered upstream)."""

    act: Callable[[Asked], Awaitable[None]]
    after: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL of the process, before the request is forwarded or after its answer came. Nobody gets an answer."""

    kill: Callable[[], None]
    after: bool = False


@dataclass(slots=True)
class Line:
    """One event of a watch on its way; `type` and `name` as it says them, "" when it cannot be read."""

    raw: bytes
    type: str = ""
    name: str = ""
    kind: str = ""

    @classmethod
    def read(cls, raw: bytes) -> Line:
        try:
            event = json.loads(raw)
            obj = event["object"]
            return cls(raw, event["type"], (obj.get("metadata") or {}).get("name", ""), obj.get("kind", ""))
        except (ValueError, KeyError, TypeError):
            return cls(raw)


@dataclass(frozen=True, slots=True)
class Events:
    """What happens to the events of a watch: each is answered by the lines that are sent instead. None ends the stream
    at once. An Expired 410, a dropped event, one that is held: all are this."""

    each: Callable[[Line], Awaitable[list[bytes] | None]]


EXPIRED = (
    json.dumps({
        "type": "ERROR",
        "object": {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
            "message": "too old resource version: 1 (9)",
        },
    }).encode() + b"\n"
)  # fmt: skip
"""As the API server sends it, in the stream, with a 200 before it."""

Action = Status | Delay | Hang | Reset | DropAnswer | Twice | Ask | Elsewhere | Mangle | Hook | Kill | Events


@dataclass(slots=True)
class Rule:
    """Which requests, and what happens. `nth` from 1 counts those that match; 0 is each of them. `most` is how often it
    is carried out at the most, 0 for ever."""

    action: Action
    verb: str = ""
    """One verb, `write` for all that change something, or empty for all."""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    nth: int = 0
    most: int = 0
    chosen: Callable[[Asked], bool] | None = None
    seen: int = 0
    done: int = 0
    fired: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, what: Asked) -> bool:
        """Whether this request is one that the rule is for. Counts it."""
        if self.verb and not (what.is_write if self.verb == "write" else what.verb == self.verb):
            return False
        wanted = ((self.resource, what.resource), (self.namespace, what.namespace), (self.name, what.name))
        if any(want and want != has for want, has in wanted) or (self.chosen is not None and not self.chosen(what)):
            return False
        self.seen += 1
        if (self.nth and self.seen != self.nth) or (self.most and self.done >= self.most):
            return False
        self.done += 1
        self.fired.set()
        return True


def status_body(code: int, reason: str, message: str, **details: Any) -> bytes:
    """A Status as the API server writes it."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code}
    return json.dumps({**body, "message": message, **({"details": details} if details else {})}).encode()
