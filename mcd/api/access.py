"""Who asks, and what each route may be used for: every route declares its permission through one dependency here.

The credential becomes an Actor; what the Actor may do to one thing is decided by `mcd.store.authorize` where the thing
is read or changed. A route that declares nothing stops the program from starting (`require_permissions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from mcd.api.paths import word
from mcd.api.throttle import Throttle
from mcd.errors import Code, McdError
from mcd.model import Actor, Noun, Verb
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.authorize import may, require
from mcd.store.lookup import permit
from mcd.store.marks import Mark
from mcd.store.tx import Tx

SESSION_ID, SESSION_TOKEN = "id", "token"
"""The keys of the session cookie, of which it has one: a session that was signed in by password, or the token that a
person signed in with, which stays no more than it is (its scope, its end, its revocation)."""


def runtime_of(connection: HTTPConnection) -> Runtime:
    runtime: Runtime = connection.app.state.runtime
    return runtime


async def _runtime(connection: HTTPConnection) -> Runtime:
    # Async, because FastAPI runs plain functions in a thread.
    return runtime_of(connection)


RuntimeOf = Annotated[Runtime, Depends(_runtime)]


def throttle_of(connection: HTTPConnection) -> Throttle:
    throttle: Throttle = connection.app.state.throttle
    return throttle


def address_of(connection: HTTPConnection) -> str:
    """Who asks: the peer's address, or what a proxy of MCD_TRUSTED_PROXIES says, which `mcd.api.server` puts in its
    place."""
    return connection.client.host if connection.client else "unknown"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request proves itself with. Never shown."""

    kind: str
    text: str

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


def credential_of(connection: HTTPConnection) -> Credential | None:
    """The token of the Authorization header, else the session of the cookie. A header that is there and is not
    `Bearer …` is refused: falling back to the cookie would let a page choose who it is."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise McdError(
                Code.UNAUTHENTICATED, "the Authorization header is not understood.", "Send Authorization: Bearer TOKEN."
            )
        return Credential("token", text.strip())
    for key, kind in ((SESSION_ID, "session"), (SESSION_TOKEN, "token")):
        if isinstance(held := connection.session.get(key), str):
            return Credential(kind, held)
    return None


async def actor_of(runtime: Runtime, credential: Credential, mark: Mark = None) -> Actor:
    """The Actor behind a credential as of now. Raises McdError(unauthenticated). Streams ask again and again. `mark`
    is that of the request, if it was asked for already."""
    if credential.kind == "token":
        return await runtime.visitors.by_token(credential.text, runtime.now(), mark)
    return await runtime.visitors.by_session(credential.text, runtime.now(), mark)


class Permission:
    """What a route declares."""

    async def admit(self, connection: HTTPConnection) -> None:
        """Refuses before a byte of the body is read."""


class Public(Permission):
    """Anybody may ask; counted by address."""

    async def __call__(self, connection: HTTPConnection) -> None:
        state = connection.scope["state"]
        if "rate_limit" not in state:
            state["rate_limit"] = await throttle_of(connection).address(address_of(connection))

    async def admit(self, connection: HTTPConnection) -> None:
        await self(connection)


class Probe(Permission):
    """Anybody may ask as often as they like: it says nothing of anybody and costs nothing."""

    async def __call__(self) -> None:
        return None


class Permit(Permission):
    """Only somebody who is signed in, for what `verb` says. Answers the Actor. `shown` finds what a request proves
    itself with; a route that `may_make` the App of its path is also for one that is not there yet."""

    def __init__(
        self,
        verb: Verb,
        shown: Callable[[HTTPConnection], Credential | None] = credential_of,
        *,
        may_make: bool = False,
    ) -> None:
        self.verb = verb
        self.shown = shown
        self.may_make = may_make

    async def __call__(self, connection: HTTPConnection) -> Actor:
        state = connection.scope["state"]
        if "actor" not in state:
            state["actor"] = await self._who(connection)
        actor: Actor = state["actor"]
        return actor

    async def admit(self, connection: HTTPConnection) -> None:
        """Refuses before a byte of the body is read: whom the thing that the path names does not let in, or who is
        nobody, learns nothing of the form, and every form gets them the same answer. A thing that only the body names
        (the product line of a new App) is judged where it is known."""
        actor = await self(connection)
        if self.verb is Verb.READ:
            return
        runtime, named = runtime_of(connection), connection.path_params
        async with runtime.db.reading() as tx:
            if "app" in named:
                await self._admit_to_app(actor, tx, word(Noun.APP, named["app"]), _act(self.verb, connection))
            elif "line" in named:
                line = await reads.product_line(actor, tx, word(Noun.PRODUCT_LINE, named["line"]))
                await permit(actor, tx, self.verb, Noun.PRODUCT_LINE, line.name, line.name, _act(self.verb, connection))
            elif self.verb is Verb.ADMINISTER:
                require(actor, self.verb, Noun.CLUSTER, "", None)

    async def _admit_to_app(self, actor: Actor, tx: Tx, name: str, act: str) -> None:
        try:
            app = await reads.app(actor, tx, name)
        except McdError as error:
            if error.code is Code.NOT_FOUND and self.may_make and self._somewhere(actor):
                # Not there, or not this person's to see: whoever makes it learns no more than that either.
                return
            raise
        await permit(actor, tx, self.verb, Noun.APP, app.name, app.product_line, act)

    def _somewhere(self, actor: Actor) -> bool:
        return any(may(actor, self.verb, line) for line in (None, *actor.roles))

    async def _who(self, connection: HTTPConnection) -> Actor:
        runtime, throttle = runtime_of(connection), throttle_of(connection)
        state = connection.scope["state"]
        try:
            credential = self.shown(connection)
            if credential is None:
                raise McdError(
                    Code.UNAUTHENTICATED, "nobody is signed in.", "Sign in, or send Authorization: Bearer TOKEN."
                )
            # Asked for when the request is here: what was kept before it came is told only if it is still so.
            if "mark" not in state:
                state["mark"] = await runtime.db.mark()
            actor = await actor_of(runtime, credential, state["mark"])
        except McdError as error:
            if error.code is Code.UNAUTHENTICATED:
                # Guessing costs the address that guesses.
                await throttle.address(address_of(connection))
            raise
        state["person"] = actor.name
        await self.count(connection, actor)
        return actor

    async def count(self, connection: HTTPConnection, actor: Actor) -> None:
        """Raises McdError(rate_limited) for somebody who asked too often."""
        connection.scope["state"]["rate_limit"] = await throttle_of(connection).person(actor.person)


_ACTS: Mapping[str, str] = {
    "secrets": "change secrets in",
    "secret": "change secrets in",
    "members": "change members of",
    "settings": "change settings in",
    "logs": "read logs in",
    "exec": "run commands in",
    "shell": "run commands in",
    "delete": "delete Apps of",
    "DELETE": "delete Apps of",
    "PATCH": "change Apps of",
}
"""By a word of the route's path, or its method: the one act that a refusal names, of several that take one role."""


