"""`mcd diff`: what a push or a deploy would change in the cluster, or what differs between two files or two commits.

It decides which of the two is meant, and leaves the rest to remote/deploys.py or compare.py. It must not import either
before it knows.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcd.cli.options import AppOption, complete_app
from mcd.cli.output import Form
from mcd.errors import Code, McdError

if TYPE_CHECKING:
    from mcd.cli.remote.deploys import Target


class DiffFormat(StrEnum):
    """How `diff` answers."""

    TEXT = "text"
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


_FORMS = {DiffFormat.JSON: Form.JSON, DiffFormat.YAML: Form.YAML, DiffFormat.NAME: Form.NAME}

HERE = ("context", "environment", "exit_code")
WITH_A_SERVER = ("name", "commit", "release", "take_over", "product_line")
"""Flags that say something for one of the two only."""


def diff(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[APP | OLD [NEW]]",
            help="An App, to compare with what runs; or two files or commits (OLD..NEW too), or one commit, which is "
            "compared with the file as it is now.",
            show_default=False,
            autocompletion=complete_app,
        ),
    ] = None,
    name: AppOption = None,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE|-", help="This app.yaml; of commits: its path.")
    ] = None,
    commit: Annotated[str | None, typer.Option("--commit", metavar="SHA", help="Deploy this commit.")] = None,
    release: Annotated[int | None, typer.Option("--release", min=1, metavar="N", help="Deploy this Release.")] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Adopt objects of the same name that somebody else made.")
    ] = False,
    product_line: Annotated[
        str | None, typer.Option("-p", "--product-line", metavar="NAME", help="Where a new App would be made.")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", metavar="FILE", help="Of files and commits: facts of the platform.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", metavar="NAME", help="Of files and commits: the product line.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Of files and commits: exit code 4 when they differ.")
    ] = False,
    output: Annotated[DiffFormat, typer.Option("-o", "--output", help="Format of the answer.")] = DiffFormat.TEXT,
) -> None:
    """Show what changes in the cluster, object by object and field by field. Changes nothing.

    Of an App: what a push or a deploy would change in what runs now. The working ./app.yaml of this App is taken with
    the files that git knows as they are now, else the newest Release; --commit and --release name something else. An
    image that no earlier build made is built by the push: that is said, and what runs it is named.

    Of two files or commits: how what they become differs; no server is asked. Both are rendered with the same commit
    and image, so that only what app.yaml and its files say can differ. Exit code 1: one of them has errors.

    Values of secrets are masked. An App is meant where one word could be both; `mcd diff main..` is the branch.

    Examples: mcd diff
    mcd diff HEAD~1
    mcd diff old.yaml new.yaml --environment site-9
    """  # fmt: skip
    from mcd.cli.compare import is_for_here

    form, words = _FORMS.get(output, Form.TABLE), words or []
    here = is_for_here(words)
    _refuse_flags(ctx, WITH_A_SERVER if here else HERE, "of files and commits" if here else "of what runs")
    if here:
        from mcd.cli.compare import compare, sides_of
        from mcd.cli.offline import DEFAULT_FILE, context_of

        known = context_of(context, environment)
        compare(*sides_of(words, file or DEFAULT_FILE), known, form, exit_code=exit_code)
        return
    from mcd.cli.remote.deploys import Target, diff_with_what_runs

    target: Target = Target(commit, release, take_over, product_line)
    diff_with_what_runs(words[0] if words else None, name, Path(file) if file else None, target, form)


def _refuse_flags(ctx: typer.Context, names: tuple[str, ...], what: str) -> None:
    given = [name for name in names if ctx.params.get(name)]
    if given:
        flag = {"name": "--app"}.get(given[0], "--" + given[0].replace("_", "-"))
        raise McdError(Code.INVALID, f"{flag} says nothing {what}.", "Leave it out. See `mcd diff --help`.")
