"""Where inside a value something stands: the two braces of a template, as line and column of the file.

It must not parse templates.
"""

from __future__ import annotations

import re
from functools import lru_cache

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
    lines = _lines(source)
    row, column = node.place[0] - 1, node.place[1] - 1
    if node.style == "|":
        row, column = row + 1, 0  # a comment may stand behind the |
    elif node.style == '"' and not _written_as_read(lines, row, column, node.text):
        return node.place
    while row < len(lines):
        at = lines[row].find("{{", column)
        while at >= 0:
            number -= 1
            if number == 0:
                return row + 1, at + 1
            at = lines[row].find("{{", at + 2)
        row, column = row + 1, 0
    return node.place


@lru_cache(maxsize=1)
def _lines(source: str) -> list[str]:
    """The lines of the file that is being read: there may be many mistakes in it."""
    return split_lines(source)


_QUOTED = re.compile(r'"(?P<inside>(?:[^"\\]|\\.)*+)"', re.DOTALL)


def _written_as_read(lines: list[str], row: int, column: int, text: str) -> bool:
    """Whether each pair of braces of a value in double quotes stands in the file as such, and none by escapes."""
    many, found = 1, None
    while found is None and row + many < 2 * len(lines):
        # Twice as many each time: a value of thousands of lines is read twice, not thousands of times.
        raw = "\n".join([lines[row][column:], *lines[row + 1 : row + many]])
        found, many = _QUOTED.search(raw), many * 2
    return found is not None and found["inside"].count("{{") == text.count("{{")
