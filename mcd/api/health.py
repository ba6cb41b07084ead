"""What machines ask of MCD itself: /livez, /readyz, /metrics, /version. None of it names an App or a person.

Liveness never looks at the database: restarting MCD does not mend a database.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

import mcd
from mcd.api.access import PROBE, RuntimeOf
from mcd.api.disk import Disk
from mcd.api.shapes import Version
from mcd.api.unavailable import say_unavailable
from mcd.errors import McdError
from mcd.observability import metrics

router = APIRouter(tags=["health"])

_DEADLINE = 3.0
"""Seconds that a readiness check may take; a probe gives up after a few."""


def disk_of(request: Request) -> Disk:
    disk: Disk = request.app.state.disk
    return disk


@router.get("/livez", operation_id="livez", dependencies=[PROBE], response_class=PlainTextResponse)
async def livez() -> str:
    """Whether the process answers at all."""
    return "ok\n"


@router.get(
    "/readyz",
    operation_id="readyz",
    dependencies=[PROBE],
    response_class=PlainTextResponse,
    responses={
        503: {
            "description": "Not ready, and why.",
            "content": {"text/plain": {"example": "not ready: database: no answer within 3 s.\n"}},
        }
    },
)
async def readyz(
    request: Request, runtime: RuntimeOf, verbose: Annotated[str | None, Query(description="Say each check.")] = None
) -> Response:
    """Whether requests can be answered: the database is there, its tables are those of this version, and there is room
    on the disk to write to."""
    checks: dict[str, str] = {}
    try:
        await asyncio.wait_for(runtime.db.check(), _DEADLINE)
        checks["database"] = "ok"
    except McdError as error:
        checks["database"] = str(error)
    except TimeoutError:
        checks["database"] = f"no answer within {_DEADLINE:.0f} s."
    checks["disk"] = disk_of(request).problem() or "ok"
    checks["key ring"] = "ok" if runtime.db.keyring is not None else "not there: secrets cannot be read or set"
    wrong = [f"{name}: {checks[name]}" for name in ("database", "disk") if checks[name] != "ok"]
    ready = not wrong
    text = "ok\n" if ready else f"not ready: {' '.join(wrong)}\n"
    if wrong:
        say_unavailable(wrong[0], "NotReady", "/readyz")
    if verbose is not None:
        text = "".join(f"[{'+' if said == 'ok' else '-'}] {name}: {said}\n" for name, said in checks.items()) + text
    return PlainTextResponse(text, 200 if ready else 503, headers={} if ready else {"Retry-After": "5"})


@router.get(
    "/metrics",
    operation_id="metrics",
    dependencies=[PROBE],
    response_class=PlainTextResponse,
    responses={200: {"description": "Prometheus' text format."}},
)
async def exposition(request: Request) -> Response:
    """MCD's own metrics, in Prometheus' text format."""
    metrics.DATA_FREE.set(disk_of(request).free() or 0)
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)


@router.get("/version", operation_id="version", dependencies=[PROBE], response_model=Version)
async def version() -> Response:
    """Which MCD this is."""
    return JSONResponse(Version(version=mcd.__version__, revision=mcd.REVISION).model_dump())
