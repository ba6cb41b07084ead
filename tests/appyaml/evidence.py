"""All case folders, ours and those of the page, as evidence: what each writes, what it is refused for, what it becomes.

The tables and tests that ask "which case proves this?" read it from here, so that nobody keeps a list by hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from mcd.appyaml.compiler import Compiled, Source, check, compile_app, source_paths
from mcd.appyaml.context import NO_CONTEXT, Context, read_context
from mcd.appyaml.text.nodes import Items, Map, Node, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import decode, read
from mcd.cli.beside import files_beside
from mcd.errors import Problem, has_errors
from mcd.infra.catalog import KINDS
from tests.appyaml.cases_on_disk import COMMIT, Case, all_cases

PAGE = Path(__file__).parent / "page"
Steps = tuple[str, ...]
"""A place in app.yaml; `[N]` is an item of a list."""


@dataclass(frozen=True)
class Evidence:
    """One case: its name, whether the page's authors wrote it, and its text."""

    name: str
    of_the_page: bool
    text: bytes
    again: Callable[[bytes], Compiled]
    """Compiles another text in this case's place: with its context, its commit and the files beside it."""

    @cached_property
    def compiled(self) -> Compiled:
        return self.again(self.text)

    @property
    def accepted(self) -> bool:
        return self.compiled.ok

    @property
    def refused_for(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.compiled.problems if has_errors([p]))

    @property
    def tree(self) -> Node | None:
        """What is written, as the reader sees it."""
        report = Report("app.yaml")
        source = decode(self.text, report)
        return read(source, report) if source is not None else None


@cache
def everything() -> tuple[Evidence, ...]:
    """All cases, those of the page first, each kind by name."""
    return (*_of_the_page(), *(_ours(case) for case in all_cases()))


def _ours(case: Case) -> Evidence:
    return Evidence(case.name, False, case.text, case.compile)


def _of_the_page() -> Iterator[Evidence]:
    for folder in sorted((PAGE / "cases").iterdir()):
        text = (folder / "app.yaml").read_bytes() if (folder / "app.yaml").exists() else _made(folder / "make.py")
        yield Evidence(folder.name, True, text, _compiler(folder))


def _made(script: Path) -> bytes:
    return subprocess.run([sys.executable, str(script)], capture_output=True, check=True, timeout=60).stdout


def _compiler(folder: Path) -> Callable[[bytes], Compiled]:
    words = (folder / "args.txt").read_text().split() if (folder / "args.txt").exists() else []
    given = {word: value for word, _, value in (w.partition("=") for w in words)}
    context = replace(_context(folder / "context.yaml"), environment=given.get("--environment", ""), kinds=KINDS)
    rest = [given.get(word, "") for word in ("--branch", "--tag", "--image")]

    def compiled(text: bytes) -> Compiled:
        checked = check(text, "app.yaml")
        files = files_beside(str(folder / "app.yaml"), source_paths(checked))
        return compile_app(checked, context, Source(given.get("--commit", COMMIT), *rest, files=files))

    return compiled


def _context(file: Path) -> Context:
    if not file.exists():
        return NO_CONTEXT
    found, problems = read_context(file.read_bytes(), "context.yaml")
    assert found is not None, [str(problem) for problem in problems]
    return found


# --- places -----------------------------------------------------------------------------------------------------------

_STEP = re.compile(r'\["((?:[^"\\]|\\.|"(?!\]))*)"\]|"((?:[^"\\]|\\.)*)"|\[(\d+)\]|\.?([^.\[\]"]+)')


def steps_of(field: str) -> Steps:
    """A dotted path of a Problem, in steps: `files["/etc/a"].mode` is files, /etc/a, mode."""
    found = []
    for match in _STEP.finditer(field):
        quoted, first, number, word = match.groups()
        found.append("[N]" if number is not None else next(t for t in (quoted, first, word) if t is not None))
    return tuple(found)


def written(node: Node | None, here: Steps = ()) -> Iterator[Steps]:
    """Every place in a file that holds a value."""
    if isinstance(node, Map):
        for word, (_, value) in node.entries.items():
            yield (*here, word)
            yield from written(value, (*here, word))
    elif isinstance(node, Items):
        for item in node.items:
            yield (*here, "[N]")
            yield from written(item, (*here, "[N]"))


# --- what an editor sees ----------------------------------------------------------------------------------------------

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def seen_by_an_editor(node: Node | None) -> Any:
    """The values of a file by the core schema of YAML 1.2, as yaml-language-server checks them against a schema."""
    if isinstance(node, Map):
        return {word: seen_by_an_editor(value) for word, (_, value) in node.entries.items()}
    if isinstance(node, Items):
        return [seen_by_an_editor(item) for item in node.items]
    return _value(node) if isinstance(node, Scalar) else None


def _value(node: Scalar) -> Any:
    if not node.plain:
        return node.text
    if node.null:
        return None
    if node.text.lower() in ("true", "false") and node.text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return node.text.lower() == "true"
    if _INTEGER.fullmatch(node.text):
        return int(node.text, 0 if node.text[:2] in ("0o", "0x") else 10)
    if _FLOAT.fullmatch(node.text):
        return float(node.text)
    return node.text
