"""`Cluster` over a real API server: builds requests, sends them through `transport.py`, reads the answers.

Raw JSON in and out; no typed models, no retries, no cache. A refusal is understood in `answers.py` and nowhere else.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from mcd.errors import Code
from mcd.kube import streams
from mcd.kube.answers import refusal
from mcd.kube.cluster import (
    FIELD_MANAGER,
    ExecSession,
    Kind,
    KubeError,
    KubeReason,
    Listing,
    WatchEvent,
    WatchEventType,
)
from mcd.kube.kinds import GROUPS, STORAGE_CLASS, collection_path, object_path
from mcd.kube.kubeconfig import Connection
from mcd.kube.secret import KIND as SECRET_KIND
from mcd.kube.secret import ONLY_METADATA, ONLY_METADATA_OF_A_LIST, without_values
from mcd.kube.transport import MAX_LIST, Answer, Transport
from mcd.model import Serves
from mcd.objects import OLDEST_MINOR, Object, Ref, canonical, ref_of

__all__ = ["Connection", "KubeClient"]

PAGE = 500
APPLY = {"Content-Type": "application/apply-patch+yaml"}
DISCOVERY = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}

CREATE_ONLY = "1"
"""The resourceVersion that makes a server-side apply a create.

Decided on 1.37.2 (tests/kube/test_wire.py): an apply whose body carries a resourceVersion and no UID creates an absent
object (201, manager entry of operation Apply, so that a later apply can take fields away) and answers 409 when an
object of that name exists, whoever made it, with or without `force`. "1" is the revision of an empty etcd, so no object
has it; "0" means "any" and would not refuse. A POST would do the same in one request, but records the fields as an
Update, and a field that leaves our set would stay in the object for ever."""

MAX_BODY = 1024 * 1024
"""Bytes of one object. The server answers 422 above this, 413 above three times as much."""

WATCH_SECONDS = (240, 360)
"""How long the server keeps a watch open, drawn anew each time so that streams do not end together."""
SILENCE = 100.0
"""Seconds without any line, not even a bookmark (about one a minute), after which a watch counts as dead."""


class KubeClient:
    """One real cluster. Made inside a running loop; `close` ends its connections."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)
        self._streams_lists = True
        self._random = random.Random()  # noqa: S311  (jitter)

    @property
    def name(self) -> str:
        return self._transport.name

    @name.setter
    def name(self, name: str) -> None:
        self._transport.name = name

    # --- reading ---

    async def serves(self, classes: Sequence[str] | None = None) -> Serves:
        await self._past_its_start()
        version = _json(await self._ask("GET", "/version", "the cluster's version"), "the cluster's version")
        kinds: set[str] = set()
        for root in ("/api", "/apis"):
            answer = await self._ask("GET", root, "what the cluster serves", headers=DISCOVERY, limit=MAX_LIST)
            kinds |= _kinds(_json(answer, "what the cluster serves"))
        if classes is None:
            listing = await self.list(STORAGE_CLASS)
            classes = [str(c["metadata"]["name"]) for c in listing.objects]
        return Serves(str(version.get("gitVersion", "")), frozenset(kinds), tuple(classes))

    async def _past_its_start(self) -> None:
        """An API server that starts answers before it knows what it serves. Who may not ask whether it is ready is told
        nothing, and takes what it says."""
        answer = await self._transport.send("GET", "/readyz")
        if answer.status >= 500:
            raise KubeError(
                Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster is not ready.", "Its API server starts or stops."
            )  # fmt: skip

    async def get(self, ref: Ref) -> Object | None:
        answer = await self._transport.send("GET", object_path(ref), headers=_accept(Kind(ref.api_version, ref.kind)))
        if answer.status == 404:
            error = refusal(str(ref), 404, answer.body)
            if error.kube_reason is KubeReason.NOT_SERVED:
                raise error
            return None
        return _object(_accepted(answer, str(ref)), ref)

    async def list(self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None) -> Listing:
        path = collection_path(kind.api_version, kind.kind, namespace)
        what = f"list of {kind.kind}"
        found: list[Object] = []
        query = [("limit", str(PAGE)), *_selected(selector)]
        token, left = "", MAX_LIST
        while True:
            more = [("continue", token)] if token else []
            headers = _accept(kind, ONLY_METADATA_OF_A_LIST)
            asked = await self._transport.send("GET", path, [*query, *more], limit=left, headers=headers)
            answer = _accepted(asked, what)
            page = _json(answer, what)
            left -= len(answer.body)
            meta, items = page.get("metadata"), page.get("items")
            listed = str(page.get("kind", "")).endswith("List")
            if (
                not listed
                or not isinstance(meta, dict)
                or not (isinstance(items, list) or ("items" in page and items is None))
            ):
                # Anything else must never be taken for an empty list.
                raise _garbage(what)
            found += [_item(item, kind, what) for item in items or ()]
            token = meta.get("continue") or ""
            if not token:
                return Listing(tuple(found), str(meta.get("resourceVersion", "")))

    async def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        goes_on = bool(resource_version)
        if not resource_version and not self._streams_lists:
            listing = await self.list(kind, namespace, selector)
            for obj in listing.objects:
                yield WatchEvent(WatchEventType.ADDED, obj)
            resource_version = listing.resource_version
            yield _up_to(resource_version, kind)
        query = [("watch", "true"), ("allowWatchBookmarks", "true"), *_selected(selector)]
        query.append(("timeoutSeconds", str(self._random.randint(*WATCH_SECONDS))))
        if resource_version:
            query.append(("resourceVersion", resource_version))
        else:
            query += [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]
        path = collection_path(kind.api_version, kind.kind, namespace)
        what = f"watch of {kind.kind}"
        async with self._transport.stream(path, query, _accept(kind)) as response:
            if response.status != 200:
                error = await streams.refused(response, what)
                if not resource_version and error.kube_reason is KubeReason.INVALID:
                    # A server without the feature says so once; from now on we list, then watch.
                    self._streams_lists = False
                else:
                    raise error
            else:
                if goes_on:
                    yield _up_to(resource_version, kind)
                async with contextlib.aclosing(streams.lines(response, SILENCE)) as lines:
                    async for line in lines:
                        yield _event(line, kind, what)
                return
        async for event in self.watch(kind, namespace, selector):
            yield event

    # --- writing ---

    async def apply(
        self, obj: Object, *, live: Object | None = None, force: bool = False, dry_run: bool = False
    ) -> Object:
        ref = ref_of(obj)
        meta = {**obj["metadata"]}
        if live is not None:
            meta["uid"] = live["metadata"]["uid"]
            meta["resourceVersion"] = live["metadata"]["resourceVersion"]
        else:
            meta["resourceVersion"] = CREATE_ONLY
        query = [("fieldManager", FIELD_MANAGER), ("force", str(force).lower())]
        if dry_run:
            query.append(("dryRun", "All"))
        body = canonical({**obj, "metadata": meta})
        if len(body) > MAX_BODY:
            raise KubeError(
                Code.TOO_LARGE, KubeReason.INVALID, f"{ref}: it is larger than 1 MiB, which Kubernetes does not keep.",
                "Make it smaller; large files belong into an image or a volume. Nothing was sent.",
            )  # fmt: skip
        headers = {**APPLY, **_accept(Kind(ref.api_version, ref.kind))}
        answer = await self._transport.send("PATCH", object_path(ref), query, body=body, headers=headers)
        if answer.status not in (200, 201):
            error = refusal(str(ref), answer.status, answer.body, answer.headers, wrote=True)
            if live is None and error.kube_reason is KubeReason.CONFLICT:
                # The field conflict is found before the version is looked at: the object exists either way.
                raise KubeError(Code.PRECONDITION, KubeReason.STALE, f"{ref} exists already.") from None
            raise error
        return _object(answer, ref, wrote=True)

    async def delete(self, ref: Ref, uid: str, *, resource_version: str = "") -> bool:
        conditions = {"uid": uid, **({"resourceVersion": resource_version} if resource_version else {})}
        body = canonical({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions, "propagationPolicy": "Background",
        })  # fmt: skip
        headers = {"Content-Type": "application/json"}
        answer = await self._transport.send("DELETE", object_path(ref), body=body, headers=headers)
        if answer.status in (200, 202):
            return True
        error = refusal(str(ref), answer.status, answer.body, answer.headers, wrote=True)
        if answer.status == 404 and error.kube_reason is not KubeReason.NOT_SERVED:
            return False
        raise error

    # --- streams ---

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
        query = [("container", container)]
        flags = {"follow": follow, "previous": previous, "timestamps": timestamps}
        query += [(name, "true") for name, on in flags.items() if on]
        query += [("tailLines", str(tail))] if tail is not None else []
        query += [("sinceSeconds", str(since_seconds))] if since_seconds is not None else []
        query += [("sinceTime", f"{since_time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")] if since_time is not None else []
        path = object_path(Ref("v1", "Pod", namespace, pod)) + "/log"
        return streams.log_lines(self._transport, path, query, f"Pod/{pod}", follow=follow)

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
        query = [("container", container), ("stdout", "true"), ("stderr", str(not tty).lower())]
        query += [("stdin", str(stdin).lower()), ("tty", str(tty).lower()), *(("command", c) for c in command)]
        path = object_path(Ref("v1", "Pod", namespace, pod)) + "/exec"
        return await streams.execute(self._transport, path, query, f"Pod/{pod}")

    async def close(self) -> None:
        await self._transport.close()

    async def _ask(self, method: str, path: str, what: str, **rest: Any) -> Answer:
        return _accepted(await self._transport.send(method, path, **rest), what)


