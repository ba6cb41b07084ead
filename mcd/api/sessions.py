"""/sessions and /whoami: signing in by name and password, signing out, and who one is.

The cookie holds what one proves oneself with and nothing else; the row in the database is what counts.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import PUBLIC, SESSION_ID, Credential, Reader, RuntimeOf, actor_of, address_of
from mcd.api.shapes import Whoami
from mcd.api.strict import StrictRoute
from mcd.api.wishes import SignIn
from mcd.runtime import Runtime
from mcd.store import accounts

router = APIRouter(prefix="/api/v1", tags=["sessions"], route_class=StrictRoute)


@router.post("/sessions", operation_id="sign_in", status_code=201, response_model=Whoami, dependencies=[PUBLIC])
async def sign_in(request: Request, wish: SignIn, runtime: RuntimeOf) -> Whoami:
    """Signs in and sets the session cookie. Five wrong tries in a minute, and it is refused for a while."""
    session = await signed_in(request, runtime, wish.name, wish.password.get_secret_value())
    return Whoami.of(await actor_of(runtime, Credential("session", session)))


async def signed_in(request: Request, runtime: Runtime, name: str, password: str) -> str:
    """A new session in the cookie instead of the one before, which ends. Raises McdError unauthenticated,
    rate_limited."""
    session = await accounts.sign_in(runtime.db, name, password, runtime.now(), address_of(request))
    await signed_out(request, runtime)
    request.session[SESSION_ID] = session
    return session


THROWN_AWAY = {"Clear-Site-Data": '"cache", "storage"'}
"""What a browser kept of the pages. Not its cookies: the one of the session is emptied, and one says which language."""


async def signed_out(request: Request, runtime: Runtime) -> None:
    """Ends the session of the cookie, if there is one, and empties the cookie."""
    session = request.session.get(SESSION_ID)
    if isinstance(session, str):
        async with runtime.db.writing() as tx:
            await accounts.sign_out(tx, session)
    request.session.clear()


@router.delete("/sessions/current", operation_id="sign_out", status_code=204)
async def sign_out(request: Request, actor: Reader, runtime: RuntimeOf) -> Response:
    """Ends the session of the cookie. A token is revoked, not signed out."""
    if actor.via == "session":
        await signed_out(request, runtime)
    request.session.clear()
    return Response(status_code=204, headers=THROWN_AWAY)


@router.get("/whoami", operation_id="whoami")
async def whoami(actor: Reader) -> Whoami:
    """Who this session or token is, and what it may do where."""
    return Whoami.of(actor)
