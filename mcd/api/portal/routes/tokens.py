"""/tokens and /sessions: what a person proves themselves with, elsewhere and here; made, shown once, ended.

It must not show a token's text again: nobody has it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from mcd.api.access import SESSION_ID, Reader, RuntimeOf
from mcd.api.paths import TokenId, word
from mcd.api.portal.pages import Page, done, show
from mcd.api.portal.routing import pages
from mcd.api.portal.views.tokens import SessionRow, Sessions, tokens_view
from mcd.api.portal.views.typed import typed
from mcd.model import Actor, Noun, Scope, Token
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.intents.sessions import end_session
from mcd.store.reads import Part
from mcd.store.reads.sessions import sessions

router = pages()

MOST = Part(200)


@router.get("/tokens", operation_id="portal_tokens")
async def tokens(
    request: Request, actor: Reader, runtime: RuntimeOf, person: Annotated[str, Query(max_length=63)] = ""
) -> Response:
    """One's own; of another person for admins."""
    whose = person or actor.name
    command = typed("mcd token list", *(("--person", whose) if whose != actor.name else ()))
    view = tokens_view(whose, await _held(runtime, actor, whose), runtime.now(), mine=whose == actor.name)
    return show(request, Page("portal/tokens.html", view, command), now=runtime.now())


async def _held(runtime: Runtime, actor: Actor, person: str) -> tuple[Token, ...]:
    async with runtime.db.reading() as tx:
        return (await reads.tokens(actor, tx, word(Noun.PERSON, person), MOST)).items


class TokenForm(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=100)]
    scope: Scope
    days: Annotated[int, Field(ge=1, le=90)]


@router.post("/tokens", operation_id="portal_make_token")
async def make_token(
    request: Request, actor: Reader, runtime: RuntimeOf, wish: Annotated[TokenForm, Form()]
) -> Response:
    """Makes one and shows its text on this very page, which nobody can open again."""
    now: datetime = runtime.now()
    async with runtime.db.writing() as tx:
        made, secret = await intents.create_token(actor, tx, now, wish.name.strip(), scope=wish.scope, days=wish.days)
    view = tokens_view(
        actor.name,
        await _held(runtime, actor, actor.name),
        now,
        mine=True,
        made=secret.reveal(),
        made_name=made.name,
    )
    command = typed("mcd token create", made.name, "--scope", made.scope.value, "--days", wish.days)
    return show(request, Page("portal/tokens.html", view, command), now=now)


@router.post("/tokens/{token}/revoke", operation_id="portal_revoke_token")
async def revoke_token(token: TokenId, actor: Reader, runtime: RuntimeOf) -> Response:
    """It is worth nothing from the next request on."""
    async with runtime.db.writing() as tx:
        await intents.revoke_token(actor, tx, runtime.now(), token)
    return done("/tokens", "token-revoked")


@router.get("/sessions", operation_id="portal_sessions")
async def signed_in(request: Request, actor: Reader, runtime: RuntimeOf) -> Response:
    """Every browser in which the person is signed in."""
    async with runtime.db.reading() as tx:
        found = await sessions(actor, tx, runtime.now(), request.session.get(SESSION_ID))
    rows = tuple(SessionRow(each.id, each.created_at, each.expires_at, each.current) for each in found)
    view = Sessions(rows, by_token=actor.via == "token")
    return show(request, Page("portal/sessions.html", view, "mcd whoami"), now=runtime.now())


@router.post("/sessions/{session}/end", operation_id="portal_end_session")
async def end(session: str, actor: Reader, runtime: RuntimeOf) -> Response:
    """Signs out over there."""
    async with runtime.db.writing() as tx:
        await end_session(actor, tx, runtime.now(), session[:64])
    return done("/sessions", "session-ended")
