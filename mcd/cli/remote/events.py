"""`mcd events`: what happened, oldest first, and what happens. The list and the stream show the same lines."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mcd.cli.client import segment
from mcd.cli.options import AppArgument, AppOption, LineOption, OutputOption, server
from mcd.cli.output import Form, Item, note, plain, show_list
from mcd.cli.remote.columns import ago, field, text
from mcd.cli.streams import follow as follow_stream

COLUMNS = [
    ago("age", "at"),
    field("kind"),
    field("noun", wide=True),
    field("name"),
    field("by", "actor"),
    field("message"),
]


def line_of(event: Item) -> str:
    """One Event as a line of its own, for a stream that has no columns."""
    at = text(event.get("at"))[11:19]
    what = f"{text(event.get('name'))}: {text(event.get('message'))} ({text(event.get('actor'))})"
    return plain(f"{at} {text(event.get('kind')):<18} {what}")


def events(
    app: AppArgument = None,
    name: AppOption = None,
    product_line: LineOption = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only of this kind: pushed, ready, stalled, healed …")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the newest.")] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes.")] = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Show what happened, and follow it. Without an App: everything that you may see.

    Example: mcd events shop -f
    """
    import json

    which = app or name
    if which:
        segment(which)
    query: dict[str, Any] = {"app": which, "product_line": product_line, "kind": kind}
    with server() as client:
        found = client.items("/events", limit=limit, **query)
        found.sort(key=lambda event: int(event.get("sequence") or 0))
        if not follow:
            show_list(found, COLUMNS, output, lambda e: f"event/{e['sequence']}")
            return
        for event in found:
            print(json.dumps(event, ensure_ascii=False) if output is Form.JSON else line_of(event))
        last = str(found[-1]["sequence"]) if found else ""
        for heard in follow_stream(client, "/events", after=last, lost=lambda e: note(f"{e} Trying again."), **query):
            shown = json.dumps(heard.data, ensure_ascii=False) if output is Form.JSON else line_of(heard.data)
            print(shown, flush=True)
