"""`mcd logs`: lines of the App's containers, or of the builder, as they come. It keeps nothing and filters nothing."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mcd.cli.client import segment
from mcd.cli.options import AppArgument, AppOption, seconds, server, which_app
from mcd.cli.output import log_text


def logs(
    app: AppArgument = None,
    name: AppOption = None,
    component: Annotated[str | None, typer.Option("-c", "--component", help="Only this component.")] = None,
    pod: Annotated[str | None, typer.Option("--pod", help="Only this pod.")] = None,
    container: Annotated[
        str | None, typer.Option("--container", help="A sidecar. Default: the program itself.")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes, also of new pods.")] = False,
    previous: Annotated[bool, typer.Option("--previous", help="Of the container that ended before this one.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", min=0, max=100_000, help="So many last lines of each. Default: 200; all with --since."),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only what is younger: 10m, 2h.")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Begin each line with its time.")] = False,
    build: Annotated[bool, typer.Option("--build", help="The builder's output instead.")] = False,
    release: Annotated[int | None, typer.Option("--release", min=1, help="With --build: of this Release.")] = None,
) -> None:
    """Show the log of the App's pods, or of its build.

    --previous is about the container that ended last, of the pods of the newest version. When its log is gone with it,
    the last lines that were kept of it are shown. A line that begins with mcd: is none of a container.

    APP may be APP/COMPONENT. Lines begin with their pod when there are several components to tell apart.

    Example: mcd logs shop/web -f --since 10m
    """  # fmt: skip
    which, _, part = which_app(app, name).partition("/")
    component = component or part or None
    query: dict[str, Any] = {"follow": follow or None}
    if build or release is not None:
        where = f"/apps/{segment(which)}/logs" if release is None else f"/apps/{segment(which)}/releases/{release}/log"
        query["build"] = True if release is None else None
    else:
        where = f"/apps/{segment(which)}/logs"
        query |= {
            "component": component, "pod": pod, "container": container, "previous": previous or None,
            "tail": 200 if tail is None and since is None else tail,
            "since": f"{seconds(since, '--since'):.0f}s" if since else None,
            "timestamps": timestamps or None, "prefix": pod is None,
        }  # fmt: skip
    with server() as client, client.stream(where, accept="text/plain", silence=None, **query) as lines:
        for line in lines:
            print(log_text(line), flush=follow)
    sys.stdout.flush()
