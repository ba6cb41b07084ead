"""`mcd status`, `history`, `open`: how an App is, what it ran, where it answers. Reads only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.options import AppArgument, AppOption, OutputOption, server, which_app
from mcd.cli.output import Column, Form, lasting, note, paint, plain, print_table, show_data, show_list
from mcd.cli.remote.columns import ago, at, counts_text, field, message, short_commit, state, state_text, text
from mcd.errors import Code, McdError, echo

LOOK_AGAIN = 2.0
"""Seconds between two looks of `status -w`."""


def status(
    app: AppArgument = None,
    name: AppOption = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Show it again whenever it changes.")] = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Show how an App is, component by component, and what can be done about it.

    Example: mcd status shop -w
    """
    which = which_app(app, name)
    with server() as client:
        if not watch:
            show(client.get(f"/apps/{segment(which)}/status"), output)
            return
        _watch(client, which, output)


def _watch(client: Client, app: str, output: Form) -> None:
    """Until Ctrl-C. On a terminal the screen is drawn again, elsewhere each change is printed below the last."""
    before: Any = None
    lost = ""
    while True:
        try:
            found = client.get(f"/apps/{segment(app)}/status")
            lost = ""
        except McdError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            if not lost:
                note(f"{error} Trying again.")
            found, lost = before, str(error)
        if found != before and found is not None:
            if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and output is Form.TABLE:
                sys.stdout.write("\x1b[H\x1b[2J")
            elif before is not None and output is Form.TABLE:
                print("---")
            show(found, output)
            sys.stdout.flush()
            before = found
        time.sleep(LOOK_AGAIN)


def show(found: Mapping[str, Any], output: Form) -> None:
    """The whole picture: head, components, problems, next step."""
    name = str(at(found, "app", "name"))
    if output in (Form.JSON, Form.YAML):
        show_data(found, output)
        return
    if output is Form.NAME:
        print(plain(f"app/{name}"))
        return
    rollout = found.get("rollout")
    print(plain(f"{name} in {at(found, 'app', 'product_line')}"))
    if rollout:
        of = f"Rollout {rollout['number']}, Release {rollout['release']}, Settings {rollout['settings']}"
        line = f"{state_text(rollout)} ({of}, {ago('', 'created_at').text(rollout)} ago)"
        print(paint(plain(line)))
        if rollout.get("message") and rollout.get("state") != "ready":
            print(f"  {plain(_sentence(rollout))}")
        elif beside := _sentence(rollout).partition(". ")[2]:
            # Of one that is ready the first sentence is in the table below.
            print(f"  {plain(beside)}")
        if line := _since(found):
            print(f"  {plain(line)}")
        if rollout.get("away_since"):
            where, since = at(found, "app", "cluster"), lasting(rollout["away_since"])
            seen = f"seen last {ago('', 'last_seen_at').text(rollout)} ago; " if rollout.get("last_seen_at") else ""
            print(plain(f"  {seen}cluster {where} is away {since}, since {rollout['away_since']}"))
    if aside := found.get("not_live"):
        which = f"Release {aside['release']} ({short_commit(aside.get('commit'))})"
        yet = " yet" if aside.get("state") == "progressing" else ""
        print(plain(f"{which} is not live{yet}: {_sentence(aside)}"))
        for line in aside.get("evidence") or []:
            print(f"  | {plain(str(line))}")
    elif not rollout:
        print("nothing was pushed yet")
    if rollout and (newest := found.get("newest_settings") or 0) > rollout["settings"]:
        deploy = f"`mcd deploy {name} --release {rollout['release']}`"
        print(plain(f"Settings {newest} are saved and do not run yet: the next push runs them, or {deploy}"))
    components = found.get("components") or []
    if components:
        print()
        print_table(["component", "type", "state", "ready", "message"], [_row(c) for c in components])
    for component in components:
        if component.get("state") == "failed" and component.get("evidence"):
            print(f"\n{plain(component['component'])}:")
            for line in component["evidence"]:
                print(f"  | {plain(str(line))}")
    urls = [url for c in components for url in c.get("urls") or []]
    if urls:
        print()
        for url in urls:
            print(plain(url))
    for problem in found.get("problems") or []:
        where = ":".join(str(problem[k]) for k in ("file", "line", "column") if problem.get(k))
        print(plain(f"{where}: {problem.get('field')}: {problem.get('message')} {problem.get('hint') or ''}".rstrip()))
    if found.get("next_step"):
        note(f"next: {found['next_step']}")


def _since(found: Mapping[str, Any]) -> str:
    """Since when it is not as it should be. Of an App whose cluster is away, the line about the cluster says it."""
    rollout = found.get("rollout") or {}
    word = at(found, "app", "state")
    if rollout.get("state") in ("ready", "superseded") or not rollout.get("since"):
        return ""
    if word == "unknown" and rollout.get("away_since"):
        return ""
    return f"{word} {lasting(rollout['since'])}, since {rollout['since']}"


def _row(component: Mapping[str, Any]) -> list[str]:
    counts = counts_text(component) if component.get("type") in ("web", "service", "daemon") else ""
    return [
        text(component.get("component")),
        text(component.get("type")),
        state_text(component),
        counts,
        _sentence(component),
    ]


def _sentence(of: Mapping[str, Any]) -> str:
    return " ".join(text(of.get("message")).split())


HISTORY = [
    Column("rollout", lambda r: f"{r['number']}{' *' if r.get('live') else ''}"),
    state(),
    field("release"),
    field("settings"),
    field("trigger"),
    field("by", "created_by"),
    ago("age", "created_at"),
    Column("ran well", lambda r: "yes" if r.get("ready_at") else "no", wide=True),
    message(wide=True),
]


def history(
    app: AppArgument = None,
    name: AppOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 20,
    output: OutputOption = Form.TABLE,
) -> None:
    """Show the Rollouts of an App, newest first. The live one has a star.

    Example: mcd history shop -o wide
    """
    with server() as client:
        items = client.items(f"/apps/{segment(which_app(app, name))}/rollouts", limit=limit)
    show_list(items, HISTORY, output, lambda r: f"rollout/{r['id']}")


def open_(
    app: AppArgument = None,
    name: AppOption = None,
    component: Annotated[str | None, typer.Option("-c", "--component", help="Of this component.")] = None,
    url: Annotated[bool, typer.Option("--url", help="Only print it.")] = False,
) -> None:
    """Print the App's address, and open it in a browser where there is a display.

    Example: mcd open shop
    """
    which = which_app(app, name)
    with server() as client:
        components = client.get(f"/apps/{segment(which)}/status").get("components") or []
    webs = [c for c in components if component in (None, c.get("component")) and c.get("urls")]
    urls = [u for c in webs for u in c["urls"]]
    if not urls:
        raise McdError(
            Code.NOT_FOUND, f"{echo(which)} has no address.", "Only a web component that is deployed has one."
        )
    print(plain(urls[0]))
    if webs[0].get("replicas") == 0:
        part = webs[0]["component"]
        note(f"nothing answers there: {which}/{part} has 0 pods. `mcd scale {which} {part}=1` starts one.")
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("darwin", "win32")
    if shown and not url and sys.stdout.isatty() and urls[0].startswith(("http://", "https://")):
        import webbrowser

        if not webbrowser.open(urls[0]):
            note("no browser could be started.")
