"""/apps/{app}/exec: a command in a container, over a WebSocket that a one-use ticket opens.

Binary frames, the first byte says the channel: 0 input (an empty one ends it), 1 output, 2 error output, 3 the exit
(`{"exit_code": n}`), 4 the size of the terminal (`{"columns": c, "rows": r}`). The pod must hang on the App's own
inventory; what is typed is never logged; every session is an Event.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect, WebSocketState

from mcd.api import places
from mcd.api.access import (
    Credential,
    RuntimeOf,
    Sheller,
    actor_of,
    credential_of,
    throttle_of,
)
from mcd.api.app_shapes import ExecTicket
from mcd.api.components import refuse_unknown
from mcd.api.paths import AppName
from mcd.api.places import Place
from mcd.api.sealing import keys_for, seal, unseal
from mcd.api.strict import StrictRoute, loads
from mcd.api.wishes import ExecNew
from mcd.errors import Code, McdError
from mcd.kube.cluster import Cluster, ExecSession
from mcd.model import Actor, EventKind, Noun, Verb
from mcd.model.why import Note, say
from mcd.objects import COMPONENT
from mcd.observability import logs
from mcd.runtime import Runtime
from mcd.store import intents
from mcd.store.authorize import require

router = APIRouter(prefix="/api/v1", tags=["pods"], route_class=StrictRoute)

TICKET = "mcd exec ticket"
TICKET_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a session may last, in seconds."""

    recheck: float = 5.0
    """Between two looks whether the person may still be in there."""
    idle: float = 15 * 60.0
    """Without a word in either direction."""
    whole: float = 4 * 3600.0


FRAME_LIMIT = 64 * 1024
REASON_LIMIT = 123
"""Bytes that the reason of a close may have."""
INPUT, OUTPUT, ERROR, EXIT, SIZE = range(5)

CLOSE_FORBIDDEN = 4403
CLOSE_TIME = 4408


@dataclass(frozen=True, slots=True)
class Target:
    """What a ticket is for. Bound to the person, the pod's UID and the command."""

    nonce: str
    person: str
    app: str
    pod: str
    uid: str
    container: str
    command: tuple[str, ...]
    tty: bool
    stdin: bool
    expires_at: float


@router.post("/apps/{app}/exec", operation_id="ask_exec", status_code=201)
async def ask_exec(app: AppName, wish: ExecNew, actor: Sheller, runtime: RuntimeOf, connection: Request) -> ExecTicket:
    """A ticket for one command in one container of the App. It is good once, for 30 seconds."""
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.SHELL)
    cluster = await places.client_of(runtime, place)
    pod = await _choose(cluster, place, wish)
    if pod is None:
        await refuse_unknown(runtime, actor, app, wish.component)
        raise _no_pod(place, wish)
    container = places.container_of(pod, wish.container)
    await places.refuse_simulated(cluster, pod)
    expires = runtime.now() + timedelta(seconds=TICKET_SECONDS)
    target = Target(
        nonce=secrets.token_hex(16),
        person=actor.person,
        app=app,
        pod=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        container=container,
        command=tuple(wish.command),
        tty=wish.tty,
        stdin=wish.stdin,
        expires_at=expires.timestamp(),
    )
    ticket = _sealed(keys_for(TICKET, connection), target)
    address = runtime.settings.url.replace("http", "ws", 1)
    return ExecTicket(
        ticket=ticket,
        url=f"{address}/api/v1/apps/{app}/exec?ticket={ticket}",
        pod=target.pod,
        container=container,
        expires_at=expires,
    )


async def _choose(cluster: Cluster, place: Place, wish: ExecNew) -> dict[str, Any] | None:
    """The pod that is meant: one that is named, else one that stays. Raises McdError not_found; invalid when it is not
    said which of several components; conflict when there are only pods that end."""
    if wish.pod is not None:
        return await places.owned_pod(cluster, place, wish.pod)
    pods = await places.pods_of(cluster, place, wish.component)
    components = sorted({places.label(pod, COMPONENT) for pod in pods})
    if len(components) > 1:
        raise McdError(Code.INVALID, "which component?", f"Name one of {', '.join(components)}.")
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    for pod in sorted(staying, key=lambda p: not places.is_ready(p)):
        with contextlib.suppress(McdError):
            return await places.owned_pod(cluster, place, pod["metadata"]["name"])
    if pods and not staying:
        ending = str(pods[0]["metadata"]["name"])
        raise McdError(
            Code.CONFLICT,
            f"{_which(place, wish)} has no pod that stays: {ending} is ending.",
            f"Scaled to 0? `mcd scale {place.app.name} {components[0]}=1` starts one; --pod {ending} goes into that.",
        )
    return None


def _which(place: Place, wish: ExecNew) -> str:
    app = f'App "{place.app.name}"'
    return f'component "{wish.component}" of {app}' if wish.component else app


def _no_pod(place: Place, wish: ExecNew) -> McdError:
    return McdError(Code.NOT_FOUND, f"{_which(place, wish)} has no pod now.", f"See `mcd status {place.app.name}`.")


# --- the ticket ------------------------------------------------------------------------------------------------------


def _sealed(keys: Sequence[bytes], target: Target) -> str:
    """Sealed, not only signed: a command may hold what an access log should not."""
    return seal(keys[0], json.dumps(asdict(target)).encode())


def _opened(keys: Sequence[bytes], ticket: str) -> Target:
    refused = McdError(Code.UNAUTHENTICATED, "the ticket is not good.", "Ask for a new one.", reason="TicketRefused")
    try:
        text, _ = unseal(keys, ticket)
    except ValueError:
        raise refused from None
    fields = json.loads(text)
    return Target(**{**fields, "command": tuple(fields["command"])})


