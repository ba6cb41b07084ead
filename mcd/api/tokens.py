"""/people/{person}/tokens: personal API tokens. The text of one is answered once, when it is made."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf
from mcd.api.carry import Answer, IdempotencyKey, carry, refuse_key
from mcd.api.pages import Piece, page
from mcd.api.paths import PersonName, TokenId
from mcd.api.shapes import NewToken, Page, Token
from mcd.api.strict import StrictRoute
from mcd.api.wishes import TokenNew
from mcd.errors import McdError, not_found
from mcd.model import Noun
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=StrictRoute)


@router.get("/people/{person}/tokens", operation_id="list_tokens", response_model=Page[Token])
async def list_tokens(request: Request, person: PersonName, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """The tokens of a person, by name, without their text."""
    async with runtime.db.reading() as tx:
        found = await reads.tokens(actor, tx, person, part)
    return page(request, found, Token.of)


@router.post("/people/{person}/tokens", operation_id="create_token", status_code=201, response_model=NewToken)
async def create_token(
    request: Request, person: PersonName, wish: TokenNew, actor: Reader, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Makes a token of yourself. `secret` is shown this once."""
    refuse_key(key)
    if person != actor.name:
        raise _only_ones_own(person)

    async def act(tx: Tx, now: datetime) -> Answer:
        made, secret = await intents.create_token(actor, tx, now, wish.name, scope=wish.scope, days=wish.days)
        return Answer(201, NewToken.once(made, secret.reveal()), f"/api/v1/people/{person}/tokens/{made.id}")

    return await carry(request, runtime, actor, act)


def _only_ones_own(person: str) -> McdError:
    """Nobody makes a token for somebody else, not even an admin: it would act in that person's name."""
    return not_found(Noun.PERSON, person)


@router.delete("/people/{person}/tokens/{token}", operation_id="revoke_token", status_code=204)
async def revoke_token(
    request: Request, person: PersonName, token: TokenId, actor: Reader, runtime: RuntimeOf
) -> Response:
    """Revokes a token; it is dead at its next use. Admins may revoke anybody's."""

    async def act(tx: Tx, now: datetime) -> Answer:
        await intents.revoke_token(actor, tx, now, token)
        return Answer(204)

    return await carry(request, runtime, actor, act)