def _selected(selector: Mapping[str, str] | None) -> list[tuple[str, str]]:
    if not selector:
        return []
    return [("labelSelector", ",".join(f"{key}={value}" for key, value in sorted(selector.items())))]


def _accept(kind: Kind, form: str = ONLY_METADATA) -> dict[str, str]:
    """The header that keeps values of Secrets where they are. For other kinds nothing special."""
    return {"Accept": form} if kind == SECRET_KIND else {}


def _accepted(answer: Answer, what: str) -> Answer:
    if answer.status != 200:
        raise refusal(what, answer.status, answer.body, answer.headers)
    return answer


def _garbage(what: str, *, wrote: bool = False) -> KubeError:
    reason = KubeReason.UNKNOWN_OUTCOME if wrote else KubeReason.UNREACHABLE
    return KubeError(
        Code.UNAVAILABLE, reason, f"{what}: the answer is not that of a Kubernetes API server.",
        "Check the server address of the cluster.",
    )  # fmt: skip


def _json(answer: Answer, what: str, *, wrote: bool = False) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _garbage(what, wrote=wrote)
    return found


def _object(answer: Answer, ref: Ref, *, wrote: bool = False) -> Object:
    """The object of an answer; one of another name, namespace or kind is not believed."""
    found = _json(answer, str(ref), wrote=wrote)
    meta = found.get("metadata")
    if not isinstance(meta, dict) or not meta.get("uid"):
        raise _garbage(str(ref), wrote=wrote)
    found = without_values(found, Kind(ref.api_version, ref.kind))
    if (meta.get("name"), meta.get("namespace", ""), found.get("kind")) != (ref.name, ref.namespace, ref.kind):
        raise _garbage(str(ref), wrote=wrote)
    return found


