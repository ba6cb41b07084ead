"""`mcd exec`: a command in a pod of the App, with this terminal as its own when it is one.

Two WebSocket channels and this process's three streams are bridged; the exit code is the command's. It must leave the
terminal as it found it, whatever happens, and sends the token to the stored server only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from mcd import __version__
from mcd.cli.client import API, Client, segment
from mcd.cli.contexts import is_loopback
from mcd.cli.options import AppOption, server, which_app
from mcd.errors import Code, McdError, echo

INPUT, OUTPUT, ERROR, EXIT, SIZE = range(5)
CHUNK = 32 * 1024


class AfterDashes(TyperCommand):
    """Keeps everything after the first `--` aside as the command to run: its flags are not ours."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            args, ctx.meta["mcd.command"] = args[:at], args[at + 1 :]
        return super().parse_args(ctx, args)


def exec_(
    ctx: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="APP[/COMPONENT]", help="Where. The component when there are several.", show_default=False
        ),
    ] = None,
    app: AppOption = None,
    pod: Annotated[str | None, typer.Option("--pod", help="This pod. Default: a ready one.")] = None,
    container: Annotated[
        str | None, typer.Option("--container", help="A sidecar. Default: the program itself.")
    ] = None,
    tty: Annotated[
        bool | None, typer.Option("--tty/--no-tty", "-t/-T", help="As on a terminal. Default: when this is one.")
    ] = None,
) -> None:
    """Run a command, or a shell, in a pod of the App.

    The command stands after `--`; without one it is sh. Its exit code is the exit code.

    Example: mcd exec shop/web -- python3 manage.py migrate
    """  # fmt: skip
    command = ctx.meta.get("mcd.command") or ["sh"]
    which, _, component = which_app(target, app if target is None or "/" not in target else None).partition("/")
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    wish: dict[str, Any] = {"command": command, "tty": terminal if tty is None else tty, "stdin": True}
    wish |= {k: v for k, v in {"component": component, "pod": pod, "container": container}.items() if v}
    with server() as client:
        told = client.post(f"/apps/{segment(which)}/exec", wish).body
        code = asyncio.run(_session(client, which, str(told["ticket"]), bool(wish["tty"])))
    raise typer.Exit(code)


exec_.command_class = AfterDashes  # type: ignore[attr-defined]


async def _session(client: Client, app: str, ticket: str, tty: bool) -> int:
    """The whole session. Raises McdError when it cannot be opened or breaks off before the command ended."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

    base = client.context.server.replace("http", "ws", 1)
    url = f"{base}{API}/apps/{segment(app)}/exec?ticket={segment_of_ticket(ticket)}"
    headers = {"Authorization": f"Bearer {client.context.token}"}
    proxy: Literal[True] | None = None if is_loopback(client.context.server) else True
    try:
        async with connect(
            url, additional_headers=headers, user_agent_header=f"mcd/{__version__}", proxy=proxy, max_size=2**20,
            open_timeout=20,
        ) as socket:  # fmt: skip
            with _raw_terminal(tty):
                return await _bridge(socket, tty)
    except InvalidStatus as error:
        raise _refused(error.response.status_code, error.response.body) from error
    except ConnectionClosed as error:
        why = error.rcvd.reason if error.rcvd else "the connection was lost"
        raise McdError(Code.UNAVAILABLE, f"the session ended: {echo(why, 200)}.", "Open a new one.") from error
    except (InvalidHandshake, OSError, TimeoutError) as error:
        raise McdError(
            Code.UNAVAILABLE, f"no session could be opened: {echo(str(error), 200)}.", "Try again."
        ) from error


def segment_of_ticket(ticket: str) -> str:
    from urllib.parse import quote

    return quote(ticket, safe="")


def _refused(status: int, body: bytes | bytearray | None) -> McdError:
    try:
        told = json.loads(bytes(body or b""))
        return McdError(Code(told["code"]), str(told["detail"]))
    except (ValueError, KeyError, TypeError):
        return McdError(Code.UNAVAILABLE, f"the server answered {status} instead of a session.", "Try again.")


async def _bridge(socket: Any, tty: bool) -> int:
    """Copies both ways until the command's exit code comes."""
    loop = asyncio.get_running_loop()
    tasks = [asyncio.create_task(_typed(socket), name="exec:typed")]
    if tty:
        await _send_size(socket)
        sizes: set[asyncio.Task[None]] = set()

        def resized() -> None:
            task = asyncio.ensure_future(_send_size(socket))
            sizes.add(task)
            task.add_done_callback(sizes.discard)

        loop.add_signal_handler(signal.SIGWINCH, resized)
    try:
        return await _shown(socket)
    finally:
        if tty:
            loop.remove_signal_handler(signal.SIGWINCH)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _shown(socket: Any) -> int:
    """What comes, to stdout and stderr; answers the exit code."""
    async for frame in socket:
        if not isinstance(frame, bytes) or not frame:
            continue
        if frame[0] == EXIT:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return int(json.loads(frame[1:])["exit_code"]) & 0xFF
            raise McdError(Code.UNAVAILABLE, "the command ended without an exit code.", "Run it again.")
        stream = sys.stdout if frame[0] == OUTPUT else sys.stderr
        stream.buffer.write(frame[1:])
        stream.buffer.flush()
    why = echo(str(socket.close_reason or ""), 200) or "the connection was closed"
    raise McdError(Code.UNAVAILABLE, f"the session ended: {why}.", "Open a new one.")


async def _typed(socket: Any) -> None:
    """Stdin to the command, to its end."""
    async for chunk in _chunks(sys.stdin.fileno()):
        await socket.send(bytes((INPUT,)) + chunk)
    await socket.send(bytes((INPUT,)))


async def _chunks(fd: int) -> AsyncIterator[bytes]:
    """What can be read, when it can be read. A regular file cannot be waited for and need not be."""
    loop = asyncio.get_running_loop()
    while True:
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(fd, ready.set_result, None)
        except PermissionError:
            data = os.read(fd, CHUNK)
        else:
            try:
                await ready
            finally:
                loop.remove_reader(fd)  # not while the last chunk is sent: it would fire all the time
            data = os.read(fd, CHUNK)
        if not data:
            return
        yield data


async def _send_size(socket: Any) -> None:
    size = shutil.get_terminal_size()
    told = {"columns": max(1, min(1000, size.columns)), "rows": max(1, min(1000, size.lines))}
    await socket.send(bytes((SIZE,)) + json.dumps(told).encode())


@contextlib.contextmanager
def _raw_terminal(tty: bool) -> Iterator[None]:
    """Every key goes to the command, Ctrl-C too; the terminal is given back as it was."""
    if not tty or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty as modes

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        modes.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
