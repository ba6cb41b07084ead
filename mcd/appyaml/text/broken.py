"""Says what is wrong with text that is no YAML, in the words of somebody who wrote it rather than of a parser.

Looks at the line that the parser stopped at. It must not parse anything itself.
"""

from __future__ import annotations

import re

import yaml

from mcd.appyaml.text.nodes import TOP, Place
from mcd.errors import echo

_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What the parser counts as the end of a line (YAML 1.1), so that its line numbers meet ours."""

_VALUE = re.compile(r"(?:[^\s:#\"'\[\]{}][^:#]{0,60}?|\"[^\"]*\"|'[^']*')\s*:\s+(\S.*)")
"""A key and its value. The end of a long key is as good as all of it, and costs no minute in a line of 100,000."""
_NO_BLANK = re.compile(r"\s*(?:- )?([A-Za-z_][A-Za-z0-9_-]{0,60}):([^\s:/][^:#]*)")
"""A key and its value with nothing between; `http://x` is none."""
_PLAIN_WORDS = {
    "found unexpected end of stream": "a quote is opened here and never closed.",
    "found unexpected document indicator": "a quote is opened here and never closed.",
    "found invalid Unicode character escape code": "this escape is no character.",
    "found unknown escape character": "this escape is not known.",
    "did not find expected ',' or ']'": "this list is not closed, or a comma is missing.",
    "did not find expected ',' or '}'": "this mapping is not closed, or a comma is missing.",
    "could not find expected ':'": "a key without a colon.",
    "did not find expected key": "the indentation does not fit the lines above.",
    "did not find expected '-' indicator": "the indentation does not fit the list above.",
    "block sequence entries are not allowed in this context": "a list item (-) does not fit here.",
}
_HINTS = {
    "this escape is no character.": "Remove it.",
    "this escape is not known.": "Use single quotes, or double the backslash.",
    "a quote is opened here and never closed.": "Close it.",
    "this list is not closed, or a comma is missing.": "Close it with ].",
    "this mapping is not closed, or a comma is missing.": "Close it with }.",
    "a key without a colon.": "Write key: value.",
}
_AT_CONTEXT = frozenset({"found unexpected end of stream", "found unexpected document indicator"})


def split_lines(source: str) -> list[str]:
    """The lines as the parser counts them."""
    return _BREAKS.split(source)


def explain(wrong: yaml.MarkedYAMLError, source: str) -> tuple[Place, str, str]:
    """Place, what, what to do, for an error of the parser."""
    problem = wrong.problem or ""
    mark = wrong.problem_mark or wrong.context_mark
    if mark is None:
        return TOP, "the text is not YAML.", "Check quotes, brackets and indentation."
    lines = split_lines(source)
    line_number = min(mark.line, len(lines) - 1)
    line = lines[line_number]
    quoting = _quoting(lines, line_number, line, mark.column, wrong)
    if quoting:
        return quoting
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    if "\t" in indent:
        return (line_number + 1, indent.index("\t") + 1), "a tab indents this line.", "Use spaces."
    if problem == "mapping values are not allowed in this context":
        value = _VALUE.search(line)
        if value and value.start(1) <= mark.column:
            return (line_number + 1, value.start(1) + 1), 'a value that contains ": " must be in quotes.', ""
        if missing := _missing_blank(lines, line_number):
            return missing
        return (line_number + 1, mark.column + 1), "a colon does not fit here.", "Check the indentation, or use quotes."
    if problem in _AT_CONTEXT and wrong.context_mark is not None:
        mark = wrong.context_mark
    message = _PLAIN_WORDS.get(problem) or f"the YAML is broken: {echo(problem or 'it cannot be read')}."
    hint = _HINTS.get(message, "Check quotes, brackets and indentation.")
    return (mark.line + 1, mark.column + 1), message, hint


def _missing_blank(lines: list[str], number: int) -> tuple[Place, str, str] | None:
    """`appname:hello` in the line before, which is then a text that goes on in this one."""
    before = next((row for row in range(number - 1, -1, -1) if lines[row].strip()), -1)
    found = _NO_BLANK.fullmatch(lines[before][:200]) if before >= 0 else None
    if found is None:
        return None
    word, value = found[1], found[2].strip()
    return (
        (before + 1, found.end(1) + 1),
        f'a blank is missing behind "{echo(word)}:".',
        f"Write {word}: {echo(value)}.",
    )


def _quoting(
    lines: list[str], number: int, line: str, column: int, wrong: yaml.MarkedYAMLError
) -> tuple[Place, str, str] | None:
    """The value that should have been in quotes, if that is what stopped the parser."""
    problem = wrong.problem or ""
    if wrong.context == "while scanning an alias" and wrong.context_mark is not None:
        number, column = wrong.context_mark.line, wrong.context_mark.column
        return _must_quote(lines[number], number, column)
    if problem == "found character that cannot start any token" and line[column : column + 1] in ("@", "%", "`"):
        return _must_quote(line, number, column)
    braces = _braces_before(lines, number, column)
    if braces:
        return braces, "a value that begins with {{ must be in quotes.", ""
    return None


def _braces_before(lines: list[str], number: int, column: int) -> Place | None:
    """A value of this line or the one before that begins with two braces."""
    for row in (number, number - 1):
        if row < 0:
            continue
        found = re.search(r"(?:^|[:\-,\[]\s+|\s)(\{\{)", lines[row])
        if found and (row < number or found.start(1) <= column):
            return row + 1, found.start(1) + 1
    return None


def _must_quote(line: str, number: int, column: int) -> tuple[Place, str, str]:
    rest = line[column:].split(" #")[0].rstrip()
    sign = line[column]
    before = line[:column]
    if before.count("[") > before.count("]") or before.count("{") > before.count("}"):
        rest = re.split(r"[,\]}]", rest)[0].rstrip()
    quoted = rest.replace("\\", "\\\\").replace('"', '\\"')
    message = f'a value that begins with {sign} must be in quotes: "{echo(quoted)}".'
    return (number + 1, column + 1), message, ""
