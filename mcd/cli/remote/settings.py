"""`mcd settings …` and `mcd secret …`: what the platform holds for an App beside its app.yaml.

A change of Settings is a new revision, and a new Rollout when the App runs. No value of a secret is ever read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.documents import text_from
from mcd.cli.options import (
    AppArgument,
    AppOption,
    OutputOption,
    QuietOption,
    TimeoutOption,
    WaitOption,
    pairs,
    seconds,
    server,
    which_app,
)
from mcd.cli.output import Column, Form, Item, plain, show_list, show_one
from mcd.cli.remote.columns import ago, field, named, text
from mcd.cli.remote.deploys import Waiting, rollout_with, told, watched
from mcd.errors import Code, McdError, echo

settings = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Settings of an App: show, set, unset, history.",
)
secret = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Secrets of an App or a product line: list, set, rotate, unset.",
)

AppFlag = AppOption


def _replicas(item: Item) -> str:
    components = item["values"].get("components") or {}
    return ", ".join(
        f"{name}={text(c.get('replicas'))}" for name, c in sorted(components.items()) if c.get("replicas") is not None
    )


def _secrets(item: Item) -> str:
    held = item["values"].get("secrets") or {}
    return ", ".join(f"{n} ({text(s.get('keys'))})" for n, s in sorted(held.items()))


def _filled_in(item: Item) -> str:
    return ", ".join(sorted(item["values"].get("env") or {}))


def _configs(item: Item) -> str:
    held = item["values"].get("configs") or {}
    return ", ".join(f"{name} ({', '.join(sorted(texts))})" for name, texts in sorted(held.items()))


COLUMNS = [
    field("revision"),
    Column("replicas", _replicas),
    Column("env", _filled_in),
    Column("configs", _configs),
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
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE",
            help="components.COMPONENT.replicas=N (`default`: as app.yaml says), env.NAME=VALUE or "
            "configs.NAME.KEY=TEXT; @FILE reads a file. The App may stand first.",
        ),
    ],
    app: AppFlag = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Set what the platform holds for an App: how many pods a component has, the variables that app.yaml calls
    required, and the config maps that its files name as {config: NAME/KEY}.

    What runs gets it with a Rollout of its own, which is named. Whoever may see the App can read it. All else is not
    set here: resources and other variables are written in app.yaml, secrets with `mcd secret set`.

    Example: mcd settings set shop env.SITE_NAME=Harbour configs.site.nginx.conf=@nginx.conf
    """
    named_app = words.pop(0) if "=" not in words[0] else None
    if not words:
        raise McdError(Code.INVALID, "nothing is named.", "Write components.COMPONENT.replicas=N.")
    given = {name: _value(name, value) for name, value in pairs(words, "NAME=VALUE").items()}
    waiting = Waiting(wait, seconds(timeout, "--timeout"), timeout, quiet)
    change_settings(which_app(named_app, app), _wish(given), output, waiting)


@settings.command("unset")
def settings_unset(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", help="components.COMPONENT.replicas, env.NAME, configs.NAME[.KEY]. The App may stand first."
        ),
    ],
    app: AppFlag = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Give it back to app.yaml, empty a variable, or take a config map away. Refused while something that runs needs
    it.

    Example: mcd settings unset components.web.replicas -a shop
    """
    named_app = names.pop(0) if len(names) > 1 and "." not in names[0] else None
    waiting = Waiting(wait, seconds(timeout, "--timeout"), timeout, quiet)
    change_settings(which_app(named_app, app), _wish(dict.fromkeys(names)), output, waiting)


def _path(name: str) -> tuple[str, ...]:
    """`components.web.replicas`, `env.NAME`, `configs.NAME` or `configs.NAME.KEY` as its parts: a key may have dots.
    Raises McdError(invalid) that says where everything else is written."""
    first, _, rest = name.partition(".")
    if first == "env" and rest:
        return (first, rest)
    if first == "configs" and rest:
        return tuple(part for part in (first, *rest.split(".", 1)))
    component, _, last = rest.partition(".")
    if first != "components" or last != "replicas" or not component:
        raise McdError(
            Code.INVALID,
            f'"{echo(name)}" is not set here, only components.COMPONENT.replicas, env.NAME and configs.NAME.KEY are.',
            _elsewhere(name),
        )
    return (first, component, last)


def _value(name: str, text: str) -> int | str | None:
    """What is meant by the text behind a name; a file's content for `@FILE`. Raises McdError(invalid)."""
    path = _path(name)
    if path[0] == "components":
        return _count(text)
    if path[0] == "configs" and len(path) == 2:
        raise McdError(Code.INVALID, f'"{echo(name)}" is a whole config map.', f"Write {echo(name)}.KEY=TEXT.")
    return text_from(text[1:]) if text.startswith("@") else text


