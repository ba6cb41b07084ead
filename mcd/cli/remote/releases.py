"""`mcd release …` and `mcd rollout …`: the rows behind `status` and `history`."""

from __future__ import annotations

from typing import Annotated

import typer

from mcd.cli.client import Client, segment
from mcd.cli.options import AppArgument, AppOption, OutputOption, QuietOption, TimeoutOption, seconds, server, which_app
from mcd.cli.output import Column, Form, Item, Progress, show_data, show_list, show_one
from mcd.cli.remote.columns import ago, field, message, short_commit, state_text, text
from mcd.cli.remote.status import HISTORY
from mcd.errors import Code, McdError

release = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="Releases of an App: list, show, retry."
)
rollout = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="Rollouts of an App: list, show, watch."
)


def fate_text(release: Item) -> str:
    """`built`, `runs`, `ran`, or `failed: CrashLooping`; of an answer without it, the state."""
    word, why = text(release.get("fate")), text(release.get("fate_reason"))
    return f"{word}: {why}" if word and why else word or state_text(release)


COLUMNS = [
    field("release", "number"),
    Column("state", fate_text),
    Column("commit", lambda r: short_commit(r.get("commit"))),
    field("branch"),
    field("author", wide=True),
    ago("age", "created_at"),
    Column("title", lambda r: str(r.get("title") or "")[:60]),
    message(wide=True),
]
NumberArgument = Annotated[int, typer.Argument(metavar="N", min=1, help="Its number.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]


@release.command("list")
def release_list(
    app: AppArgument = None, name: AppOption = None, limit: LimitOption = 20, output: OutputOption = Form.TABLE
) -> None:
    """List the Releases of an App, newest first.

    Example: mcd release list shop
    """
    with server() as client:
        items = client.items(f"/apps/{segment(which_app(app, name))}/releases", limit=limit)
    show_list(items, COLUMNS, output, lambda r: f"release/{r['app']}/{r['number']}")


@release.command("show")
def release_show(number: NumberArgument, name: AppOption = None, output: OutputOption = Form.TABLE) -> None:
    """Show one Release: commit, images, app.yaml as it was read (-o json).

    Example: mcd release show 7 -a shop
    """
    with server() as client:
        found = client.get(f"/apps/{segment(which_app(None, name))}/releases/{number}")
    columns = [
        *COLUMNS[:2], field("commit"), field("branch"), field("tag"), field("author"), field("title"),
        Column("images", lambda r: ", ".join(f"{c}: {i}" for c, i in sorted((r.get("images") or {}).items()))),
        field("created", "created_at"), message(),
    ]  # fmt: skip
    show_one(found, columns, output, lambda r: f"release/{r['app']}/{r['number']}")


@release.command("retry")
def release_retry(number: NumberArgument, name: AppOption = None, output: OutputOption = Form.TABLE) -> None:
    """Read and build a Release that failed once more. `mcd deploy` does it for the newest one.

    Example: mcd release retry 7 -a shop
    """
    with server() as client:
        found = client.post(f"/apps/{segment(which_app(None, name))}/releases/{number}/retries").body
    show_one(found, COLUMNS, output, lambda r: f"release/{r['app']}/{r['number']}")


# --- rollouts -------------------------------------------------------------------------------------------------------


def by_number(client: Client, app: str, number: int) -> str:
    """The id of an App's Rollout. Raises McdError(not_found)."""
    for one in client.items(f"/apps/{segment(app)}/rollouts"):
        if one["number"] == number:
            return str(one["id"])
    raise McdError(Code.NOT_FOUND, f"{app} has no Rollout {number}.", f"`mcd history {app}` shows them.")


@rollout.command("list")
def rollout_list(
    app: AppArgument = None, name: AppOption = None, limit: LimitOption = 20, output: OutputOption = Form.TABLE
) -> None:
    """List the Rollouts of an App, newest first. The same as `mcd history`.

    Example: mcd rollout list shop
    """
    with server() as client:
        items = client.items(f"/apps/{segment(which_app(app, name))}/rollouts", limit=limit)
    show_list(items, HISTORY, output, lambda r: f"rollout/{r['id']}")


@rollout.command("show")
def rollout_show(number: NumberArgument, name: AppOption = None, output: OutputOption = Form.TABLE) -> None:
    """Show one Rollout: how it went, what it wrote.

    Example: mcd rollout show 12 -a shop
    """
    with server() as client:
        found = client.get(f"/rollouts/{segment(by_number(client, which_app(None, name), number))}")
    columns = [
        *HISTORY[:7],
        Column("restarts", lambda r: ", ".join(sorted(r.get("restarts") or {}))),
        Column("changes", lambda r: ", ".join(_change(c) for c in r.get("changes") or [])),
        Column("components", lambda r: ", ".join(f"{c['component']} {c['state']}" for c in r.get("components") or [])),
        message(),
    ]
    show_one(found, columns, output, lambda r: f"rollout/{r['id']}")


def _change(change: dict[str, object]) -> str:
    of = change.get("object")
    assert isinstance(of, dict)
    return f"{of.get('kind')}/{of.get('name')} {change.get('action')}"


@rollout.command("watch")
def rollout_watch(
    number: NumberArgument,
    name: AppOption = None,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Watch a Rollout until it is Ready (0), stalled (1), overtaken (5), or the time is over (124).

    Example: mcd rollout watch 12 -a shop
    """
    from mcd.cli.watch import verdict, watch

    limit = seconds(timeout, "--timeout")
    with server() as client:
        found = client.get(f"/rollouts/{segment(by_number(client, which_app(None, name), number))}")
        found = watch(client, found, limit, Progress(quiet))
    code = verdict(found, timeout)
    if output in (Form.JSON, Form.YAML):
        show_data(found, output)
    elif code == 0:
        print(f"Rollout {number} of {found['app']} is Ready")
    if code:
        raise typer.Exit(code)
