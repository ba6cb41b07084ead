"""The seam to one Kubernetes API: what MCD asks of a cluster, in plain dicts.

Implemented by `client.py` (a real API server) and `memory.py` (a second, complete implementation); one contract suite
runs against both. Nothing here knows an App or a reconciler.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mcd.errors import Code, McdError
from mcd.model import Serves
from mcd.objects import Object, Ref

FIELD_MANAGER = "mcd"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is listed or watched: an API version and a kind, e.g. `Kind("apps/v1", "Deployment")`."""

    api_version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


class KubeReason(StrEnum):
    """Why the API server refused, told apart where the HTTP status alone does not (`McdError.reason`)."""

    CONFLICT = "KubeConflict"
    """Apply onto a field of another manager; `managers` of the error names it."""
    STALE = "KubeStale"
    """resourceVersion or UID is not the one that was decided on: the object changed, was replaced or is gone."""
    QUOTA = "KubeQuota"
    NAMESPACE_TERMINATING = "KubeNamespaceTerminating"
    NAMESPACE_MISSING = "KubeNamespaceMissing"
    """A write into a namespace that does not exist."""
    FORBIDDEN = "KubeForbidden"
    UNAUTHORIZED = "KubeUnauthorized"
    NOT_SERVED = "KubeNotServed"
    """The kind or its API version does not exist here. Never the same as an object that does not exist."""
    INVALID = "KubeInvalid"
    IMMUTABLE = "KubeImmutable"
    ADMISSION = "KubeAdmission"
    EXPIRED = "KubeExpired"
    """410: the resourceVersion or the continue token is too old."""
    OVERLOADED = "KubeOverloaded"
    """429: too many requests. `retry_after` says when to come back."""
    UNKNOWN_OUTCOME = "KubeUnknownOutcome"
    """The request was sent and no answer came: read again before deciding anything."""
    UNREACHABLE = "KubeUnreachable"


class KubeError(McdError):
    """A refusal by the cluster, with its own words cut to what may be shown. `managers` are (manager, field) pairs of
    an apply conflict, `fields` what never changes on a living object; `retry_after` is in seconds when the server said
    so."""

    def __init__(
        self,
        code: Code,
        reason: KubeReason,
        message: str,
        hint: str = "",
        *,
        managers: Sequence[tuple[str, str]] = (),
        fields: Sequence[str] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, hint, reason=reason.value, retry_after=retry_after)
        self.kube_reason = reason
        self.managers = tuple(managers)
        self.fields = tuple(fields)


class WatchEventType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    type: WatchEventType
    object: Object
    initial_end: bool = False
    """The bookmark that ends the initial list of a streaming watch, or that begins a watch from a version: all that was
    so far is known, and what follows is new."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A complete list (every page was read) and the resourceVersion from which a watch goes on."""

    objects: tuple[Object, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class ExecChunk:
    """A piece of a command's output. `stream` is `stdout` or `stderr`; the last chunk has `exit_code`."""

    stream: str
    data: bytes
    exit_code: int | None = None


class ExecSession(Protocol):
    """A running command in a container. Closed by leaving `async with`."""

    async def __aenter__(self) -> ExecSession: ...
    async def __aexit__(self, *exc: object) -> None: ...
    def __aiter__(self) -> AsyncIterator[ExecChunk]: ...
    async def send(self, data: bytes) -> None: ...
    async def close_stdin(self) -> None: ...
    async def resize(self, columns: int, rows: int) -> None: ...


class Cluster(Protocol):
    """One Kubernetes API. Every method raises KubeError; none retries; every one has a deadline of its own. A Secret is
    answered as its metadata only, by every method: no value of a Secret ever comes back to MCD."""

    name: str
    """What people call it, for what is counted of it. Set by who connects; empty until then."""

    async def serves(self, classes: Sequence[str] | None = None) -> Serves:
        """Asks discovery. Raises KubeError when any part of it could not be read: an incomplete answer is none.
        `classes`: the storage classes, of who watches them; else they are listed."""

    async def get(self, ref: Ref) -> Object | None:
        """The live object, or None when the API server says that this object does not exist."""

    async def list(self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None) -> Listing:
        """All objects of a kind, in every page. `namespace` empty: all namespaces."""

    def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """Changes from `resource_version` on, after a BOOKMARK with `initial_end` that says that the stream is open;
        without one, the server first sends what exists and then such a BOOKMARK. Ends when the server ends it; raises
        KubeError EXPIRED for a 410 in the stream, and UNREACHABLE when it breaks or nothing (not even a bookmark) came
        for too long."""

    async def apply(
        self, obj: Object, *, live: Object | None = None, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply with our field manager; answers the object as the server has it now. With `live`, the
        request carries its uid and resourceVersion and is refused (STALE) when the object is another one by now;
        without, it is refused (STALE) when an object of that name exists already. The caller looks for
        `deletionTimestamp` in the answer."""

    async def delete(self, ref: Ref, uid: str, *, resource_version: str = "") -> bool:
        """Deletes with a UID precondition, background propagation. False when it was gone already; STALE when the
        living object has another UID or version."""

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        since_time: datetime | None = None,
        timestamps: bool = False,
    ) -> AsyncIterator[bytes]:
        """The log of a container, line by line without the newline; a line is cut at 64 KiB. Of the two sinces one at
        most is given: `since_time` is a time of the node's own clock, in whole seconds."""

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        tty: bool = False,
        stdin: bool = False,
    ) -> ExecSession:
        """Runs a command in a container."""

    async def close(self) -> None:
        """Ends connections. Calling it twice is fine."""
