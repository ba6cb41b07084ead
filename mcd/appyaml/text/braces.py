"""Where inside a value something stands: the two braces of a template, as line and column of the file.

It must not parse templates.
"""

from __future__ import annotations

from mcd.appyaml.text.broken import split_lines
from mcd.appyaml.text.nodes import Node, Path, Place, Scalar, node_at


def template_place(root: Node, source: str, path: Path, offset: int) -> Place | None:
    """The place of the `{{` at `offset` of the value at `path`: exact in plain, quoted and literal values, the start
    of the value in folded ones. Nothing when there is no such value."""
    node = node_at(root, path)
    if type(node) is not Scalar:
        return None
    if node.style == ">":
        return node.place
    number = node.text.count("{{", 0, offset) + 1
    lines = split_lines(source)
    row, column = node.place[0] - 1, node.place[1] - 1
    while row < len(lines):
        at = lines[row].find("{{", column)
        while at >= 0:
            number -= 1
            if number == 0:
                return row + 1, at + 1
            at = lines[row].find("{{", at + 2)
        row, column = row + 1, 0
    return node.place
