"""`mcd app …` and `mcd delete`: the Apps themselves. What they run is in `deploys` and `status`."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.options import (
    AppArgument,
    AppOption,
    LineOption,
    OutputOption,
    TimeoutOption,
    WaitOption,
    YesOption,
    confirm_name,
    seconds,
    server,
    which_app,
)
from mcd.cli.output import TIMED_OUT, Column, Form, Item, note, show_list, show_one
from mcd.cli.remote.columns import ago, at, field, message, named, short_commit, state_text, text
from mcd.errors import Code, McdError
from mcd.model import AppState

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="Apps: list, show, create, set, delete."
)

COLUMNS = [
    field("name"),
    field("product line", "product_line"),
    Column("state", lambda a: _state(a)),
    Column("release", lambda a: _release(a.get("live"))),
    ago("age", "created_at"),
    Column("deployed", lambda a: ago("", "created_at").text(a.get("live") or {}), wide=True),
    field("cluster", wide=True),
    field("repository", wide=True),
    message("message", "live", wide=True),
]


def _state(app: Item) -> str:
    """The word of the whole App, and why when that is its live Rollout's to say."""
    word, live = text(app.get("state")), app.get("live")
    if isinstance(live, dict) and (live.get("state") == word or word == AppState.HELD):
        return state_text({**live, "state": word})
    return word


def _release(live: Any) -> str:
    return f"{live.get('release')} ({short_commit(live.get('commit'))})" if live else ""


@app.command("list")
def app_list(
    product_line: LineOption = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="NAME", help="Only on this cluster.", show_default=False)
    ] = None,
    state: Annotated[AppState | None, typer.Option("--state", help="Only in this state.", show_default=False)] = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """List the Apps that you may see, with what runs of them.

    Example: mcd app list -p demo --state stalled -o wide
    """
    wanted = state.value if state else None
    with server() as client:
        items = client.items("/apps", product_line=product_line, cluster=cluster, state=wanted)
    narrowed = " ".join(
        word
        for word, said in (
            (f"in product line {product_line}", product_line),
            (f"on cluster {cluster}", cluster),
            (f"in state {wanted}", wanted),
        )
        if said
    )
    none = f"no App that you may see is {narrowed}." if narrowed else "there is no App that you may see."
    show_list(items, COLUMNS, output, named("app"), none=none)


@app.command("show")
def app_show(app: AppArgument = None, name: AppOption = None, output: OutputOption = Form.TABLE) -> None:
    """Show one App: where it comes from and what runs of it. `mcd status` tells how it is.

    Example: mcd app show shop
    """
    with server() as client:
        found = client.get(f"/apps/{segment(which_app(app, name))}")
    columns = [
        *COLUMNS[:4], field("repository"), field("path"), field("branch"), field("push to", "git_url"),
        field("created", "created_at"),
    ]  # fmt: skip
    show_one(found, columns, output, named("app"))


@app.command("create")
def app_create(
    name: Annotated[str, typer.Argument(metavar="APP", help="Its name; app.yaml must have the same as appname.")],
    product_line: Annotated[
        str | None, typer.Option("-p", "--product-line", metavar="NAME", help="Default: your own.")
    ] = None,
    repository: Annotated[
        str | None, typer.Option("--repository", help="Address of its git repository. Default: one that MCD holds.")
    ] = None,
    path: Annotated[str, typer.Option("--path", help="Where app.yaml is in the repository.")] = "app.yaml",
    branch: Annotated[str, typer.Option("--branch", help="The branch that deploys.")] = "main",
    output: OutputOption = Form.TABLE,
) -> None:
    """Create an App. The first push to MCD does the same by itself.

    Example: mcd app create shop -p demo
    """
    with server() as client:
        line = product_line or client.get("/whoami").get("default_product_line")
        if not line:
            raise McdError(Code.INVALID, "no product line is named and you have no default.", "Say -p NAME.")
        wish = {"name": name, "product_line": line, "repository": repository, "path": path, "branch": branch}
        made = client.post("/apps", {k: v for k, v in wish.items() if v is not None}).body
    show_one(
        made, [field("name"), field("product line", "product_line"), field("push to", "git_url")], output, named("app")
    )


@app.command("set")
def app_set(
    app: AppArgument = None,
    name: AppOption = None,
    repository: Annotated[str | None, typer.Option("--repository", help="Address of its git repository.")] = None,
    path: Annotated[str | None, typer.Option("--path", help="Where app.yaml is in the repository.")] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="The branch that deploys.")] = None,
    output: OutputOption = Form.TABLE,
) -> None:
    """Change where an App comes from.

    Example: mcd app set shop --branch release
    """
    wish = {k: v for k, v in {"repository": repository, "path": path, "branch": branch}.items() if v is not None}
    if not wish:
        raise McdError(Code.INVALID, "nothing to change is named.", "Say --repository, --path or --branch.")
    with server() as client:
        where = f"/apps/{segment(which_app(app, name))}"
        changed = client.change("PATCH", where, wish, client.ask("GET", where).tag).body
    show_one(changed, [field("name"), field("repository"), field("path"), field("branch")], output, named("app"))


@app.command("delete")
def app_delete(
    app: AppArgument = None,
    name: AppOption = None,
    yes: YesOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = "5m",
) -> None:
    """Delete an App and everything of it in the cluster. The same as `mcd delete`.

    Example: mcd app delete shop
    """
    delete(app, name, yes, wait, timeout)


GOES = "its pods, addresses, secrets, Settings and history go; its volumes and the commits of its repository are kept."


def delete(
    app: AppArgument = None,
    name: AppOption = None,
    yes: YesOption = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is gone.")] = False,
    timeout: TimeoutOption = "5m",
) -> None:
    """Delete an App and everything of it in the cluster.

    Its volumes and the commits of its repository are kept, all else goes, its secrets too. It asks for the App's name;
    -y does not ask.

    Example: mcd delete shop --wait
    """
    limit = seconds(timeout, "--timeout")
    which = which_app(app, name)
    with server() as client:
        there = client.get(f"/apps/{segment(which)}")  # a name that is not there is told before anybody is asked
        if callers := called_by(there):
            note(callers)
        confirm_name("App", which, yes, f"{which}: {GOES}")
        client.delete(f"/apps/{segment(which)}")
        if not wait:
            print(f"{which} is being deleted")
            return
        _until_gone(client, which, limit)
    print(f"{which} is gone")


def called_by(app: dict[str, Any]) -> str:
    """Who calls the App and would call nobody, as a line, or nothing."""
    names, others = list(app.get("called_by", ())), int(app.get("called_by_others", 0))
    if others:
        names.append(f"{others} {'Apps' if others > 1 else 'App'} that you cannot see")
    if not names:
        return ""
    listed = ", ".join(names[:-1]) + (" and " if names[:-1] else "") + names[-1]
    verb = "calls" if len(names) == 1 and others < 2 else "call"
    return f"{listed} {verb} {app['name']}: nothing new of them is deployed until their app_dep does without it."


def _until_gone(client: Client, app: str, limit: float) -> None:
    """Asks every second, because what is deleted has no stream any more."""
    deadline = time.monotonic() + limit
    while True:
        try:
            told = client.get(f"/apps/{segment(app)}")
        except McdError as error:
            if error.code is Code.NOT_FOUND:
                return
            raise
        if time.monotonic() >= deadline:
            why = at(told, "live", "message") or "no reason is known"
            note(f"{app} is still there: {why} It goes on by itself.")
            raise typer.Exit(TIMED_OUT)
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
