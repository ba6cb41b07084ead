"""How a wish is carried to the store: one transaction, once for each Idempotency-Key, and one way to say the answer.

No call to a cluster or to git happens in here: a transaction is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.requests import Request

from mcd.api.etag import etag
from mcd.api.unattended import unattended
from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.runtime import Runtime
from mcd.store import intents
from mcd.store.tx import Tx

T = TypeVar("T")

KEY_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said when the wish was stored. `generation` adds the ETag for the next change."""

    status: int
    body: BaseModel | None = None
    location: str = ""
    generation: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As plain data: what is kept for who repeats the wish, and what the response is made of."""
        headers = dict(self.headers)
        body = self.body.model_dump_json() if self.body is not None else ""
        if self.location:
            headers["Location"] = self.location
        if self.generation is not None:
            headers["ETag"] = etag(self.generation, body.encode())
        return {"status": self.status, "headers": headers, "body": body}


Act = Callable[[Tx, datetime], Awaitable[Answer]]


async def _key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=KEY_LIMIT,
            description="The same key with the same body answers what was answered before and does nothing again, "
            "for 24 hours; with another body it is refused.",
            examples=["7c9e6679-7425-40de-944b-e07fc1f90ae7"],
        ),
    ] = None,
) -> str | None:
    return key


IdempotencyKey = Annotated[str | None, Depends(_key)]


async def carry(request: Request, runtime: Runtime, actor: Actor, act: Act, key: str | None = None) -> Response:
    """Runs the wish in one transaction and answers."""
    now = runtime.now()
    async with runtime.db.writing() as tx:
        if key is not None:
            claimed = f"wish:{key}"
            before = await intents.idempotent(actor, tx, now, claimed, await _digest(request))
            if before is not None:
                return _response(before, {"Idempotency-Replayed": "true"})
        stored = (await act(tx, now)).stored()
        if key is not None:
            await intents.remember(actor, tx, now, claimed, stored)
    more = {}
    if tx.wished and (said := await unattended(runtime)):
        # As Kubernetes tells what a client should show to its person.
        more["Warning"] = f'299 - "{said}"'
    return _response(stored, more)


def refuse_key(key: str | None) -> None:
    """For answers that are shown once and kept by nobody. Raises McdError(invalid)."""
    if key is not None:
        raise McdError(
            Code.INVALID, "a token is shown once and kept by nobody, so it cannot be answered again.",
            "Leave Idempotency-Key out.",
        )  # fmt: skip


async def _digest(request: Request) -> str:
    whole = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), await request.body()):
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _response(stored: Mapping[str, Any], more: Mapping[str, str] | None = None) -> Response:
    headers = {**stored["headers"], **(more or {})}
    if not stored["body"]:
        return Response(status_code=stored["status"], headers=headers)
    return Response(stored["body"], stored["status"], headers, media_type="application/json")


class _NeverMind(Exception):
    """Ends a rehearsal."""


async def rehearse(runtime: Runtime, act: Callable[[Tx, datetime], Awaitable[T]]) -> T:
    """Does the wish and takes the whole transaction back: what a dry run sees is exactly what the wish would make."""
    try:
        async with runtime.db.writing() as tx:
            answer = await act(tx, runtime.now())
            raise _NeverMind
    except _NeverMind:
        return answer
