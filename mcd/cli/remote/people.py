"""`mcd person …` and `mcd token …`: who may sign in, and with what. A secret is printed once and kept nowhere."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.options import OutputOption, server
from mcd.cli.output import Column, Form, note, show_list, show_one
from mcd.cli.remote.columns import ago, field, named
from mcd.errors import Code, McdError, echo

person = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="People: list, show, create, set."
)
token = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="Your API tokens: list, create, revoke."
)

COLUMNS = [
    field("name"),
    Column("admin", lambda p: "yes" if p.get("admin") else ""),
    Column("disabled", lambda p: "yes" if p.get("disabled") else ""),
    field("default product line", "default_product_line"),
    ago("age", "created_at", wide=True),
]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin, one line.")]


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise McdError(Code.INVALID, "there is no terminal to ask for a password on.", "Use --password-stdin.")
    first = getpass.getpass("Password: ", stream=sys.stderr)
    if first != getpass.getpass("Again: ", stream=sys.stderr):
        raise McdError(Code.INVALID, "the two passwords differ. Nothing was changed.", "")
    return first


@person.command("list")
def person_list(output: OutputOption = Form.TABLE) -> None:
    """List people.

    Example: mcd person list
    """
    with server() as client:
        items = client.items("/people")
    show_list(items, COLUMNS, output, named("person"))


@person.command("show")
def person_show(name: Annotated[str, typer.Argument(metavar="NAME")], output: OutputOption = Form.TABLE) -> None:
    """Show one person.

    Example: mcd person show alice
    """
    with server() as client:
        found = client.get(f"/people/{segment(name)}")
    show_one(found, COLUMNS, output, named("person"))


@person.command("create")
def person_create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    admin: Annotated[bool, typer.Option("--admin", help="May do everything.")] = False,
    default_product_line: Annotated[
        str | None, typer.Option("-p", "--product-line", metavar="LINE", help="Where their first push goes.")
    ] = None,
    password_stdin: PasswordStdin = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Create a person with a password of at least 12 characters.

    Example: mcd person create alice -p demo
    """
    wish: dict[str, Any] = {"name": name, "password": _password(password_stdin), "admin": admin}
    if default_product_line:
        wish["default_product_line"] = default_product_line
    with server() as client:
        made = client.post_once("/people", wish).body
    show_one(made, COLUMNS, output, named("person"))


@person.command("set")
def person_set(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="May do everything, or not.")] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="--disable ends all sessions and tokens too.")
    ] = None,
    default_product_line: Annotated[
        str | None, typer.Option("-p", "--product-line", metavar="LINE", help="Where their first push goes.")
    ] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: PasswordStdin = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Change a person: rights, password, default product line.

    Example: mcd person set alice --disable
    """
    wish: dict[str, Any] = {"admin": admin, "disabled": disabled, "default_product_line": default_product_line}
    wish = {key: value for key, value in wish.items() if value is not None}
    if password or password_stdin:
        wish["password"] = _password(password_stdin)
    if not wish:
        raise McdError(Code.INVALID, "nothing to change is named.", "See `mcd person set --help`.")
    with server() as client:
        where = f"/people/{segment(name)}"
        changed = client.change("PATCH", where, wish, client.ask("GET", where).tag).body
    show_one(changed, COLUMNS, output, named("person"))


# --- tokens ---------------------------------------------------------------------------------------------------------


class Scope(StrEnum):
    """What a token may be used for at most."""

    READ = "read"
    DEPLOY = "deploy"
    ALL = "all"


TOKEN_COLUMNS = [
    field("id"),
    field("name"),
    field("scope"),
    field("expires", "expires_at"),
    Column("last used", lambda t: ago("", "last_used_at").text(t) or "never"),
]
PersonOption = Annotated[str | None, typer.Option("--person", help="Whose. Default: your own.")]


def _whose(client: Client, name: str | None) -> str:
    return segment(name or str(client.get("/whoami").get("name")))


@token.command("list")
def token_list(person: PersonOption = None, output: OutputOption = Form.TABLE) -> None:
    """List your tokens. The tokens themselves are not kept anywhere.

    Example: mcd token list
    """
    with server() as client:
        items = client.items(f"/people/{_whose(client, person)}/tokens")
    show_list(items, TOKEN_COLUMNS, output, named("token", "id"))


@token.command("create")
def token_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[Scope, typer.Option("--scope", help="What it may be used for at most.")] = Scope.DEPLOY,
    days: Annotated[int, typer.Option("--days", min=1, max=90, help="Days until it expires.")] = 30,
    output: OutputOption = Form.TABLE,
) -> None:
    """Create a token, for a program or for git. It is printed once.

    Example: mcd token create ci --scope deploy --days 90
    """
    with server() as client:
        wish = {"name": name, "scope": scope.value, "days": days}
        made = client.post_once(f"/people/{_whose(client, None)}/tokens", wish).body
    if output in (Form.JSON, Form.YAML):
        show_one(made, [], output, named("token", "id"))
        return
    print(made.get("secret"))
    note(f"token {made.get('id')}, scope {made.get('scope')}, until {made.get('expires_at')}. It is not shown again.")


@token.command("revoke")
def token_revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="An id or a name of `mcd token list`.")],
    person: PersonOption = None,
) -> None:
    """Revoke a token: it is worth nothing from now on.

    Example: mcd token revoke ci
    """
    with server() as client:
        whose = _whose(client, person)
        found = _token_id(client, whose, token)
        client.delete(f"/people/{whose}/tokens/{segment(found)}")
    print(f"token {token} is revoked")


def _token_id(client: Client, whose: str, word: str) -> str:
    """The id of a token that is named by its id or its name. Raises McdError not_found, or invalid for a name that
    several have, with the ids."""
    tokens = client.items(f"/people/{whose}/tokens")
    found = [t for t in tokens if t.get("id") == word] or [t for t in tokens if t.get("name") == word]
    if len(found) == 1:
        return str(found[0]["id"])
    ids = ", ".join(f"{t.get('id')} ({echo(str(t.get('name')))})" for t in (found or tokens)[:10]) or "none"
    if found:
        raise McdError(Code.INVALID, f'several tokens are called "{echo(word)}".', f"Name one by its id: {ids}.")
    raise McdError(Code.NOT_FOUND, f'there is no token "{echo(word)}".', f"Known: {ids}.")