def _elsewhere(name: str) -> str:
    """Where something that Settings do not hold is written."""
    first, *more = name.split(".")
    if first in ("components", "alerts") and len(more) > 1 and all(more):
        return f"Write {echo('.'.join((first, *more)))} in app.yaml and push."
    return (
        "Write a variable under env: in app.yaml and push, or keep it with `mcd secret set`. "
        "One that app.yaml calls required is filled in as env.NAME=VALUE."
    )


def _count(text: str) -> int | None:
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise McdError(Code.INVALID, f'"{echo(text)}" is not a count.', "Use 0 to 500, or default.")
    return int(text)


def _wish(given: Mapping[str, int | str | None]) -> dict[str, Any]:
    """The change as the API takes it: nested by the parts of each name."""
    wish: dict[str, Any] = {}
    for name, value in given.items():
        *outer, last = _path(name)
        inner = wish
        for part in outer:
            inner = inner.setdefault(part, {})
            if inner is None:
                break
        if inner is None or last in inner:
            raise McdError(Code.INVALID, f'"{echo(name)}" and a part of it are both named.', "Keep one.")
        inner[last] = value
    return wish


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


def change_settings(app: str, wish: dict[str, Any], output: Form, waiting: Waiting) -> None:
    """One new revision, made from the newest one: somebody else's change in between is told, not overwritten. Its
    Rollout is told beside it, and watched when asked to; exits with the verdict."""
    with server() as client:
        changed = patch_settings(client, app, wish)
        show_one(changed, COLUMNS, output, lambda s: f"settings/{s['app']}/{s['revision']}")
        rollout = rollout_with(client, app, changed)
        if output in (Form.TABLE, Form.WIDE):
            if rollout is None:
                print(plain(f"{app} runs nothing yet: its first Rollout takes them."))
            else:
                told(client, rollout, output, waiting, new=True)
        elif rollout is not None and waiting.wait:
            _, code = watched(client, rollout, waiting)
            if code:
                raise typer.Exit(code)


