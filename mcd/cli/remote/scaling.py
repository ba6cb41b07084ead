"""`mcd scale`: how many pods each component has, kept as Settings.

A wish is answered at once; --wait only watches. It must not decide what the wish changes: the server does.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.options import (
    AppOption,
    OutputOption,
    QuietOption,
    TimeoutOption,
    WaitOption,
    seconds,
    server,
    which_app,
)
from mcd.cli.output import Form, note, plain
from mcd.cli.remote.deploys import DryRunOption, Waiting, replacing, rollout_with, show_plan, told
from mcd.errors import Code, McdError, echo


def scale(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="COMPONENT=N", help="N pods; `default` gives it back to app.yaml. The App may stand first."
        ),
    ],
    name: AppOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Set how many pods a component has. It stays so over deploys, until it is `default` again.

    From one pod to several, those that run are replaced too, one after the other: only then are they spread over
    nodes. It says so before it does it; --dry-run shows every field.

    Example: mcd scale shop web=3 worker=0
    """
    from mcd.cli.remote.settings import patch_settings

    limit = seconds(timeout, "--timeout")
    app, wished = replicas(words)
    which = which_app(app, name)
    wish = {"components": {c: {"replicas": n} for c, n in wished.items()}}
    with server() as client:
        if dry_run:
            show_plan(which, _plan(client, which, wish), output)
            return
        if not quiet and output in (Form.TABLE, Form.WIDE):
            _announce(client, which, wish)
        made = patch_settings(client, which, wish)
        rollout = rollout_with(client, which, made)
        if rollout is not None:
            told(client, rollout, output, Waiting(wait, limit, timeout, quiet), new=True)
            return
    print(plain(f"Settings {made.get('revision')} of {which} are kept; it runs nothing yet."))


def _plan(client: Client, app: str, wish: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.change("PATCH", f"/apps/{segment(app)}/settings", {**wish, "dry_run": True}).body
    return found


def _announce(client: Client, app: str, wish: dict[str, Any]) -> None:
    """That pods which run are replaced, before it is wished. While a cluster is away, or nothing runs, nobody knows."""
    try:
        found = _plan(client, app, wish)
    except McdError as error:
        if error.code not in (Code.UNAVAILABLE, Code.CONFLICT):
            raise
        return
    for line in replacing(found):
        note(line)


def replicas(words: list[str]) -> tuple[str | None, dict[str, int | None]]:
    """`shop web=3` as the App and the wish. Raises McdError(invalid) that names the word."""
    app = words[0] if words and "=" not in words[0] else None
    wished: dict[str, int | None] = {}
    for word in words[1:] if app else words:
        component, equals, count = word.partition("=")
        if (
            not component
            or not equals
            or not (count == "default" or (count.isascii() and count.isdigit() and len(count) < 5))
        ):
            raise McdError(Code.INVALID, f'"{echo(word)}" is not COMPONENT=N.', "Write it like web=3 or web=default.")
        wished[component] = None if count == "default" else int(count)
    if not wished:
        raise McdError(Code.INVALID, "no component is named.", "Write it like web=3.")
    return app, wished
