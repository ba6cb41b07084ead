"""`mcd settings …` and `mcd secret …`: what the platform holds for an App beside its app.yaml.

A change of Settings is a new revision, and a new Rollout when the App runs. No value of a secret is ever read back.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.documents import text_from
from mcd.cli.options import AppArgument, AppOption, OutputOption, pairs, server, which_app
from mcd.cli.output import Column, Form, Item, note, show_list, show_one
from mcd.cli.remote.columns import ago, field, named, text
from mcd.errors import Code, McdError, echo

settings = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Settings of an App: show, set, unset, history."
)
secret = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Secrets of an App or a product line: list, set, unset."
)

AppFlag = AppOption


def _env(item: Item) -> str:
    return ", ".join(f"{k}={text(v)}" for k, v in sorted((item["values"].get("env") or {}).items()))


def _replicas(item: Item) -> str:
    components = item["values"].get("components") or {}
    return ", ".join(
        f"{name}={text(c.get('replicas'))}" for name, c in sorted(components.items()) if c.get("replicas") is not None
    )


def _secrets(item: Item) -> str:
    held = item["values"].get("secrets") or {}
    return ", ".join(f"{n} ({text(s.get('keys'))})" for n, s in sorted(held.items()))


COLUMNS = [
    field("revision"),
    Column("replicas", _replicas),
    Column("env", _env),
    Column("secrets", _secrets),
    field("by", "created_by"),
    ago("age", "created_at"),
]


@settings.command("show")
def settings_show(app: AppArgument = None, name: AppOption = None, output: OutputOption = Form.TABLE) -> None:
    """Show the newest Settings of an App.

    Example: mcd settings show shop
    """
    with server() as client:
        found = client.get(f"/apps/{segment(which_app(app, name))}/settings")
    show_one(found, COLUMNS, output, lambda s: f"settings/{s['app']}/{s['revision']}")


@settings.command("set")
def settings_set(
    words: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Variables of the environment.")],
    app: AppFlag = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Set variables of the environment. `mcd scale` sets replicas, `mcd secret set` secrets.

    Example: mcd settings set SITE_NAME=Harbour -a shop
    """
    change_settings(which_app(None, app), {"env": pairs(words, "NAME=VALUE")}, output)


@settings.command("unset")
def settings_unset(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Variables of the environment.")],
    app: AppFlag = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Take variables away again.

    Example: mcd settings unset SITE_NAME -a shop
    """
    change_settings(which_app(None, app), {"env": dict.fromkeys(names)}, output)


@settings.command("history")
def settings_history(
    app: AppArgument = None,
    name: AppOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 20,
    output: OutputOption = Form.TABLE,
) -> None:
    """Show the revisions of an App's Settings, newest first.

    Example: mcd settings history shop
    """
    with server() as client:
        items = client.items(f"/apps/{segment(which_app(app, name))}/settings/history", limit=limit)
    show_list(items, COLUMNS, output, lambda s: f"settings/{s['app']}/{s['revision']}")


def change_settings(app: str, wish: dict[str, Any], output: Form) -> None:
    """One new revision, made from the newest one: somebody else's change in between is told, not overwritten."""
    with server() as client:
        changed = patch_settings(client, app, wish)
    show_one(changed, COLUMNS, output, lambda s: f"settings/{s['app']}/{s['revision']}")


def patch_settings(client: Client, app: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Sends the change with the ETag that was read just now. Raises McdError(precondition) when it changed."""
    where = f"/apps/{segment(app)}/settings"
    body: dict[str, Any] = client.change("PATCH", where, wish, client.ask("GET", where).tag).body
    return body


# --- secrets --------------------------------------------------------------------------------------------------------

SECRET_COLUMNS = [field("name"), field("keys"), field("version")]
LineFlag = Annotated[
    str | None,
    typer.Option("-p", "--product-line", metavar="NAME", help="A secret of this product line.", show_default=False),
]


def _owner(app: str | None, line: str | None) -> str:
    if app and line:
        raise McdError(Code.INVALID, "an App and a product line are named.", "Name one of them.")
    return f"/product-lines/{segment(line)}" if line else f"/apps/{segment(which_app(None, app))}"


@secret.command("list")
def secret_list(app: AppFlag = None, product_line: LineFlag = None, output: OutputOption = Form.TABLE) -> None:
    """List secrets: names, keys, versions. Values cannot be read back.

    Example: mcd secret list -a shop
    """
    with server() as client:
        items = client.items(f"{_owner(app, product_line)}/secrets")
    show_list(items, SECRET_COLUMNS, output, named("secret"))


@secret.command("set")
def secret_set(
    name: Annotated[str, typer.Argument(metavar="SECRET", help="Its name: app.yaml says {secret: SECRET/KEY}.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE...]", help="KEY=@FILE reads a file. One KEY alone with --from-stdin."),
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--from-stdin", help="KEY=VALUE lines from stdin, or the value of the one KEY.")
    ] = False,
    app: AppFlag = None,
    product_line: LineFlag = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Set a secret: all its keys at once, keys that are not named go.

    What stands on a command line can be seen by others on this machine and stays in the shell's history: --from-stdin
    and KEY=@FILE keep it out of both.

    Example: mcd secret set payment --from-stdin -a shop < payment.env
    """  # fmt: skip
    values = secret_values(words or [], from_stdin)
    with server() as client:
        made = client.change("PUT", f"{_owner(app, product_line)}/secrets/{segment(name)}", {"values": values}).body
    show_one(made, SECRET_COLUMNS, output, named("secret"))


def secret_values(words: list[str], from_stdin: bool) -> dict[str, str]:
    """Keys and values from the command line, files and stdin. Raises McdError(invalid) without any value in it."""
    if from_stdin and len(words) == 1 and "=" not in words[0]:
        return {words[0]: text_from("-")}
    values = pairs(words, "KEY=VALUE")
    for key, value in values.items():
        if value.startswith("@"):
            values[key] = text_from(value[1:])
    if from_stdin:
        lines = [line.strip() for line in text_from("-").splitlines()]
        told = [line.removeprefix("export ") for line in lines if line and not line.startswith("#")]
        for number, line in enumerate(told, 1):
            key, equals, value = line.partition("=")
            if not equals or not key.strip():
                raise McdError(Code.INVALID, f"stdin: entry {number} is not KEY=VALUE.", "Write one KEY=VALUE a line.")
            if key.strip() in values:
                raise McdError(Code.INVALID, f'stdin: "{echo(key.strip())}" is there twice.', "Keep one.")
            values[key.strip()] = _unquoted(value.strip())
    if not values:
        raise McdError(Code.INVALID, "no value is given.", "Write KEY=VALUE, KEY=@FILE, or --from-stdin.")
    return values


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


@secret.command("unset")
def secret_unset(
    name: Annotated[str, typer.Argument(metavar="SECRET")], app: AppFlag = None, product_line: LineFlag = None
) -> None:
    """Take a secret away. Pods that need it will not start any more.

    Example: mcd secret unset payment -a shop
    """
    with server() as client:
        client.delete(f"{_owner(app, product_line)}/secrets/{segment(name)}")
    print(f"{name} is gone")
    note("pods that run keep what they read; new ones need it set again, or app.yaml without it.")