def patch_settings(client: Client, app: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Sends the change with the ETag that was read just now. Raises McdError(precondition) when it changed."""
    where = f"/apps/{segment(app)}/settings"
    body: dict[str, Any] = client.change("PATCH", where, wish, client.ask("GET", where).tag).body
    return body


# --- secrets --------------------------------------------------------------------------------------------------------


def _maker(item: Item) -> str:
    return "generated" if item.get("generated") else "set"


SECRET_COLUMNS = [field("name"), field("keys"), field("version"), Column("how", _maker)]
LineFlag = Annotated[
    str | None,
    typer.Option("-p", "--product-line", metavar="NAME", help="A secret of this product line.", show_default=False),
]


SecretWords = Annotated[
    list[str],
    typer.Argument(
        metavar="SECRET|KEY=VALUE",
        help="The secret, then its keys; the App may stand first. KEY=@FILE reads a file, KEY=- stdin.",
    ),
]


def _owner(word: str | None, app: str | None, line: str | None) -> str:
    if line and (word or app):
        raise McdError(Code.INVALID, "an App and a product line are named.", "Name one of them.")
    return f"/product-lines/{segment(line)}" if line else f"/apps/{segment(which_app(word, app))}"


def _named(words: list[str]) -> tuple[str | None, str, list[str]]:
    """`[APP] SECRET KEY=VALUE…` as its three parts. Raises McdError(invalid)."""
    bare = 0
    while bare < len(words) and "=" not in words[bare]:
        bare += 1
    if bare not in (1, 2):
        raise McdError(Code.INVALID, "it is not clear which secret is meant.", "Write [APP] SECRET KEY=VALUE…")
    return (words[0] if bare == 2 else None), words[bare - 1], words[bare:]


@secret.command("list")
def secret_list(
    app: AppArgument = None, name: AppFlag = None, product_line: LineFlag = None, output: OutputOption = Form.TABLE
) -> None:
    """List secrets: names, keys, versions, and whether people set them or MCD generated them. Values cannot be read
    back.

    Example: mcd secret list shop
    """
    with server() as client:
        items = client.items(f"{_owner(app, name, product_line)}/secrets")
    show_list(items, SECRET_COLUMNS, output, named("secret"))


@secret.command("set")
def secret_set(
    words: SecretWords,
    from_stdin: Annotated[bool, typer.Option("--from-stdin", help="KEY=VALUE lines from stdin.")] = False,
    app: AppFlag = None,
    product_line: LineFlag = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Set a secret: all its keys at once, keys that are not named go.

    What stands on a command line can be seen by others on this machine and stays in the shell's history: --from-stdin,
    KEY=@FILE and KEY=- keep it out of both. app.yaml names it as {secret: SECRET/KEY}.

    Example: mcd secret set shop payment --from-stdin < payment.env
    """
    word, name, rest = _named(words)
    values = secret_values(rest, from_stdin)
    with server() as client:
        where = f"{_owner(word, app, product_line)}/secrets/{segment(name)}"
        try:
            made = client.change("PUT", where, {"values": values}).body
        except McdError as error:
            if error.code is not Code.NOT_FOUND or product_line:
                raise
            raise _perhaps_new(client, which_app(word, app), error) from error
    show_one(made, SECRET_COLUMNS, output, named("secret"))


def _perhaps_new(client: Client, app: str, error: McdError) -> McdError:
    """The refusal of an App that is not there, with how whoever may make one goes on."""
    who = client.get("/whoami")
    roles, own = who.get("roles") or {}, who.get("default_product_line")
    lines = [line for line in (own, *sorted(roles)) if line and (who.get("admin") or roles.get(line) == "owner")]
    if not lines and not who.get("admin"):
        return error
    hint = (
        f"If it is a new App, first `mcd app create {echo(app)} -p {(*lines, 'LINE')[0]}`, then set the secret again."
    )
    return McdError(error.code, error.message, hint, reason=error.reason)


def secret_values(words: list[str], from_stdin: bool) -> dict[str, str]:
    """Keys and values from the command line, files and stdin. Raises McdError(invalid) without any value in it."""
    values = pairs(words, "KEY=VALUE")
    if from_stdin + sum(value == "-" for value in values.values()) > 1:
        raise McdError(Code.INVALID, "stdin can be read once only.", "Give the other values as KEY=@FILE.")
    for key, value in values.items():
        if value.startswith("@"):
            values[key] = text_from(value[1:])
        elif value == "-":
            values[key] = text_from("-")
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


@secret.command("rotate")
def secret_rotate(
    words: Annotated[list[str], typer.Argument(metavar="NAME", help="The App may stand first.")],
    app: AppFlag = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Generate a secret anew that app.yaml asks for as {generate: secret}. Only the components that read it get new
    pods. What people set is replaced by `mcd secret set`.

    Example: mcd secret rotate shop SESSION_KEY
    """
    word, name, rest = _named(words)
    if rest:
        raise McdError(Code.INVALID, "MCD makes the value itself.", "Write only the name.")
    with server() as client:
        where = f"{_owner(word, app, None)}/secrets/{segment(name)}/rotations"
        made = client.post(where).body
    show_one(made, SECRET_COLUMNS, output, named("secret"))


@secret.command("unset")
def secret_unset(
    words: Annotated[list[str], typer.Argument(metavar="SECRET", help="The App may stand first.")],
    app: AppFlag = None,
    product_line: LineFlag = None,
) -> None:
    """Take a secret away. Refused while something that runs reads it.

    Example: mcd secret unset shop payment
    """
    word, name, rest = _named(words)
    if rest:
        raise McdError(Code.INVALID, "a secret goes with all its keys.", "Write only its name.")
    with server() as client:
        client.delete(f"{_owner(word, app, product_line)}/secrets/{segment(name)}")
    print(f"{name} is gone")
