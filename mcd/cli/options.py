"""The words that many commands share: which App, which form of output, how long to wait, how to reach the server.

Each flag is written once, so that it means the same everywhere. It must not contain what any command does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcd.cli.output import Form, note
from mcd.errors import Code, McdError, echo

if TYPE_CHECKING:
    from mcd.cli.client import Client


@contextmanager
def server() -> Iterator[Client]:
    """The server of this call, as the person who is signed in there. Raises McdError(unauthenticated)."""
    from mcd.cli.client import Client
    from mcd.cli.contexts import chosen

    context = chosen()
    if not context.token:
        raise McdError(
            Code.UNAUTHENTICATED, f"nobody is signed in to {context.server}.", "Run `mcd login`, or set MCD_TOKEN."
        )
    client = Client(context, warn=lambda said: note(f"warning: {said}"))
    try:
        yield client
    finally:
        client.close()


def complete_app(incomplete: str) -> list[str]:
    """Names of Apps for the shell. Silent and quick: a shell that waits is worse than one that knows nothing."""
    import httpx

    from mcd.cli.client import Client
    from mcd.cli.contexts import chosen

    try:
        client = Client(chosen())
        client.http.timeout = httpx.Timeout(1.0)
        return [a["name"] for a in client.items("/apps", limit=200) if str(a.get("name", "")).startswith(incomplete)]
    except (McdError, KeyError, TypeError):
        return []


AppArgument = Annotated[
    str | None,
    typer.Argument(metavar="APP", help="The App. Else -a, MCD_APP, or appname of ./app.yaml.", show_default=False,
                   autocompletion=complete_app),
]  # fmt: skip
AppOption = Annotated[
    str | None,
    typer.Option("-a", "--app", metavar="APP", help="The App.", show_default=False, autocompletion=complete_app),
]
LineOption = Annotated[
    str | None,
    typer.Option("-p", "--product-line", metavar="NAME", help="Only this product line.", show_default=False),
]
OutputOption = Annotated[Form, typer.Option("-o", "--output", help="How to write the answer.")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Watch until it is Ready, or say why it is not.")]
TimeoutOption = Annotated[
    str, typer.Option("--timeout", metavar="TIME", help="How long --wait watches. Then exit code 124.")
]


def which_app(argument: str | None, option: str | None = None) -> str:
    """The App that is meant: the argument, -a, MCD_APP, then appname of ./app.yaml. Raises McdError(invalid)."""
    if argument and option and argument != option:
        raise McdError(
            Code.INVALID, f'two Apps are named, "{echo(argument)}" and "{echo(option)}".', "Name one of them."
        )
    named = argument or option or os.environ.get("MCD_APP", "").strip()
    if named:
        return named
    found = appname_of(Path("app.yaml"))
    if found:
        return found
    raise McdError(
        Code.INVALID, "no App is named, and ./app.yaml names none.", "Write its name, or -a APP, or set MCD_APP."
    )


def appname_of(path: Path) -> str:
    """`appname` of an app.yaml, or nothing. The line is looked for, the file is not parsed: reading YAML would cost
    more than the rest of the command, and `mcd validate` is there to judge the file."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            text = file.read(262_144)
    except OSError:
        return ""
    found = re.search(r"""^appname:[ \t]+(["']?)([a-z][a-z0-9-]{1,39})\1[ \t]*(?:#.*)?\r?$""", text, re.MULTILINE)
    return found[2] if found else ""


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str, flag: str) -> float:
    """`90s`, `5m`, `1h30m`, `7d` in seconds. Raises McdError(invalid) that names the flag."""
    if re.fullmatch(r"(?:[0-9]{1,6}[dhms])+", text):
        parts = re.findall(r"(\d+)([dhms])", text)
        order = [unit for _, unit in parts]
        if order == sorted(set(order), key="dhms".index):
            return float(sum(int(n) * _UNITS[unit] for n, unit in parts))
    raise McdError(Code.INVALID, f'{flag}: "{echo(text)}" is not a time.', "Write 90s, 5m, 2h or 1h30m.")


def pairs(words: list[str], what: str) -> dict[str, str]:
    """`KEY=VALUE` words as a mapping. Raises McdError(invalid); the value is never part of the message."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            shown = echo(key, 40) if not equals else "=…"
            raise McdError(Code.INVALID, f'{what}: "{shown}" is not KEY=VALUE.', "Write it like TOKEN=abc.")
        if key in found:
            raise McdError(Code.INVALID, f'{what}: "{echo(key)}" is there twice.', "Keep one.")
        found[key] = value
    return found


def confirm_name(noun: str, name: str, yes: bool, what: str) -> None:
    """Asks for the name of what will be destroyed. Raises McdError(invalid) when it is not typed, or nobody can be
    asked."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise McdError(Code.INVALID, f"{what} There is no terminal to ask on.", "Say -y if that is meant.")
    print(what, file=sys.stderr)
    typed = typer.prompt(f"Type the name of the {noun} to go on", err=True)
    if typed.strip() != name:
        raise McdError(Code.INVALID, f'"{echo(typed)}" is not "{echo(name)}". Nothing was deleted.', "")
