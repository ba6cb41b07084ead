"""What machines ask of MCD itself: /livez, /readyz, /metrics, /version. None of it names an App or a person.

Liveness never looks at the database: restarting MCD does not mend a database.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

import mcd
from mcd.api import unattended
from mcd.api.access import PROBE, RuntimeOf
from mcd.api.disk import Disk
from mcd.api.probes import ALIVE, told
from mcd.api.shapes import Version
from mcd.api.unavailable import say_unavailable
from mcd.errors import McdError
from mcd.runtime import Runtime
from mcd.store.gauges import work
from mcd.store.keyring import KeyRing, exposed
from mcd.store.revisions import head
from mcd.store.secrets import Unopenable, unopenable
from mcd.store.session import Database

router = APIRouter(tags=["health"])

_DEADLINE = 3.0
"""Seconds that a readiness check may take; a probe gives up after a few."""


def disk_of(request: Request) -> Disk:
    disk: Disk = request.app.state.disk
    return disk


@router.get("/livez", operation_id="livez", dependencies=[PROBE], response_class=PlainTextResponse)
async def livez() -> str:
    """Whether the process answers at all."""
    return ALIVE


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
    on the disk to write to. That no controller works on what is wished, or that the key ring does not open every value,
    is said below `ok`, and is no reason to fail."""
    checks = [await _database(runtime), _disk(disk_of(request)), _key_ring(runtime)]
    if checks[0].mark == "+":
        checks[2] = await _values(runtime) or checks[2]
        checks.append(await _controllers(runtime))
    wrong = [check for check in checks if check.mark == "-" and check.fails]
    ready = not wrong
    beside = "".join(check.line for check in checks if check.mark == "-" and not check.fails)
    text = f"ok\n{beside}" if ready else f"not ready: {' '.join(f'{check.name}: {check.said}' for check in wrong)}\n"
    if wrong:
        say_unavailable(f"{wrong[0].name}: {wrong[0].said}", "NotReady", "/readyz")
    if verbose is not None:
        text = "".join(check.line for check in checks) + text.removesuffix(beside)
    return PlainTextResponse(text, 200 if ready else 503, headers={} if ready else {"Retry-After": "5"})


@dataclass(frozen=True, slots=True)
class _Check:
    """`mark` is + for what is as it should be, ! for what should be mended soon, - for what MCD cannot work with. What
    does not fail leaves requests to be answered, and readers have their answers."""

    mark: Literal["+", "!", "-"]
    name: str
    said: str
    fails: bool = True

    @property
    def line(self) -> str:
        return f"[{self.mark}] {self.name}: {self.said}\n"


async def _database(runtime: Runtime) -> _Check:
    try:
        await asyncio.wait_for(runtime.db.check(), _DEADLINE)
    except McdError as error:
        return _Check("-", "database", str(error))
    except TimeoutError:
        return _Check("-", "database", f"no answer within {_DEADLINE:.0f} s.")
    return _Check("+", "database", f"ok, tables of revision {head()}")


def _disk(disk: Disk) -> _Check:
    if said := disk.problem():
        return _Check("-", "disk", said)
    return _Check("+", "disk", f"ok, {(disk.free() or 0) / 1024**3:.1f} GiB free")


def _key_ring(runtime: Runtime) -> _Check:
    if runtime.db.keyring is None:
        return _Check("!", "key ring", "not there: secrets cannot be read or set")
    said = exposed(runtime.settings.keys_file)
    return _Check("!", "key ring", said) if said else _Check("+", "key ring", "ok")


async def _values(runtime: Runtime) -> _Check | None:
    """What the key ring does not open; readers of all else have their answers."""
    if runtime.db.keyring is None:
        return None
    try:
        lost = await asyncio.wait_for(_lost(runtime.db, runtime.db.keyring), _DEADLINE)
    except McdError as error:
        return _Check("!", "key ring", f"not known whether it opens all values: {error}")
    except TimeoutError:
        return _Check("!", "key ring", f"not known whether it opens all values: no answer within {_DEADLINE:.0f} s.")
    return _Check("-", "key ring", str(lost), fails=False) if lost is not None else None


async def _lost(db: Database, ring: KeyRing) -> Unopenable | None:
    async with db.reading() as tx:
        return await unopenable(tx, ring)


async def _controllers(runtime: Runtime) -> _Check:
    """An API without controllers stores wishes and nobody works on them: said here, where it is looked for first."""
    name, now = "controllers", runtime.now()
    try:
        found = await asyncio.wait_for(work(runtime.db, now), _DEADLINE)
    except McdError as error:
        return _Check("!", name, f"not known: {error}")
    except TimeoutError:
        return _Check("!", name, f"not known: no answer within {_DEADLINE:.0f} s.")
    if said := unattended.problem(found, now, unattended.command(runtime.settings.database)):
        return _Check("-", name, said, fails=False)
    if said := unattended.busy(found):
        return _Check("!", name, said)
    return _Check("+", name, unattended.alive(found.living))


@router.get(
    "/metrics",
    operation_id="metrics",
    dependencies=[PROBE],
    response_class=PlainTextResponse,
    responses={200: {"description": "Prometheus' text format."}},
)
async def exposition(request: Request) -> Response:
    """MCD's own metrics, in Prometheus' text format."""
    runtime: Runtime | None = getattr(request.app.state, "runtime", None)
    if runtime is not None:
        await runtime.gauges.fresh(runtime.db, runtime.now())
    return told(disk_of(request))


@router.get("/version", operation_id="version", dependencies=[PROBE], response_model=Version)
async def version() -> Response:
    """Which MCD this is."""
    return JSONResponse(Version(version=mcd.__version__, revision=mcd.REVISION).model_dump())
