"""What the commands without a server share (app-yaml 8.1): reading files, the context, the compiler, two streams, the
exit codes.

They read files and write to stdout and stderr; no network, no clock, no environment variable decides anything. It must
not import anything of the server, and not know what a command shows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mcd.appyaml.compiler import (
    Checked,
    Compiled,
    Context,
    Source,
    check,
    compile_app,
    source_paths,
    validate,
)
from mcd.appyaml.context import NO_CONTEXT, read_context
from mcd.appyaml.schema.shapes import IMAGE
from mcd.appyaml.text.reader import MAX_BYTES
from mcd.cli import problem_formats
from mcd.errors import McdError, Problem, echo, has_errors
from mcd.objects import is_reserved

WRONG_FILE, WRONG_USAGE, UNKNOWN_FIELD = 1, 2, 3
DEFAULT_FILE = "app.yaml"
_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")

FileOption = Annotated[str, typer.Option("-f", "--file", metavar="FILE|-", help="app.yaml; - is stdin.")]
ContextFile = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="FILE",
        help="Facts, as `mcd product-line context` prints them (no `mcd context`).",
    ),
]
Environment = Annotated[
    str | None, typer.Option("--environment", metavar="NAME", help="The product line to check for.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")]

ImageOption = Annotated[str, typer.Option("--image", metavar="REF", help="Image of components that name none.")]
CommitOption = Annotated[str, typer.Option("--commit", metavar="SHA", help="7 to 40 hex digits.")]
BranchOption = Annotated[str, typer.Option("--branch", metavar="B", help="Branch of the commit.")]
TagOption = Annotated[str, typer.Option("--tag", metavar="T", help="Tag of the commit.")]
LineSwitch = Annotated[bool, typer.Option("--line", help="Also the objects of the product line.")]
NO_COMMIT = "0" * 40


def out(text: str) -> None:
    """The same bytes on every machine: UTF-8, LF."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def err(text: str) -> None:
    sys.stderr.flush()
    sys.stderr.buffer.write(text.encode())
    sys.stderr.buffer.flush()


def wrong_usage(message: str, hint: str) -> NoReturn:
    """Ends the command: exit code 2."""
    err(f"{message} {hint}\n")
    raise typer.Exit(WRONG_USAGE)


def read_file(name: str) -> bytes:
    """The bytes of a file, `-` for stdin; one more than the limit is enough to refuse it."""
    if not name.isprintable():
        # It would be told with every problem, to a terminal or into the commands of a CI.
        wrong_usage(f"{echo(name)}: this name cannot be shown.", "Rename the file.")
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        wrong_usage(f"{echo(name)}: there is no such file.", "Check the path.")
    except IsADirectoryError:
        wrong_usage(f"{echo(name)}: it is a folder.", f"Write {echo(name.rstrip('/'))}/{DEFAULT_FILE}.")
    except PermissionError:
        wrong_usage(f"{echo(name)}: it may not be read.", "Check its permissions.")
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or "it is no path"
        wrong_usage(f"{echo(name)}: {reason}.", "Check the path.")


def context_of(file: str | None, environment: str | None) -> Context:
    """What --context and --environment say. Ends the command (2) when one of them cannot be read."""
    if environment is not None and not _NAME.fullmatch(environment):
        wrong_usage(f'--environment: "{echo(environment)}" is not a name.', "Use a-z, 0-9 and -.")
    if environment is not None and is_reserved(environment):
        wrong_usage(f'--environment: "{echo(environment)}" belongs to the platform.', "Choose another.")
    context = NO_CONTEXT
    if file is not None:
        shown = shown_as(file)
        found, problems = read_context(read_file(file), shown)
        if found is None:
            err(problem_formats.as_text({shown: problems}))
            raise typer.Exit(WRONG_USAGE)
        context = found
    return replace(context, environment=environment) if environment else context


def shown_as(name: str) -> str:
    """A file as it stands in a message."""
    return "stdin" if name == "-" else name


def compile_file(name: str, context: Context, source: Source | None = None) -> tuple[Checked, Compiled]:
    """What a file says and what it becomes; problems of both are in Compiled. `-` is stdin."""
    checked = check(read_file(name), shown_as(name))
    return checked, compile_app(checked, with_kinds(context, checked), _with_files(source or Source(), name, checked))


def problems_of(name: str, context: Context) -> tuple[Problem, ...]:
    """Every problem of a file, in each of its environments. `-` is stdin."""
    checked = check(read_file(name), shown_as(name))
    # Without a context nobody is asked who fills something in.
    known = replace(with_kinds(context, checked), fills=context.known)
    return validate(checked, known, _with_files(Source(), name, checked))


def _with_files(source: Source, name: str, checked: Checked) -> Source:
    """With the files of the repository that it names. Ends the command (2) when one of them cannot be read."""
    paths = source_paths(checked)
    if not paths:
        return source
    from mcd.cli.beside import files_beside

    try:
        return replace(source, files=files_beside(name, paths))
    except McdError as wrong:
        wrong_usage(wrong.message, wrong.hint)


def with_kinds(context: Context, checked: Checked) -> Context:
    """With the catalogue of infra, which is a dozen files that a text without the word has no use for."""
    if checked.app_file is None or "infra" not in checked.app_file.source:
        return context
    from mcd.infra.catalog import KINDS

    return replace(context, kinds=KINDS)


def source_of(commit: str = NO_COMMIT, branch: str = "", tag: str = "", image: str = "") -> Source:
    """What --commit, --branch, --tag and --image say. Ends the command (2) when one of them cannot be."""
    if not _COMMIT.fullmatch(commit):
        wrong_usage(f'--commit: "{echo(commit)}" is not a commit.', "Use 7 to 40 hex digits.")
    if image and not IMAGE.fullmatch(image):
        wrong_usage(f'--image: "{echo(image)}" is not an image.', "Write it like registry/app:1.2.")
    for name, value in (("--branch", branch), ("--tag", tag)):
        if value and (not value.isprintable() or len(value) > 255):
            wrong_usage(f'{name}: "{echo(value)}" is not a name in git.', "Check it.")
    return Source(commit=commit, branch=branch, tag=tag, image=image)


_OF_A_PLACE = ("cluster.degraded", "gpu.unchecked")
"""Warnings that another place would not have."""


def say_where(context: str | None, problems: Sequence[Problem]) -> None:
    """Without a context this is of no real cluster, whatever that is called: said where it makes a difference."""
    if context is None and any(problem.code in _OF_A_PLACE for problem in problems):
        err(
            "no --context: this is for a cluster of which nothing is known, not for one of MCD's. "
            "`mcd product-line context NAME > context.yaml` gets what MCD knows of one; `mcd diff` asks the server.\n"
        )


def is_refused(problems: Sequence[Problem], *, strict: bool) -> bool:
    """Whether a file with these problems is turned down: exit code 1."""
    return has_errors(problems) or (strict and bool(problems))