def _act(verb: Verb, connection: HTTPConnection) -> str:
    """Empty where the verb says it all."""
    if verb not in (Verb.SET, Verb.SHELL):
        return ""
    scope = connection.scope
    parts = [*str(getattr(scope.get("route"), "path", "")).split("/"), scope.get("method")]
    return next((act for part, act in _ACTS.items() if part in parts), "")


def needs(verb: Verb) -> Any:
    """`actor: Annotated[Actor, needs(Verb.DEPLOY)]`."""
    return Depends(Permit(verb))


Reader = Annotated[Actor, needs(Verb.READ)]
Deployer = Annotated[Actor, needs(Verb.DEPLOY)]
Maker = Annotated[Actor, Depends(Permit(Verb.DEPLOY, may_make=True))]
Sheller = Annotated[Actor, needs(Verb.SHELL)]
Setter = Annotated[Actor, needs(Verb.SET)]
Administrator = Annotated[Actor, needs(Verb.ADMINISTER)]

PUBLIC = Depends(Public())
PROBE = Depends(Probe())


# --- the table of routes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RouteFact:
    """One route as the permission check, the tests and the OpenAPI file see it. `verb` is None for a public one."""

    path: str
    methods: frozenset[str]
    verb: Verb | None
    operation_id: str


def permissions(dependant: Dependant) -> Iterator[Permission]:
    """What a route declares, with all that it depends on."""
    call: object = dependant.call
    if isinstance(call, Permission):
        yield call
    for child in dependant.dependencies:
        yield from permissions(child)


def require_permissions(app: FastAPI) -> tuple[RouteFact, ...]:
    """Every route of the application with its permission. Raises RuntimeError naming a route that declares none, or
    that is not a route of ours at all."""
    return tuple(_facts(iter_route_contexts(app.routes)))


def _facts(contexts: Iterable[Any]) -> Iterator[RouteFact]:
    for context in contexts:
        route = context.original_route
        if isinstance(route, Mount) and getattr(route, "public_files", False):
            continue
        if not isinstance(route, (APIRoute, APIWebSocketRoute)):
            raise RuntimeError(f"the route {context.path} cannot declare a permission; make it a route of a router")  # noqa: TRY004
        declared = list(permissions(route.dependant))
        if len(declared) != 1:
            raise RuntimeError(
                f"the route {context.path} declares {len(declared)} permissions; give it exactly one of mcd.api.access"
            )
        verb = declared[0].verb if isinstance(declared[0], Permit) else None
        yield RouteFact(
            path=str(context.path),
            methods=frozenset(context.methods or {"WEBSOCKET"}),
            verb=verb,
            operation_id=str(getattr(route, "operation_id", None) or route.name),
        )