async def _use(runtime: Runtime, actor: Actor, target: Target, app: str) -> Place:
    """Checks the ticket, uses it up and tells the Event, in one transaction: a second use finds the first one's row.
    Raises McdError unauthenticated, not_found, forbidden."""
    refused = McdError(Code.UNAUTHENTICATED, "the ticket is not good.", "Ask for a new one.", reason="TicketRefused")
    now = runtime.now()
    if target.person != actor.person or target.app != app or now.timestamp() > target.expires_at:
        raise refused
    async with runtime.db.writing() as tx:
        place = await places.place_of(actor, tx, app, Verb.SHELL)
        try:
            used = await intents.idempotent(actor, tx, now, f"exec:{target.nonce}", target.nonce)
        except McdError:
            used = {}
        if used is not None:
            raise refused
        command = " ".join(logs.clean(word) for word in target.command)[:500]
        await intents.tell(
            actor, tx, now, EventKind.EXEC, app, say(Note.SHELL_RUNS, who=actor.name, pod=target.pod),
            {"pod": target.pod, "container": target.container, "command": command, "tty": target.tty},
        )  # fmt: skip
    return place


# --- the session -----------------------------------------------------------------------------------------------------


@router.websocket("/apps/{app}/exec", name="exec")
async def run_exec(
    websocket: WebSocket,
    app: AppName,
    actor: Sheller,
    runtime: RuntimeOf,
    ticket: Annotated[str, Query(max_length=65536)],
) -> None:
    """Opens the session that the ticket is for."""
    credential = credential_of(websocket)
    assert credential is not None
    throttle = throttle_of(websocket)
    target = _opened(keys_for(TICKET, websocket), ticket)
    place = await _use(runtime, actor, target, app)
    cluster = await places.client_of(runtime, place)
    pod = await places.owned_pod(cluster, place, target.pod)
    if pod["metadata"]["uid"] != target.uid:
        raise McdError(Code.NOT_FOUND, f'the pod "{target.pod}" is another one by now.', "Ask for a new ticket.")
    with throttle.stream(actor.person, "exec"):
        opened = await cluster.exec(
            place.line.namespace, target.pod, target.container, target.command, tty=target.tty, stdin=target.stdin
        )
        async with opened as session:
            await websocket.accept()
            patience: Patience = websocket.app.state.patience
            await _Bridge(websocket, session, runtime, credential, place, patience).run()


@dataclass
class _Bridge:
    websocket: WebSocket
    session: ExecSession
    runtime: Runtime
    credential: Credential
    place: Place
    patience: Patience
    heard: float = 0.0

    async def run(self) -> None:
        """Until the command ends, the person leaves, or may no longer stay. The first of three to end decides."""
        self.heard = asyncio.get_running_loop().time()
        tasks = [
            asyncio.create_task(work, name=f"exec:{name}")
            for name, work in (("out", self._out()), ("in", self._in()), ("guard", self._guard()))
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await self._end(task)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, task: asyncio.Task[tuple[int, str]]) -> None:
        error = task.exception()
        if isinstance(error, McdError):
            code, reason = 1011, str(error)
        elif error is not None:
            raise error
        else:
            code, reason = task.result()
        if self.websocket.application_state is WebSocketState.CONNECTED and code:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                if len(reason.encode()) > REASON_LIMIT:
                    await self._send(ERROR, f"mcd: {reason}\r\n".encode())
                    reason = reason.encode()[: REASON_LIMIT - 3].decode(errors="ignore") + "…"
                await self.websocket.close(code, reason)

    async def _out(self) -> tuple[int, str]:
        async for chunk in self.session:
            if chunk.exit_code is not None:
                await self._send(EXIT, json.dumps({"exit_code": chunk.exit_code}).encode())
                return 1000, f"exit {chunk.exit_code}"
            await self._send(OUTPUT if chunk.stream == "stdout" else ERROR, chunk.data)
        return 1011, "the cluster ended the session"

    async def _send(self, channel: int, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        await self.websocket.send_bytes(bytes((channel,)) + data)

    async def _in(self) -> tuple[int, str]:
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return 0, ""
            frame = message.get("bytes")
            if not frame or len(frame) > FRAME_LIMIT:
                return 1003, "send binary frames of at most 64 KiB that begin with a channel"
            self.heard = asyncio.get_running_loop().time()
            if frame[0] == INPUT:
                await (self.session.send(frame[1:]) if len(frame) > 1 else self.session.close_stdin())
            elif frame[0] == SIZE:
                size = _size(frame[1:])
                if size is None:
                    return 1003, "a size is {columns, rows}, each from 1 to 1000"
                await self.session.resize(*size)
            else:
                return 1003, "there is no such channel"

    async def _guard(self) -> tuple[int, str]:
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            await asyncio.sleep(self.patience.recheck)
            if clock() - began > self.patience.whole:
                return CLOSE_TIME, "open for too long"
            if clock() - self.heard > self.patience.idle:
                return CLOSE_TIME, "nothing was said for too long"
            try:
                actor = await actor_of(self.runtime, self.credential)
                require(actor, Verb.SHELL, Noun.APP, self.place.app.name, self.place.app.product_line)
            except McdError as error:
                if error.code in (Code.UNAVAILABLE, Code.CONFLICT):
                    continue
                return CLOSE_FORBIDDEN, "you may not be in here any more"


def _size(raw: bytes) -> tuple[int, int] | None:
    try:
        value = loads(raw)
    except json.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    columns, rows = value.get("columns"), value.get("rows")
    fine = all(type(n) is int and 1 <= n <= 1000 for n in (columns, rows))
    return (columns, rows) if fine else None  # type: ignore[return-value]
