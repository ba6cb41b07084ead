"""Which files of the repository an app.yaml names, in any of its environments (app-yaml 3.8).

Whoever has the repository reads exactly these, and hands them in (`Source.files`). It must not read anything itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcd.appyaml.parse import Checked
from mcd.appyaml.schema.files import beside
from mcd.appyaml.schema.shapes import inside
from mcd.appyaml.text.nodes import Map, Scalar


def source_paths(checked: Checked) -> tuple[str, ...]:
    """Paths from the folder of app.yaml, each once, sorted; only such as lie below it."""
    file = checked.app_file
    if file is None or "source" not in file.source:
        return ()
    found: set[str] = set()
    for files in _files_of(file.root):
        for _, entry in files.entries.values():
            named = entry.entries.get("source") if type(entry) is Map else None
            if named is not None and type(named[1]) is Scalar and inside(named[1].text):
                found.add(beside(named[1].text))
    return tuple(sorted(found))


def _files_of(root: Map) -> Iterator[Map]:
    """Every `files` of the file: its own and those of its environments, components and sidecars, whose names may be
    `files` too."""
    for top in (root, *_below(root, "environments")):
        yield from _files_in(top)
        for component in _below(top, "components"):
            yield from _files_in(component)
            for sidecar in _below(component, "sidecars"):
                yield from _files_in(sidecar)


def _files_in(node: Map) -> Iterator[Map]:
    written = node.entries.get("files")
    if written is not None and type(written[1]) is Map:
        yield written[1]


def _below(node: Map, word: str) -> Iterator[Map]:
    """The mappings in a mapping that is keyed by names."""
    written = node.entries.get(word)
    if written is not None and type(written[1]) is Map:
        yield from (value for _, value in written[1].entries.values() if type(value) is Map)
