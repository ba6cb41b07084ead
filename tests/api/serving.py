"""The application behind a real server on a free port of this machine, for what httpx cannot carry inside a process:
streams that do not end, and WebSockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI

START_SECONDS = 10.0


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The base URL, reachable."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"{url}/livez")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.01)
        yield url
    finally:
        server.should_exit = True
        await task


class Stream:
    """A text/event-stream as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, *, seconds: float = 10.0) -> dict[str, str]:
        """The next message as a dict of its fields; comments are passed over. At the end an empty one."""
        found: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith(":"):
                    continue
                if not line:
                    if "data" in found or "event" in found:
                        return found
                    found = {}
                    continue
                name, _, value = line.partition(": ")
                found[name] = value
        return {}

    async def until(self, event: str) -> list[dict[str, str]]:
        """Everything up to the first message of a kind."""
        seen = []
        while True:
            message = await self.next()
            seen.append(message)
            if not message or message.get("event") == event:
                return seen
