"""/login, /logout and /preferences: coming, going, and how one wants to see it. They work without scripts.

Who signs in gets the same session as at the API. It must not say why a name and a password do not fit.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request

from mcd.api.access import (
    PUBLIC,
    SESSION_TOKEN,
    Credential,
    RuntimeOf,
    actor_of,
    address_of,
    credential_of,
    throttle_of,
)
from mcd.api.portal.language import NAMES
from mcd.api.portal.pages import LANGUAGE, THEME, YEAR, Page, done, show
from mcd.api.portal.routing import pages
from mcd.api.portal.views.frame import THEMES, local
from mcd.api.portal.views.signing import SignInForm
from mcd.api.sessions import THROWN_AWAY, signed_in, signed_out
from mcd.errors import Code, McdError
from mcd.runtime import Runtime

router = pages()

Next = Annotated[str, Query(max_length=2000)]


class SignIn(BaseModel):
    """A name with a password, or a token alone."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=63)] = ""
    password: Annotated[SecretStr, Field(max_length=1024)] = SecretStr("")
    token: Annotated[SecretStr, Field(max_length=200)] = SecretStr("")
    next: Annotated[str, Field(max_length=2000)] = ""


class Preferences(BaseModel):
    model_config = ConfigDict(extra="forbid")
    language: str | None = None
    theme: str | None = None
    next: Annotated[str, Field(max_length=2000)] = ""


@router.get("/login", operation_id="portal_login", dependencies=[PUBLIC])
async def login(request: Request, runtime: RuntimeOf, next: Next = "") -> Response:
    """The form; who is signed in already goes on."""
    to = local(next)
    if await _known(request, runtime):
        return RedirectResponse(to, status_code=303)
    return show(request, Page("portal/login.html", SignInForm(next=to), "mcd login"), now=runtime.now())


@router.post("/login", operation_id="portal_sign_in", dependencies=[PUBLIC])
async def sign_in(request: Request, runtime: RuntimeOf, wish: Annotated[SignIn, Form()]) -> Response:
    """Signs in and goes on to where the person wanted to be."""
    to = local(wish.next)
    token = wish.token.get_secret_value().strip()
    try:
        if token:
            await _with_token(request, runtime, token)
        else:
            await signed_in(request, runtime, wish.name, wish.password.get_secret_value())
    except McdError as error:
        if error.code is not Code.UNAUTHENTICATED:
            raise
        form = SignInForm(next=to, name=wish.name, by_token=bool(token), wrong=True)
        return show(request, Page("portal/login.html", form, "mcd login", status=401), now=runtime.now())
    return RedirectResponse(to, status_code=303)


async def _with_token(request: Request, runtime: Runtime, token: str) -> None:
    """The token itself is what the cookie holds: it is worth no more there than it is, and nothing once revoked."""
    try:
        await actor_of(runtime, Credential("token", token))
    except McdError:
        # Guessing costs the address that guesses.
        await throttle_of(request).address(address_of(request))
        raise
    await signed_out(request, runtime)
    request.session[SESSION_TOKEN] = token


@router.post("/logout", operation_id="portal_sign_out", dependencies=[PUBLIC])
async def sign_out(request: Request, runtime: RuntimeOf) -> Response:
    """Ends the session of the cookie; what the browser kept of the pages is thrown away."""
    await signed_out(request, runtime)
    answer = done("/login", "signed-out")
    answer.headers.update(THROWN_AWAY)
    return answer


@router.post("/preferences", operation_id="portal_preferences", dependencies=[PUBLIC])
async def preferences(request: Request, wish: Annotated[Preferences, Form()]) -> Response:
    """Keeps the language or the colours that a person chose, in this browser."""
    answer = RedirectResponse(local(wish.next), status_code=303)
    for cookie, value, known in ((LANGUAGE, wish.language, NAMES), (THEME, wish.theme, THEMES)):
        if value in known:
            answer.set_cookie(cookie, str(value), max_age=YEAR, path="/", httponly=True, samesite="lax")
    return answer


async def _known(request: Request, runtime: Runtime) -> bool:
    try:
        credential = credential_of(request)
        if credential is not None:
            await actor_of(runtime, credential)
    except McdError:
        return False
    return credential is not None
