"""Warns of a `$` that its writer took for a variable: in a value and in a list nothing is expanded (app-yaml 3.4, 5.4).

Only what would have meant something is told: a variable that this component has, or the default of a shell. It must not
change anything.
"""

from __future__ import annotations

import re

from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.variables import Environment
from mcd.appyaml.schema.shapes import Words
from mcd.appyaml.text.nodes import Path
from mcd.errors import echo

_MEANT = r"(?a)(?<![$\\])\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-=?+][^}]*)?\})"
_RUNS_A_SCRIPT = r"-[a-z]*c"
_WEAK = ("HOME", "OTEL_")
"""Variables that the platform sets and nobody counts on."""


def tell_dollars(run: Resolving, env: Environment, path: Path, command: Words | None, args: Words | None) -> None:
    """What is taken as it stands in the variables and words of a container at `path`."""
    for name, (variable, where) in env.written.items():
        if variable.value is not None and "$" in variable.value:
            _in_a_value(run, env, name, variable.value, where)
    for word, words in (("command", command), ("args", args)):
        if words is not None and words.text is not None:
            _in_a_text(run, words.text, (*path, word))
    if not any(map(_has_script, (command, args))):
        for word, words in (("command", command), ("args", args)):
            for number, item in enumerate(words.words if words is not None else ()):
                if "$" in item:
                    _in_a_word(run, env, item, (*path, word, number))


def _in_a_value(run: Resolving, env: Environment, name: str, value: str, where: Path) -> None:
    told = (*where, "$")
    for found in re.finditer(_MEANT, value):
        other = found[1] or found[2]
        if told not in run.told and (found[3] or _is_counted_on(env, other)):
            run.told.add(told)  # those of the top level come once for each component
            hint = "Write the whole value." if other == name else f"Write {_expanded(other, found[3])}."
            _warn(run, where, found[0], "nothing expands $ in a value.", hint)


def _in_a_text(run: Resolving, text: str, where: Path) -> None:
    """`$NAME` is known there; what a shell does when it is not set is not."""
    for found in re.finditer(_MEANT, text):
        if found[3]:
            _warn(run, where, found[0], "no shell runs.", f'Write ${{{found[2]}}}, or [sh, -c, "…"].')
            return


def _in_a_word(run: Resolving, env: Environment, word: str, where: Path) -> None:
    for found in re.finditer(_MEANT, word):
        other = found[1] or found[2]
        if found[3] or _is_counted_on(env, other):
            _warn(run, where, found[0], "a list is taken word by word.", f"Write {_expanded(other, found[3])}.")
            return


def _expanded(name: str, default: str | None) -> str:
    """`${PORT:-80}` as a template says it."""
    behind = f' | default "{echo(default.lstrip(":-"))}"' if default and default.lstrip(":")[:1] == "-" else ""
    return f"{{{{ .Env.{name}{behind} }}}}"


def _warn(run: Resolving, where: Path, written: str, why: str, hint: str) -> None:
    run.findings.warn("env.literal", where, f'"{echo(written)}" stays as it is: {why}', hint)


def _is_counted_on(env: Environment, name: str) -> bool:
    return name in env.written or (env.has(name) and not name.startswith(_WEAK))


def _has_script(words: Words | None) -> bool:
    """Whether one of the words makes a shell of the program: what follows it is a script, which expands."""
    if words is None:
        return False
    return any(re.fullmatch(_RUNS_A_SCRIPT, word) for word in (words.words or (words.text or "").split()))
