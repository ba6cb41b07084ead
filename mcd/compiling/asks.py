"""What a child may be asked, and how its answer goes back: in pieces, each small enough that whoever unpacks it is not
held up.

Pure; it runs in the child. It must not do more than call the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcd.appyaml.compiler import NO_CONTEXT, Source, check, source_paths
from mcd.appyaml.compiler import validate as problems_of
from mcd.appyaml.live import Desired, apps_named, desired, required_in, types_in
from mcd.appyaml.record import replace as with_values
from mcd.appyaml.schema.deploy import Deploy
from mcd.appyaml.spec.storage import NO_FILES
from mcd.errors import Problem, has_errors, in_order
from mcd.infra.catalog import KINDS

MOST_TOLD = 1000
"""Problems of one file that are told at most. Each is a line that somebody has to read and to send."""

_ALONE = with_values(NO_CONTEXT, kinds=KINDS, fills=False)
"""What a file is checked against that belongs to no product line."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of pushes, and which files it names, and which Apps in a product line. `deploy` is the default's
    of a file that is none."""

    deploy: Deploy
    sources: tuple[str, ...]
    apps: tuple[str, ...]


def _desired(bound: Any, rollout: Any, previous: Any) -> list[Any]:
    """The Desired, then the components of its spec, without variables and files, then its objects."""
    found = desired(bound, KINDS, rollout, previous)
    told = bounded(found.problems)
    spec = found.compiled.spec
    bare = None if spec is None else with_values(spec, components=())
    # Templates of Jobs are left out: no caller of the live path reads them.
    compiled = with_values(found.compiled, objects=(), problems=told, spec=bare)
    head = replace(found, compiled=compiled, objects=(), problems=told)
    # Their variables and files are in the objects: nobody reads them here, and they are most of it.
    components = [] if spec is None else [with_values(c, env=(), files=NO_FILES) for c in spec.components]
    return [(head, len(components)), *components, *found.objects]


def joined(pieces: Sequence[Any]) -> Desired:
    """The Desired of its pieces."""
    (head, count), *rest = pieces
    compiled = head.compiled
    if compiled.spec is not None:
        compiled = with_values(compiled, spec=with_values(compiled.spec, components=tuple(rest[:count])))
    found: Desired = replace(head, compiled=compiled, objects=tuple(rest[count:]))
    return found


def _problems(text: str, file: str, files: Mapping[str, bytes] | None) -> list[Any]:
    return [bounded(problems_of(check(text, file), _ALONE, Source(files=files)))]


def _said(text: str, file: str, line: str) -> list[Any]:
    checked = check(text, file)
    app_file = checked.app_file
    deploy = app_file.app.deploy if app_file is not None else Deploy()
    return [Said(deploy, source_paths(checked), apps_named(checked, line))]


def _types(text: str, line: str) -> list[Any]:
    return [types_in(text, line)]


def _required(text: str, line: str) -> list[Any]:
    return [required_in(text, line)]


ASKS: Mapping[str, Callable[..., list[Any]]] = {
    "desired": _desired,
    "problems": _problems,
    "said": _said,
    "types": _types,
    "required": _required,
}
"""The words of an ask."""


def bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first that are told; errors before warnings where they are too many, so that no error is lost behind them."""
    told = tuple(problems)
    if len(told) <= MOST_TOLD:
        return told
    errors = [problem for problem in told if has_errors([problem])]
    rest = [problem for problem in told if not has_errors([problem])]
    return in_order([*errors, *rest][:MOST_TOLD])
