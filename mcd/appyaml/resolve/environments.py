"""Lays what differs in a product line over the file: `environments`, and `pre` for a Pre App (app-yaml 4.1 d e, 4.2).

Works on the tree, whose nodes keep their places, so that a problem of the result points at the text that wrote the
value. It must not judge the result: that is read like a file.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from mcd.appyaml.context import Context
from mcd.appyaml.parse import AppFile, read_app
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.environments import DIFFERS, entries_of
from mcd.appyaml.schema.fields import Kind, keys_of
from mcd.appyaml.schema.partial import removes, without_nulls
from mcd.appyaml.text.nodes import Map, Node, Place
from mcd.appyaml.text.problems import Findings, Report
from mcd.appyaml.text.words import suggest
from mcd.errors import Problem, echo

IN_PRE = ("infra", "env")
"""What `pre` lays over the file."""

Entries = dict[str, tuple[Place, Node]]


def environment_name(app_file: AppFile | None, context: Context) -> str:
    """NAME of app-yaml 4.1: what a person asked for, else the product line, else what the file hints at."""
    hint = app_file.app.product_line if app_file is not None else ""
    return context.environment or context.product_line.name or hint or "demo"


def line_name(app_file: AppFile | None, context: Context) -> str:
    """The product line: the context's, else it is called NAME too."""
    return context.product_line.name or environment_name(app_file, context)


def unmatched(app_file: AppFile, context: Context) -> tuple[Problem, ...]:
    """A warning, where a person asked for an environment that none of the file's entries is for. A file without any
    is the same everywhere, which is nothing to be warned of."""
    names = app_file.app.environments
    if not context.environment or not names:
        return ()
    report = Report(app_file.file)
    message = f'no entry is for "{echo(context.environment)}".'
    Findings(report, app_file.root).warn(
        "environment.unmatched", ("environments",), message, suggest(context.environment, names), key=True
    )
    return tuple(report.found)


def matching(root: Map, name: str) -> list[Map]:
    """The entries that apply to a product line: globs in the order written, then the one with its very name."""
    found = []
    exact = None
    for key, _, entry in entries_of(root):
        if key == name:
            exact = entry
        elif fnmatchcase(name, key):
            found.append(entry)
    return [*found, exact] if exact is not None else found


def laid_over(app_file: AppFile, name: str, *, pre: bool = False) -> tuple[AppFile, tuple[Problem, ...]]:
    """The file as the product line `name` has it, in a Pre App with what `pre` says, and what is wrong with the shape
    of that. The file itself, and nothing, where it says nothing of them."""
    root = app_file.root
    if "environments" in root.entries:
        for entry in matching(root, name):
            root = _merged_root(root, entry, DIFFERS)
    if pre and "pre" in root.entries:
        written = root.entries["pre"][1]
        if type(written) is Map:
            root = _merged_root(root, written, IN_PRE)
    return (app_file, ()) if root is app_file.root else read_app(app_file.file, app_file.source, root)


def _merged_root(root: Map, part: Map, words: tuple[str, ...]) -> Map:
    """The file with those keys of a part laid over it that may differ."""
    keys = keys_of(App)
    entries = dict(root.entries)
    for word, (place, value) in part.entries.items():
        if word in words:
            _lay(entries, word, place, value, keys[word].kind)
    return Map(entries, root.place, root.key)


def _lay(entries: Entries, word: str, place: Place, value: Node, kind: Kind | None) -> None:
    """One key of a mapping laid over another."""
    if removes(value):
        entries.pop(word, None)
        return
    before = entries.get(word)
    if type(value) is not Map or before is None:
        entries[word] = (place, without_nulls(value))
        return
    base = before[1] if type(before[1]) is Map else _written_out(before[1], kind)
    if base is None or (kind is not None and kind.whole is not None and kind.whole(base, value)):
        entries[word] = (place, without_nulls(value))
    else:
        entries[word] = (before[0], _merged(Map(base.entries, base.place, before[0]), value, kind))


def _written_out(node: Node, kind: Kind | None) -> Map | None:
    return kind.expand(node) if kind is not None and kind.expand is not None else None


def _merged(base: Map, over: Map, kind: Kind | None) -> Map:
    """Key by key. `base.entries` is never changed: the file is laid under several environments."""
    entries = dict(base.entries)
    for word, (place, value) in over.entries.items():
        _lay(entries, word, place, value, _child(kind, word))
    return Map(entries, base.place, base.key)


def _child(kind: Kind | None, word: str) -> Kind | None:
    """The Kind of a key of a mapping, where the schema knows it: parameters of an infra are anybody's."""
    if kind is None or kind.many:
        return None
    if kind.inner is not None:
        return kind.inner
    known = keys_of(kind.model).get(word) if kind.model is not None else None
    return known.kind if known is not None else None
