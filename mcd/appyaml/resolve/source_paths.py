"""Which files of the repository an app.yaml names, in any of its environments (app-yaml 3.8).

Whoever has the repository reads exactly these, and hands them in (`Source.files`). It must not read anything itself.
"""

from __future__ import annotations

from mcd.appyaml.parse import Checked
from mcd.appyaml.schema.files import beside
from mcd.appyaml.schema.shapes import inside
from mcd.appyaml.text.nodes import Map, Node, Scalar


def source_paths(checked: Checked) -> tuple[str, ...]:
    """Paths from the folder of app.yaml, each once, sorted; only such as lie below it."""
    file = checked.app_file
    if file is None or "source" not in file.source:
        return ()
    found: set[str] = set()
    _collect(file.root, found)
    return tuple(sorted(found))


def _collect(node: Node, found: set[str]) -> None:
    """Every `source` of every `files`, wherever it stands: components, sidecars and environments have their own."""
    if type(node) is not Map:
        return
    for word, (_, value) in node.entries.items():
        if word == "files" and type(value) is Map:
            for _, entry in value.entries.values():
                named = entry.entries.get("source") if type(entry) is Map else None
                if named is not None and type(named[1]) is Scalar and inside(named[1].text):
                    found.add(beside(named[1].text))
        else:
            _collect(value, found)
