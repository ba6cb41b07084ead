"""Commands that need no server: validate, render, explain, schema (app-yaml 8.1).

They read files and write to stdout and stderr; no network, no clock, no environment variable decides anything. The
functions are mounted by whoever makes the whole command. They must not import anything of the server.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from mcd.appyaml.compiler import Compiled, render_line
from mcd.cli import problem_formats
from mcd.cli.offline import (
    DEFAULT_FILE,
    NO_COMMIT,
    UNKNOWN_FIELD,
    WRONG_FILE,
    BranchOption,
    CommitOption,
    ContextFile,
    Environment,
    FileOption,
    ImageOption,
    LineSwitch,
    Strict,
    TagOption,
    compile_file,
    context_of,
    err,
    is_refused,
    out,
    problems_of,
    say_where,
    shown_as,
    source_of,
)
from mcd.errors import Problem, echo
from mcd.objects import Object, to_json, to_yaml


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


class ExplainFormat(StrEnum):
    """How `explain` answers."""

    TEXT = "text"
    JSON = "json"


def validate(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE…|-]", help="app.yaml files; - is stdin.")] = None,
    context: ContextFile = None,
    environment: Environment = None,
    strict: Strict = False,
    output: Annotated[ReportFormat, typer.Option("-o", "--output", help="Format of the answer.")] = ReportFormat.TEXT,
) -> None:
    """Check app.yaml and say everything that is wrong with it, at once."""
    known = context_of(context, environment)
    found: dict[str, tuple[Problem, ...]] = {}
    for name in files or [DEFAULT_FILE]:
        found[shown_as(name)] = problems_of(name, known)
    out(problem_formats.FORMATS[output](found))
    errors, warnings = problem_formats.counted(found)
    err(f"{_many(len(found), 'file')}, {_many(errors, 'error')}, {_many(warnings, 'warning')}\n")
    if any(is_refused(problems, strict=strict) for problems in found.values()):
        raise typer.Exit(WRONG_FILE)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def render(
    file: FileOption = DEFAULT_FILE,
    context: ContextFile = None,
    image: ImageOption = "",
    commit: CommitOption = NO_COMMIT,
    branch: BranchOption = "",
    tag: TagOption = "",
    environment: Environment = None,
    line: LineSwitch = False,
    strict: Strict = False,
    output: Annotated[ObjectFormat, typer.Option("-o", "--output", help="Format of the objects.")] = ObjectFormat.YAML,
) -> None:
    """Print the Kubernetes objects that app.yaml becomes."""
    source = source_of(commit, branch, tag, image)
    known = context_of(context, environment)
    checked, compiled = compile_file(file, known, source)
    err(problem_formats.as_text({shown_as(file): compiled.problems}))
    if output is ObjectFormat.YAML:  # who asks for JSON is a program, and reads problems and nothing else
        say_where(context, compiled.problems)
    if is_refused(compiled.problems, strict=strict):
        raise typer.Exit(WRONG_FILE)
    objects: list[Object] = []
    if line:
        objects += render_line(known, checked.app_file)
    objects += compiled.objects
    out(to_yaml(objects) if output is ObjectFormat.YAML else _as_json(objects, compiled))


def _as_json(objects: Sequence[Object], compiled: Compiled) -> str:
    secrets: list[dict[str, Any]] = [
        {"name": need.name, "keys": list(need.keys), "source": need.source, "version": need.version}
        for need in compiled.secrets
    ]
    warnings = [problem_formats.as_dict(p) for p in compiled.problems]
    answer = {"objects": list(objects), "secrets": secrets, "warnings": warnings}
    return to_json(answer)


def explain(
    field: Annotated[
        str,
        typer.Argument(
            metavar="[WORD]", help="components.web.health, gpu; value.range; crash-loop, OOMKilled; none: all keys"
        ),
    ] = "",
    output: Annotated[ExplainFormat, typer.Option("-o", "--output", help="Format of the answer.")] = ExplainFormat.TEXT,
) -> None:
    """Say what a key of app.yaml means: type, default, limits, effect, an example; or why a problem of a code comes up
    and what to do about it; or what a state of `mcd why`, a reason of a condition or an alert of MCD mean. Without a
    word: all keys, a line each.

    Example: mcd explain crash-loop
    """  # fmt: skip
    from mcd.appyaml.schema import document
    from mcd.cli import looked_up

    if not field:
        known = document.entries()
        told = json.dumps(document.as_json(known, field, None), ensure_ascii=False, indent=2) + "\n"
        out(told if output is ExplainFormat.JSON else document.overview(known))
        return
    found, meaning = document.find(field), document.meaning_of(field)
    beside = [one for one in (looked_up.state(field), looked_up.reason(field)) if one is not None]
    page = "" if found or meaning is not None or beside else looked_up.runbook(field)
    if page:
        out(json.dumps({"runbook": page}, ensure_ascii=False) + "\n" if output is ExplainFormat.JSON else page)
        return
    if not found and meaning is None and not beside:
        near = document.suggestion(field) or looked_up.suggestion(field)
        hint = f'Did you mean "{near}"?' if near else "`mcd explain` lists all of them."
        err(f'there is no field "{echo(field)}". {hint}\n')
        raise typer.Exit(UNKNOWN_FIELD)
    if output is ExplainFormat.JSON:
        answer = document.as_json(found, field, meaning) | {"states": [looked_up.as_json(one) for one in beside]}
        out(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        return
    texts = [document.explain(entry) for entry in found]
    texts += [document.explain_code(field, meaning)] if meaning is not None else []
    out("\n".join([*texts, *(looked_up.as_text(one) for one in beside)]))


def schema() -> None:
    """Print the JSON Schema of app.yaml, for editors.

    Example: mcd schema > app.schema.json
    """  # fmt: skip
    from mcd.appyaml.schema import editor

    out(json.dumps(editor.json_schema(), ensure_ascii=False, indent=2) + "\n")


COMMANDS = (validate, render, explain, schema)
"""What the whole command mounts, each under its own name."""
