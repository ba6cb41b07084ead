"""`python -m bench.served bare|naive|mcd|whole FOLDER`: one server process on a free port, whose number it prints.

`bare` is one FastAPI route that answers a fixed dict, behind uvicorn as it comes. `naive` is a list as one writes it
first: every App with its live Rollout out of the same database, through a response model. `mcd` is the whole API and
portal, as `mcd serve api` runs it, `whole` with the controllers in the same process, as `mcd serve` does. It must not
measure.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path


def bare(listener: socket.socket) -> None:
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/api/v1/apps/{app}")
    async def show(app: str) -> dict[str, object]:
        return {"name": app, "product_line": "line-000", "created_at": "2026-11-23T00:00:00Z", "state": "ready"}

    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])


def naive(listener: socket.socket, folder: Path) -> None:
    from datetime import datetime
    from typing import Any

    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel
    from sqlalchemy import select

    from mcd.settings import Environment
    from mcd.store import tables as t
    from mcd.store.session import Database

    class Listed(BaseModel):
        name: str
        product_line: str
        release: int
        conditions: list[dict[str, Any]]
        created_at: datetime

    app = FastAPI()
    db = Database(Environment(data=folder).database)
    statement = (
        select(t.app.c.name, t.product_line.c.name.label("product_line"), t.rollout.c.release, t.rollout.c.conditions,
               t.app.c.created_at)
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.rollout, t.rollout.c.app_id == t.app.c.id)
        .where(t.rollout.c.live)
        .order_by(t.app.c.name)
    )  # fmt: skip

    @app.get("/apps", response_model=list[Listed])
    async def listed() -> list[dict[str, Any]]:
        async with db.reading() as tx:
            return await tx.rows(statement)

    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])


def mcd(listener: socket.socket, folder: Path, *, controllers: bool) -> None:
    from mcd.api.app import create_app
    from mcd.api.server import server
    from mcd.api.throttle import Rates
    from mcd.cli.serve import event_loop, work
    from mcd.controllers.loop import Loop
    from mcd.observability import garbage, logs
    from mcd.runtime import open_runtime
    from mcd.settings import Environment

    # Written as they are in production, and thrown away.
    logs.configure("info", Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115

    async def serving() -> None:
        async with open_runtime(Environment(data=folder)) as runtime:
            app = create_app(runtime, rates=Rates(person=10**9, address=10**9))
            garbage.look_seldom()
            stop = asyncio.Event()
            working = [work(Loop(runtime, runtime.holder), stop, behind_requests=True)] if controllers else []
            await server(app).serve(sockets=[listener])
            stop.set()
            await asyncio.gather(*working)

    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serving())


def main() -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    match sys.argv[1:]:
        case ["bare", _]:
            bare(listener)
        case ["naive", folder]:
            naive(listener, Path(folder))
        case ["mcd" | "whole" as kind, folder]:
            mcd(listener, Path(folder), controllers=kind == "whole")
        case _:
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
