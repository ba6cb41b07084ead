"""`mcd login`, `logout`, `whoami`, `context`: who is signed in where.

A password is sent once, for a token that is kept in its place. It must not write a password or a token to a terminal,
a log or a command line.
"""

from __future__ import annotations

import contextlib
import getpass
import platform
import secrets
import sys
from dataclasses import replace
from typing import Annotated

import typer

from mcd.cli import contexts
from mcd.cli.client import Client, segment
from mcd.cli.contexts import Context
from mcd.cli.options import OutputOption, server
from mcd.cli.output import Column, Form, note, show_list, show_one
from mcd.cli.remote.columns import field, named, text
from mcd.errors import Code, McdError

TOKEN_DAYS = 30


def login(
    address: Annotated[
        str | None,
        typer.Argument(metavar="SERVER", help="Address of the server. Default: MCD_SERVER, else the last one."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Your name there. Asked for when absent.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin, one line.")
    ] = False,
    token: Annotated[
        str | None, typer.Option("--token", help="A token instead of name and password; - reads it from stdin.")
    ] = None,
    context: Annotated[str | None, typer.Option("--context", help="Name to keep it under. Default: the host.")] = None,
) -> None:
    """Sign in to a server and keep the token.

    Name and password are exchanged for a token of 30 days, which lies in a file that only you can read. The password
    is not kept.

    Example: mcd login https://mcd.example.com --name alice
    """
    import os

    known = contexts.load()
    last = known.all[known.current].server if known.current else ""
    where = address or os.environ.get("MCD_SERVER", "") or last
    if not where:
        raise McdError(Code.INVALID, "no server is named.", "Write its address: `mcd login https://SERVER`.")
    where = contexts.server_address(where)
    if where.startswith("http:") and not contexts.is_loopback(where):
        note(f"warning: {where} is not encrypted: others on the way can read password and token.")
    kept = context or next((c.name for c in known.all.values() if c.server == where), contexts.default_name(where))
    given = _given_token(token)
    signed_in = Context(kept, where, given) if given else _exchange(Context(kept, where), name, password_stdin)
    client = Client(signed_in)
    with contextlib.closing(client):
        who = text(client.get("/whoami").get("name"))
    old = known.all.get(kept)
    contexts.remember(replace(signed_in, person=who))
    if old and old.token and old.server == where and old.token != signed_in.token:
        _revoke(old)
    print(f"signed in to {where} as {who}")
    if os.environ.get("MCD_TOKEN"):
        note("warning: MCD_TOKEN is set and goes before what was stored now.")


def _given_token(token: str | None) -> str:
    if token is None:
        return ""
    found = (sys.stdin.readline() if token == "-" else token).strip()
    if not found or not found.isascii() or not found.isprintable() or " " in found:
        raise McdError(Code.INVALID, "that is not a token.", "It begins with mcd_pat_; `mcd token create` makes one.")
    return found


def _exchange(at: Context, name: str | None, password_stdin: bool) -> Context:
    """Name and password for a token; the session that it takes is ended at once."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise McdError(
            Code.INVALID, "there is no terminal to ask for a password on.", "Use --password-stdin, or --token -."
        )
    if name is None:
        if not sys.stdin.isatty():
            raise McdError(Code.INVALID, "no name is given.", "Say --name NAME.")
        name = typer.prompt("Name", default=getpass.getuser(), err=True)
    if not password_stdin:
        password = getpass.getpass("Password: ", stream=sys.stderr)
    client = Client(at)
    with contextlib.closing(client):
        # the session is in a cookie, which the client keeps for these three calls
        client.post_once("/sessions", {"name": name, "password": password})
        label = f"mcd on {(platform.node() or 'a machine')[:80]}, {secrets.token_hex(3)}"  # names are taken once only
        wish = {"name": label, "scope": "all", "days": TOKEN_DAYS}
        made = client.post_once(f"/people/{segment(name)}/tokens", wish).body
        with contextlib.suppress(McdError):
            client.delete("/sessions/current")
    return replace(at, token=str(made["secret"]))


def _revoke(old: Context) -> None:
    """Takes the token back on the server, so that a copy of it is worth nothing. Best effort: it expires anyway."""
    parts = old.token.split("_")
    if len(parts) < 4 or not old.person:
        return
    client = Client(old)
    with contextlib.closing(client), contextlib.suppress(McdError):
        client.delete(f"/people/{segment(old.person)}/tokens/{segment(parts[2])}")


def logout() -> None:
    """End the session and forget the token.

    The token is taken back on the server too, so that a copy of it is worth nothing.

    Example: mcd logout
    """
    known = contexts.load()
    current = known.all.get(known.current)
    if current is None or not current.token:
        note("nobody is signed in here.")
        return
    _revoke(current)
    contexts.forget_token(current.name)
    print(f"signed out of {current.server}")


def whoami(output: OutputOption = Form.TABLE) -> None:
    """Who is signed in, where, with which roles.

    Example: mcd whoami -o json
    """
    with server() as client:
        who = client.get("/whoami")
        who = {**who, "server": client.context.server}
    show_one(
        who,
        [
            field("name"),
            field("server"),
            Column("admin", lambda w: "yes" if w.get("admin") else ""),
            Column(
                "roles", lambda w: ", ".join(f"{line}: {role}" for line, role in sorted(w.get("roles", {}).items()))
            ),
            field("token scope", "scope"),
            field("default product line", "default_product_line"),
        ],
        output,
        named("person"),
    )


context = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Several servers: list, use, remove.\n\nA context is a server and who is signed in there. The file of "
    "`mcd validate --context FILE` is another thing: facts of the platform, which `mcd product-line context` prints.",
)


@context.command("list")
def context_list(output: OutputOption = Form.TABLE) -> None:
    """List the servers that were signed in to.

    Example: mcd context list
    """
    known = contexts.load()
    items = [
        {"name": c.name, "server": c.server, "person": c.person, "current": c.name == known.current,
         "signed_in": bool(c.token)}
        for c in sorted(known.all.values(), key=lambda c: c.name)
    ]  # fmt: skip
    show_list(
        items,
        [Column("", lambda i: "*" if i["current"] else " "), field("name"), field("server"), field("person")],
        output,
        named("context"),
    )


@context.command("use")
def context_use(name: Annotated[str, typer.Argument(help="A name of `mcd context list`.")]) -> None:
    """Talk to another server from now on.

    Example: mcd context use mcd.example.com
    """
    print(f"now {contexts.use(name).server}")


@context.command("remove")
def context_remove(name: Annotated[str, typer.Argument(help="A name of `mcd context list`.")]) -> None:
    """Forget a server and its token.

    Example: mcd context remove mcd.example.com
    """
    contexts.remove(name)
    print(f"forgot {name}")
