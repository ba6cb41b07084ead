"""Puts the API together: middleware, refusals, one router per word of the URL, the OpenAPI file.

It only wires. An application whose routes do not all declare a permission is never made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.routing import APIRouter
from starlette.middleware import Middleware

import mcd
from mcd.api import (
    apps,
    clusters,
    errors,
    events,
    git,
    health,
    node_pools,
    openapi,
    people,
    pods,
    portal,
    product_lines,
    releases,
    rollouts,
    secret_sets,
    sessions,
    settings,
    shells,
    status,
    tokens,
    validate,
    why_routes,
)
from mcd.api.access import require_permissions
from mcd.api.disk import Disk
from mcd.api.front import Front
from mcd.api.lookup import Lookup
from mcd.api.middleware import BODY_SECONDS, BodyLimit, Edge, SameOrigin
from mcd.api.sealing import Sessions, session_keys
from mcd.api.throttle import Rates, Throttle
from mcd.observability import metrics
from mcd.runtime import Runtime

SESSION_DAYS = 7

ROUTERS: tuple[APIRouter, ...] = (
    sessions.router,
    people.router,
    tokens.router,
    clusters.router,
    node_pools.router,
    product_lines.router,
    apps.router,
    releases.router,
    rollouts.router,
    settings.router,
    secret_sets.router,
    status.router,
    why_routes.router,
    pods.router,
    shells.router,
    events.router,
    validate.router,
    openapi.router,
    git.router,
    health.router,
)


def create_app(
    runtime: Runtime,
    *,
    rates: Rates | None = None,
    patience: shells.Patience | None = None,
    more: tuple[APIRouter, ...] = (),
    body_seconds: float = BODY_SECONDS,
) -> FastAPI:
    """The application. `more` are routers beside those of the API, for tests; a body has to be whole in `body_seconds`.
    Raises RuntimeError when a route declares no permission."""
    public = urlsplit(runtime.settings.url)
    https = public.scheme == "https"
    keys = session_keys(runtime)
    app = _with_routes(
        [
            Middleware(Edge, https=https),
            Middleware(Front),
            Middleware(SameOrigin, origin=f"{public.scheme}://{public.netloc}"),
            Middleware(BodyLimit, seconds=body_seconds),
            Middleware(
                Sessions,
                keys=keys,
                # Browsers keep a `__Host-` cookie to this host, to https and to the whole path.
                name="__Host-mcd" if https else "mcd",
                days=SESSION_DAYS,
                https=https,
            ),
        ],
        more,
    )
    metrics.BUILD_INFO.labels(mcd.__version__, mcd.REVISION).set(1)
    app.state.runtime = runtime
    app.state.session_keys = keys
    app.state.patience = patience or shells.Patience()
    app.state.throttle = Throttle(rates or Rates())
    app.state.disk = Disk(runtime.settings.data)
    errors.install(app)
    portal.install(app)
    return app


def description() -> dict[str, Any]:
    """The OpenAPI document, for who wants to read it without a server."""
    return _with_routes([], ()).openapi()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await git.pushing(app).ended()
    await app.state.looks.close()


def _with_routes(middleware: list[Middleware], more: tuple[APIRouter, ...]) -> FastAPI:
    app = FastAPI(
        title="MCD",
        version=mcd.__version__,
        description=openapi.DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # Our own routes answer the document, and no page is loaded from elsewhere.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"auto_configure": False, "tracing": False, "metrics": False},
        middleware=middleware,
        lifespan=_lifespan,
    )
    for router in (*ROUTERS, *portal.ROUTERS, *more):
        app.include_router(router)
    app.state.routes = require_permissions(app)
    app.router.middleware_stack = Lookup(app.router)
    openapi.install(app)
    return app
