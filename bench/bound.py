"""The bound: given bytes sent to API servers by a bare client, as fast as it can. It imports nothing of MCD.

`python -m bench.bound` reads a JSON job from stdin: {"targets": [{"server", "ca", "token", "file"}], "in_flight": 16,
"query": "?…", "method": "PATCH"}; each line of a file is a path, a tab and a body. It writes seconds and latencies.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

SSA = "?fieldManager=mcd&force=false"
_KIND = {"Content-Type": "application/apply-patch+yaml"}


def _requests(file: str) -> list[tuple[str, bytes | None]]:
    lines = Path(file).read_bytes().splitlines()
    return [(path.decode(), body or None) for path, _, body in (line.partition(b"\t") for line in lines)]


async def _one(target: dict[str, str], job: dict[str, Any], took: list[float], gate: asyncio.Barrier) -> float:
    """All requests of one API server; answers when the last was answered."""
    tls = ssl.create_default_context(cafile=target["ca"])
    headers = {"Accept-Encoding": "identity", "Authorization": f"Bearer {target['token']}"}
    method, query, width = job["method"], job["query"], job["in_flight"]
    connector = aiohttp.TCPConnector(limit=width, ssl=tls)
    async with aiohttp.ClientSession(target["server"], connector=connector, headers=headers) as session:

        async def ask(method: str, path: str, body: bytes | None) -> None:
            async with session.request(method, path, data=body, headers=_KIND if body else None) as answer:
                text = await answer.read()
                if answer.status not in (200, 201):
                    raise RuntimeError(f"{method} {path}: {answer.status}: {text[:300]!r}")

        await asyncio.gather(*(ask("GET", "/version", None) for _ in range(width)))
        waiting: Iterator[tuple[str, bytes | None]] = iter(_requests(target["file"]))

        async def worker() -> None:
            for path, body in waiting:
                began = time.perf_counter()
                await ask(method, path + query, body)
                took.append(time.perf_counter() - began)

        await gate.wait()
        await asyncio.gather(*(worker() for _ in range(width)))
        return time.perf_counter()


async def run(job: dict[str, Any]) -> dict[str, Any]:
    took: list[float] = []
    gate = asyncio.Barrier(len(job["targets"]) + 1)
    tasks = [asyncio.ensure_future(_one(target, job, took, gate)) for target in job["targets"]]
    started = asyncio.ensure_future(gate.wait())
    await asyncio.wait([started, *tasks], return_when=asyncio.FIRST_COMPLETED)
    began, cpu = time.perf_counter(), time.process_time()
    ends = await asyncio.gather(*tasks)
    took.sort()
    p50, p99 = took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.99))]
    each = [end - began for end in ends]
    return {"seconds": max(each), "each": each, "requests": len(took), "cpu": time.process_time() - cpu,
            "p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3, "pid": os.getpid()}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.loads(sys.stdin.read())))))
