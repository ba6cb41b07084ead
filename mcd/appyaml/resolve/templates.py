"""Expands `{{ … }}` in a value: names, filters and literals, in one pass, nothing else. Files know more (blocks.py).

The forms are closed (app-yaml 4.4), so there is nothing to escape from: no loop, no call, no index, no attribute. What
comes out is never read again. It must not know where the text stands or what it is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from mcd.appyaml.resolve.expressions import Tokens, pieces_of, read_value
from mcd.appyaml.resolve.pieces import (
    MISPLACED,
    TOLD,
    Output,
    Piece,
    Scope,
    TemplateError,
    all_of,
    joined,
    known_now,
)

BLANKS = " \t\r\n"
"""White space that `{{-` and `-}}` take away, as in Go."""
_BLOCKS = frozenset({"if", "else", "end"})
_STEP = re.compile(r'"(?:[^"\\\n]|\\.)*+(?P<closed>")?|(?P<end>\}\})')
_COMMENT = re.compile(r"(?:-[ \t\r\n])?\s*/\*")
_AFTER_COMMENT = re.compile(r"\s*(?:(?<=\s)-)?(?P<end>\}\})")


def segments(text: str) -> Iterator[tuple[int, int, str]]:
    """The templates of a text: start, end, what stands between the braces. Raises TemplateError at one that is not
    closed."""
    at = text.find("{{")
    while at >= 0:
        inside, end = _closing(text, at)
        yield at, end, text[at + 2 : inside]
        at = text.find("{{", end)


def _closing(text: str, at: int) -> tuple[int, int]:
    """Where the closing braces of the template at `at` begin and end."""
    comment = _COMMENT.match(text, at + 2)
    if comment is not None:
        over = text.find("*/", comment.end())
        after = _AFTER_COMMENT.match(text, over + 2) if over >= 0 else None
        if after is None:
            raise TemplateError(at, "template.syntax", "the comment is not closed.", "Write */}}.")
        return after.start("end"), after.end()
    for step in _STEP.finditer(text, at + 2):
        if step["end"]:
            return step.start(), step.end()
        if not step["closed"]:
            # Not looked for any further: each quote of a long text would search all that is left of it.
            raise TemplateError(at, "template.syntax", "a quote is not closed.", "Close it.")
    raise TemplateError(at, "template.syntax", "{{ is not closed.", "Write }}.")


Tag: TypeAlias = tuple[str, int, str, bool]
"""The text before a template, the place of its braces, what stands between them, whether it is a template at all: the
last one of a text is not."""


def tags(text: str) -> Iterator[Tag]:
    """The text in pieces, with the white space taken away that `{{-` and `-}}` name. Raises TemplateError."""
    done = 0
    trim_next = False
    for start, end, inside in segments(text):
        before = text[done:start]
        if trim_next:
            before = before.lstrip(BLANKS)
        if inside[:1] == "-" and inside[1:2] in ("", *BLANKS):
            inside, before = inside[1:], before.rstrip(BLANKS)
        trim_next = inside[-1:] == "-" and inside[-2:-1] in ("", *BLANKS)
        if trim_next:
            inside = inside[:-1]
        yield before, start, inside, True
        done = end
    rest = text[done:]
    yield rest.lstrip(BLANKS) if trim_next else rest, len(text), "", False


def expand(text: str, scope: Scope, where: str = "") -> tuple[Piece, ...]:
    """The pieces of the text. `where` is what it becomes ("an image name") if all of it must be known now. Raises
    TemplateError, one for all that is wrong."""
    if "{{" not in text:
        return (text,) if text else ()
    out = Output()
    wrong: list[TemplateError] = []
    try:
        for before, offset, inside, template in tags(text):
            out.add((before,), offset)
            if template:
                try:
                    found = _evaluate(inside, offset, scope)
                    if where:
                        known_now(found, offset, f"stand in {where}")
                except TemplateError as error:
                    wrong.append(error)
                    if len(wrong) >= TOLD:
                        break
                else:
                    out.add(found, offset)
    except TemplateError as error:
        wrong.append(error)
    if wrong:
        raise all_of(_first_misplaced(wrong))
    return joined(out.pieces)


def _first_misplaced(wrong: list[TemplateError]) -> list[TemplateError]:
    """Without the `end` and `else` of an `if` that was told."""
    misplaced = [error for error in wrong if error.code == MISPLACED][1:]
    return [error for error in wrong if error not in misplaced] if misplaced else wrong


_NAME_ALONE = re.compile(r"\s*\.(?:Env\.(?P<variable>[A-Za-z_][A-Za-z0-9_]*)|(?P<name>[A-Za-z]+))\s*")


def name_alone(inside: str, scope: Scope) -> tuple[Piece, ...] | None:
    """What nearly every template is: one name that there is. None for anything else, mistakes among it."""
    found = _NAME_ALONE.fullmatch(inside)
    if found is None:
        return None
    if found["variable"]:
        return scope.env(found["variable"]) if scope.env is not None else None
    value = scope.names.get(found["name"])
    return None if value is None else (value,)


def _evaluate(inside: str, offset: int, scope: Scope) -> tuple[Piece, ...]:
    pieces = name_alone(inside, scope)
    if pieces is not None:
        return pieces
    if inside.lstrip().startswith("/*"):
        raise TemplateError(offset, MISPLACED, "a comment stands only in files.", "Remove it.")
    tokens = Tokens(inside, offset)
    kind, word = tokens.next
    if kind == "word" and word in _BLOCKS:
        raise TemplateError(offset, MISPLACED, f"{word} stands only in files.", "Write the value itself.")
    value = read_value(tokens, scope)
    tokens.expect_end()
    return pieces_of(value, offset, scope)
