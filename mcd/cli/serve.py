"""`mcd serve`: the only command that imports the server.

It reads the settings, opens the runtime and runs it. What it does is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import os
import signal
import socket
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING

import structlog
import typer

from mcd import rounds
from mcd.cli.installation import read_environment
from mcd.controllers.loop import Loop
from mcd.errors import Code, McdError
from mcd.observability import garbage, lag, logs, metrics
from mcd.runtime import Runtime, open_runtime
from mcd.settings import Environment
from mcd.store.processes import telling

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = structlog.get_logger("mcd.serve")

serve = typer.Typer(
    add_completion=False,
    help="Run MCD: the API and the controllers in one process, or one of them.\n\nExample: mcd serve",
    invoke_without_command=True,
)


@serve.callback()
def everything(context: typer.Context) -> None:
    """API and controllers in one process."""
    if context.invoked_subcommand is None:
        _run(api=True, controllers=True)


@serve.command()
def api() -> None:
    """Only the API and the git remote. Any number of them on PostgreSQL."""
    _run(api=True, controllers=False)


@serve.command()
def controllers() -> None:
    """Only the controllers. Any number of them on PostgreSQL share the work."""
    _run(api=False, controllers=True)


def _run(*, api: bool, controllers: bool) -> None:
    settings = read_environment()
    logs.configure(settings.log_level)
    if api:
        # Controllers alone start in half the time without it. Here, so that it is not looked through for ever.
        from mcd.api import app, git  # noqa: F401
    garbage.look_seldom()
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(_serve(settings, api=api, controllers=controllers))


def event_loop() -> asyncio.AbstractEventLoop:
    """What every server runs in: uvloop, where it is installed. TLS and sockets cost a fraction there of what they do
    in Python's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _application(settings: Environment, runtime: Runtime, *, api: bool) -> Starlette:
    """What answers over HTTP."""
    if not api:
        from mcd.api.probes import probes

        return probes(settings.data)
    from mcd.api import git
    from mcd.api.app import create_app

    return create_app(runtime, more=(git.router,))


async def _serve(settings: Environment, *, api: bool, controllers: bool) -> None:
    # Bound before anything starts: a taken port is one clear line, and nothing was begun.
    variable, address = ("MCD_LISTEN", settings.listen) if api else ("MCD_METRICS_LISTEN", settings.metrics_listen)
    listener = _listen(address, variable) if address else None
    with listener or contextlib.nullcontext():
        await _serve_with(settings, listener, api=api, controllers=controllers)


async def _serve_with(settings: Environment, listener: socket.socket | None, *, api: bool, controllers: bool) -> None:
    role = "serve" if api and controllers else "api" if api else "controllers"
    name = f"{socket.gethostname()}-{os.getpid()}"
    async with open_runtime(settings) as runtime, telling(runtime.db, name, runtime.holder, role, runtime.now):
        stop = asyncio.Event()
        for part in ("api", "controllers"):
            if role in (part, "serve"):
                metrics.SERVING.labels(part).set(1)
        with _signals(stop):
            jobs: list[Awaitable[None]] = []
            if listener is not None:
                app = _application(settings, runtime, api=api)
                jobs.append(_serve_app(app, settings, listener, stop))
            if controllers:
                jobs.append(work(Loop(runtime, runtime.holder), stop, behind_requests=api))
            late = asyncio.create_task(lag.keep_measuring())
            try:
                await _until_one_ends(stop, jobs)
            finally:
                late.cancel()


def work(controllers: Loop, stop: asyncio.Event, *, behind_requests: bool) -> asyncio.Task[None]:
    """Runs the controllers, until they stop. `behind_requests`: people are answered from the same event loop, and go
    first."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    if behind_requests:
        loop.set_task_factory(rounds.Rounds(loop))
        rounds.background(context)
    return loop.create_task(controllers.run(stop), name="controllers", context=context)


async def _until_one_ends(stop: asyncio.Event, jobs: list[Awaitable[None]]) -> None:
    """When one half ends, the other is asked to: half a process would look alive and do nothing."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _serve_app(app: Starlette, settings: Environment, listener: socket.socket, stop: asyncio.Event) -> None:
    from mcd.api.server import server as http_server

    host, port = listener.getsockname()[:2]
    server = http_server(app, proxies=settings.proxies)
    log.info("listening", address=f"{host}:{port}", url=settings.url)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


def _listen(address: str, variable: str) -> socket.socket:
    """The socket of an address (`host:port`). Raises McdError: unavailable where it cannot be had now, invalid where
    this machine has no such address; `variable` is the setting that it came from."""
    host, _, port = address.rpartition(":")
    host, family = host.strip("[]"), socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=512)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            said = f"{variable}: {host} is no address of this machine."
            raise McdError(Code.INVALID, said, "Use one that it has, for example 127.0.0.1:7070.") from None
        if error.errno == errno.EADDRINUSE:
            why = f"{address} is taken by another program."
            raise McdError(Code.UNAVAILABLE, why, f"Stop that program, or set {variable} to another port.") from None
        why = os.strerror(error.errno) if error.errno else "no reason given"
        raise McdError(
            Code.UNAVAILABLE, f"{address} cannot be used: {why}.", f"Set {variable} to another address."
        ) from None