def _item(item: Any, kind: Kind, what: str) -> Object:
    """An item of a list; the server leaves apiVersion and kind out of items of its own kinds."""
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict) or not item["metadata"].get("name"):
        raise _garbage(what)
    return without_values({"apiVersion": kind.api_version, "kind": kind.kind, **item}, kind)


def _up_to(version: str, kind: Kind) -> WatchEvent:
    """All that was up to a version is known."""
    meta = {"resourceVersion": version}
    told = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
    return WatchEvent(WatchEventType.BOOKMARK, told, initial_end=True)


def _event(line: bytes, kind: Kind, what: str) -> WatchEvent:
    try:
        found = orjson.loads(line)
        told, obj = found["type"], found["object"]
        if told == "ERROR":
            code = int(obj.get("code") or 500)
            raise refusal(what, code, orjson.dumps({**obj, "kind": "Status"}))
        meta = obj["metadata"]
        if told == "BOOKMARK":
            end = (meta.get("annotations") or {}).get("k8s.io/initial-events-end") == "true"
            return WatchEvent(WatchEventType.BOOKMARK, obj, initial_end=end)
        return WatchEvent(WatchEventType(told), _item(obj, kind, what))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise _garbage(what) from None


def _kinds(groups: Mapping[str, Any]) -> set[str]:
    """`group/version/Kind` of an aggregated discovery. A group of ours that could not be read makes it incomplete, and
    an incomplete answer is none; other people's broken groups are not our affair."""
    found: set[str] = set()
    if groups.get("kind") != "APIGroupDiscoveryList":
        raise KubeError(
            Code.INVALID, KubeReason.NOT_SERVED, "the cluster is too old: it has no aggregated discovery.",
            f"MCD needs Kubernetes 1.{OLDEST_MINOR} or newer.",
        )  # fmt: skip
    for group in groups.get("items") or ():
        name = str((group.get("metadata") or {}).get("name", ""))
        for version in group.get("versions") or ():
            if version.get("freshness") == "Stale" and name in GROUPS:
                raise KubeError(
                    Code.UNAVAILABLE, KubeReason.UNREACHABLE, f"the cluster cannot say what it serves in {name}.",
                    "The server behind that API group is away.",
                )  # fmt: skip
            api_version = f"{name}/{version['version']}" if name else str(version["version"])
            for resource in version.get("resources") or ():
                kind = (resource.get("responseKind") or {}).get("kind")
                if kind and resource.get("resource"):
                    found.add(f"{api_version}/{kind}")
    return found
