"""Commands that need no server: validate, render, explain, schema (app-yaml 8.1).

They read files and write to stdout and stderr; no network, no clock, no environment variable decides anything. The
functions are mounted by whoever makes the whole command. They must not import anything of the server.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from mcd.appyaml.compiler import Checked, Compiled, Context, Source, check, compile_app, render_line
from mcd.appyaml.context import NO_CONTEXT, read_context
from mcd.appyaml.resolve.app import line_name
from mcd.appyaml.schema.shapes import IMAGE
from mcd.appyaml.text.reader import MAX_BYTES
from mcd.cli import problem_formats
from mcd.errors import Problem, echo, has_errors
from mcd.objects import Object, to_yaml

WRONG_FILE, WRONG_USAGE, UNKNOWN_FIELD = 1, 2, 3
DEFAULT_FILE = "app.yaml"
_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


class ReportFormat(StrEnum):
    """How `validate` answers."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"


class ObjectFormat(StrEnum):
    """How `render` answers."""

    YAML = "yaml"
    JSON = "json"


ContextFile = Annotated[
    str | None,
    typer.Option("--context", metavar="FILE", help="Facts of the platform (app.yaml 8.2); no server of `mcd context`."),
]
Environment = Annotated[
    str | None, typer.Option("--environment", metavar="NAME", help="The product line to check for.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")]


def _out(text: str) -> None:
    """The same bytes on every machine: UTF-8, LF."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _err(text: str) -> None:
    sys.stderr.flush()
    sys.stderr.buffer.write(text.encode())
    sys.stderr.buffer.flush()


def _usage(message: str, hint: str) -> NoReturn:
    _err(f"{message} {hint}\n")
    raise typer.Exit(WRONG_USAGE)


def _read(name: str) -> bytes:
    """The bytes of a file, `-` for stdin; one more than the limit is enough to refuse it."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _usage(f"{echo(name)}: there is no such file.", "Check the path.")
    except IsADirectoryError:
        _usage(f"{echo(name)}: it is a folder.", f"Write {echo(name.rstrip('/'))}/{DEFAULT_FILE}.")
    except PermissionError:
        _usage(f"{echo(name)}: it may not be read.", "Check its permissions.")
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or "it is no path"
        _usage(f"{echo(name)}: {reason}.", "Check the path.")


def _context(file: str | None, environment: str | None) -> Context:
    if environment is not None and not _NAME.fullmatch(environment):
        _usage(f'--environment: "{echo(environment)}" is not a name.', "Use a-z, 0-9 and -.")
    context = NO_CONTEXT
    if file is not None:
        shown = "stdin" if file == "-" else file
        found, problems = read_context(_read(file), shown)
        if found is None:
            _err(problem_formats.as_text({shown: problems}))
            raise typer.Exit(WRONG_USAGE)
        context = found
    return replace(context, environment=environment) if environment else context


def _checked(name: str) -> Checked:
    return check(_read(name), "stdin" if name == "-" else name)


def _is_refused(problems: Sequence[Problem], *, strict: bool) -> bool:
    return has_errors(problems) or (strict and bool(problems))


def validate(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE…|-]", help="app.yaml files; - is stdin.")] = None,
    context: ContextFile = None,
    environment: Environment = None,
    strict: Strict = False,
    output: Annotated[ReportFormat, typer.Option("-o", "--output", help="Format of the answer.")] = ReportFormat.TEXT,
) -> None:
    """Check app.yaml and say everything that is wrong with it, at once."""
    known = _context(context, environment)
    found: dict[str, tuple[Problem, ...]] = {}
    for name in files or [DEFAULT_FILE]:
        shown = "stdin" if name == "-" else name
        found[shown] = compile_app(_checked(name), known).problems
    _out(problem_formats.FORMATS[output](found))
    errors, warnings = problem_formats.counted(found)
    _err(f"{_many(len(found), 'file')}, {_many(errors, 'error')}, {_many(warnings, 'warning')}\n")
    if any(_is_refused(problems, strict=strict) for problems in found.values()):
        raise typer.Exit(WRONG_FILE)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def render(
    file: Annotated[str, typer.Option("-f", "--file", metavar="FILE|-", help="app.yaml; - is stdin.")] = DEFAULT_FILE,
    context: ContextFile = None,
    image: Annotated[str, typer.Option("--image", metavar="REF", help="Image of components that name none.")] = "",
    commit: Annotated[str, typer.Option("--commit", metavar="SHA", help="7 to 40 hex digits.")] = "0" * 40,
    branch: Annotated[str, typer.Option("--branch", metavar="B", help="Branch of the commit.")] = "",
    tag: Annotated[str, typer.Option("--tag", metavar="T", help="Tag of the commit.")] = "",
    environment: Environment = None,
    line: Annotated[bool, typer.Option("--line", help="Also the objects of the product line.")] = False,
    strict: Strict = False,
    output: Annotated[ObjectFormat, typer.Option("-o", "--output", help="Format of the objects.")] = ObjectFormat.YAML,
) -> None:
    """Print the Kubernetes objects that app.yaml becomes."""
    if not _COMMIT.fullmatch(commit):
        _usage(f'--commit: "{echo(commit)}" is not a commit.', "Use 7 to 40 hex digits.")
    if image and not IMAGE.fullmatch(image):
        _usage(f'--image: "{echo(image)}" is not an image.', "Write it like registry/app:1.2.")
    for name, value in (("--branch", branch), ("--tag", tag)):
        if value and (not value.isprintable() or len(value) > 255):
            _usage(f'{name}: "{echo(value)}" is not a name in git.', "Check it.")
    known = _context(context, environment)
    checked = _checked(file)
    compiled = compile_app(checked, known, Source(commit=commit, branch=branch, tag=tag, image=image))
    shown = "stdin" if file == "-" else file
    _err(problem_formats.as_text({shown: compiled.problems}))
    if _is_refused(compiled.problems, strict=strict):
        raise typer.Exit(WRONG_FILE)
    objects: list[Object] = []
    if line:
        objects += render_line(known, line_name(checked.app_file, known))
    objects += compiled.objects
    _out(to_yaml(objects) if output is ObjectFormat.YAML else _as_json(objects, compiled))


def _as_json(objects: Sequence[Object], compiled: Compiled) -> str:
    secrets: list[dict[str, Any]] = [
        {"name": need.name, "keys": list(need.keys), "source": need.source, "version": need.version}
        for need in compiled.secrets
    ]
    warnings = [problem_formats.as_dict(p) for p in compiled.problems]
    answer = {"objects": list(objects), "secrets": secrets, "warnings": warnings}
    return json.dumps(answer, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def explain(field: Annotated[str, typer.Argument(metavar="FIELD", help="components.web.health, health, gpu")]) -> None:
    """Say what a key of app.yaml means: type, default, limits, effect, an example."""
    from mcd.appyaml.schema import document

    found = document.find(field)
    if not found:
        near = document.suggestion(field)
        hint = f'Did you mean "{near}"?' if near else "mcd schema lists all of them."
        _err(f'there is no field "{echo(field)}". {hint}\n')
        raise typer.Exit(UNKNOWN_FIELD)
    _out("\n".join(document.explain(entry) for entry in found))


def schema() -> None:
    """Print the JSON Schema of app.yaml, for editors."""
    from mcd.appyaml.schema import document

    _out(json.dumps(document.json_schema(), ensure_ascii=False, indent=2) + "\n")


COMMANDS = (validate, render, explain, schema)
"""What the whole command mounts, each under its own name."""
