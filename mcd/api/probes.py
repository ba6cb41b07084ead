"""What a process without the API answers over HTTP: /livez and /metrics, as the API has them (`health.py`).

It has no readiness, because nobody sends it requests. It must not import FastAPI or a shape of the API: that is nine
megabytes for two texts.
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import mcd
from mcd.api.disk import Disk
from mcd.observability import metrics

ALIVE = "ok\n"


def probes(data: Path) -> Starlette:
    """`data` is the folder whose disk is told of."""
    disk = Disk(data)
    metrics.BUILD_INFO.labels(mcd.__version__, mcd.REVISION).set(1)

    async def livez(_request: Request) -> Response:
        return PlainTextResponse(ALIVE)

    async def exposition(_request: Request) -> Response:
        return told(disk)

    return Starlette(routes=[Route("/livez", livez), Route("/metrics", exposition)])


def told(disk: Disk) -> Response:
    """The metrics of this process, in Prometheus' text format."""
    metrics.DATA_FREE.set(disk.free() or 0)
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
