"""Reads the API server's audit log into facts: who did what to which object, and how it ended.

It is the only judge of what was written: MCD's own word is never asked. It must not write to the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
MCD_USERS = frozenset({"mcd", "mcd-a", "mcd-b", "system:serviceaccount:mcd-system:mcd-controller"})
# Questions that are asked by a POST: nothing is kept of them. Attaching to a pod is one too.
_QUESTIONS = frozenset({
    "selfsubjectaccessreviews", "subjectaccessreviews", "selfsubjectrulesreviews", "localsubjectaccessreviews",
    "tokenreviews", "selfsubjectreviews",
})  # fmt: skip
_CONNECTS = frozenset({"exec", "attach", "portforward", "proxy"})


@dataclass(frozen=True)
class Fact:
    """One request that ended. `resource` is plural, with its subresource after a slash. `uid` is empty where the log
    keeps no body (Secrets)."""

    at: datetime
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    uid: str
    code: int
    manager: str
    dry_run: bool

    @property
    def is_write(self) -> bool:
        """It changed something, or could have: a mutating request that was accepted and was no dry run."""
        plain, _, sub = self.resource.partition("/")
        asks = plain in _QUESTIONS or sub in _CONNECTS
        return self.verb in WRITES and not self.dry_run and not asks and 200 <= self.code < 300

    @property
    def made(self) -> bool:
        """An object came to be: by a POST, or by an apply that found nothing."""
        return self.is_write and self.code == 201

    def __str__(self) -> str:
        return f"{self.user} {self.verb} {self.resource}/{self.name} -> {self.code}"


@dataclass(frozen=True)
class Witness:
    """The audit log of one API server."""

    log: Path

    def mark(self) -> int:
        """A place in the log: what is asked for later begins here. It may be in the middle of a line that is being
        written, whose request has ended before."""
        return self.log.stat().st_size

    def since(self, mark: int) -> Iterator[Fact]:
        """The facts after a mark, in the order of their end. A log that was rotated meanwhile is read whole."""
        with self.log.open("rb") as file:
            if 0 < mark <= self.log.stat().st_size:
                file.seek(mark - 1)
                file.readline()
            for line in file:
                if line.endswith(b"\n"):
                    yield _fact(json.loads(line))

    def writes(self, mark: int, namespace: str, users: Iterable[str] = MCD_USERS, app: str = "") -> list[Fact]:
        """What these users wrote in a namespace after a mark; of an App, when one is named."""
        wanted = frozenset(users)
        return [f for f in self.since(mark) if f.user in wanted and f.is_write and _in(f, namespace, app)]


def _in(fact: Fact, namespace: str, app: str) -> bool:
    return fact.namespace == namespace and (not app or fact.name == app or fact.name.startswith(f"{app}-"))


def _fact(event: dict[str, Any]) -> Fact:
    of = event.get("objectRef") or {}
    answer = event.get("responseObject") or {}
    # The answer to a DELETE is a Status, which names the UID elsewhere.
    uid = (answer.get("metadata") or {}).get("uid") or (answer.get("details") or {}).get("uid") or of.get("uid") or ""
    name = of.get("name") or (answer.get("metadata") or {}).get("name") or ""
    query = parse_qs(urlsplit(event.get("requestURI", "")).query)
    sub = of.get("subresource")
    return Fact(
        at=datetime.fromisoformat(event["stageTimestamp"]),
        user=event.get("user", {}).get("username", ""),
        verb=event.get("verb", ""),
        resource=of.get("resource", "") + (f"/{sub}" if sub else ""),
        namespace=of.get("namespace", ""),
        name=name,
        uid=uid,
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        manager=next(iter(query.get("fieldManager", [])), ""),
        dry_run="dryRun" in query,
    )


def plural(kind: str) -> str:
    """The resource's name in URLs of a kind that MCD writes: NetworkPolicy → networkpolicies."""
    word = kind.lower()
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("s") else "s")


def counted(facts: Iterable[Fact], key: Callable[[Fact], str]) -> dict[str, int]:
    """How many facts have each key, in the order of the first."""
    found: dict[str, int] = {}
    for fact in facts:
        found[key(fact)] = found.get(key(fact), 0) + 1
    return found


def named(fact: Fact) -> str:
    return f"{fact.resource}/{fact.name}"
