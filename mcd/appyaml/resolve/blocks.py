"""Expands the template of a file: what templates.py knows, and `if`, `else if`, `else`, `end` and comments besides.

One pass from left to right: a tag switches text on or off, nothing is built. Branches that are not taken are read all
the same, so that a mistake in them is told. It must not know where the text stands or who reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from mcd.appyaml.resolve.templates import (
    TOLD,
    TOO_MUCH,
    InPod,
    Output,
    Piece,
    Scope,
    TemplateError,
    Tokens,
    all_of,
    known_now,
    name_alone,
    pieces_of,
    read_value,
    tags,
)

_DEEPEST = 20
_OF_GO = frozenset({"range", "with", "define", "block"})
"""Blocks that Go has and that have an `end` of their own."""


@dataclass(slots=True, eq=False, repr=False)
class _Block:
    """An `if` that is open. `taken`: one of its branches was."""

    offset: int
    outer: bool
    active: bool
    taken: bool
    last: bool = False
    """Whether `else` has been seen."""
    known: bool = True
    """False for a block that there is not: only its end is looked for."""


def expand_file(text: str, scope: Scope) -> tuple[Piece, ...]:
    """The pieces of the text. Raises TemplateError, one for all that is wrong."""
    if "{{" not in text:
        return (text,) if text else ()
    reading = _Reading(scope)
    try:
        for before, offset, inside, template in tags(text):
            if reading.active:
                reading.out.add((before,), offset)
            if template:
                try:
                    reading.tag(inside, offset)
                except TemplateError as error:
                    reading.wrong.append(error)
                    if error.code == TOO_MUCH or len(reading.wrong) >= TOLD:
                        break
        else:
            reading.end()
    except TemplateError as error:
        reading.wrong.append(error)
    if reading.wrong:
        raise all_of(sorted(reading.wrong, key=lambda error: error.offset))
    return tuple(reading.out.pieces)


class _Reading:
    """What is known while one text is read."""

    __slots__ = ("open", "out", "scope", "wrong")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.out = Output()
        self.open: list[_Block] = []
        self.wrong: list[TemplateError] = []

    @property
    def active(self) -> bool:
        return not self.open or self.open[-1].active

    def tag(self, inside: str, offset: int) -> None:
        """One template of the text. Raises TemplateError."""
        pieces = name_alone(inside, self.scope) if self.active else None
        if pieces is not None:
            self.write(pieces, offset)
            return
        if inside.lstrip().startswith("/*"):
            return
        tokens = Tokens(inside, offset)
        kind, word = tokens.next
        if kind == "word" and word == "if":
            tokens.take()
            self._begin(tokens)
        elif kind == "word" and word == "else":
            tokens.take()
            self._otherwise(tokens)
        elif kind == "word" and word == "end":
            tokens.take()
            tokens.expect_end()
            if not self.open:
                raise tokens.error("end without if.", "Remove it.")
            self.open.pop()
        elif kind == "word" and word in _OF_GO:
            self.open.append(_Block(offset, self.active, active=False, taken=True, known=False))
            raise tokens.unknown()
        else:
            value = read_value(tokens, self.scope)
            tokens.expect_end()
            if self.active:
                self.write(pieces_of(value, offset, self.scope), offset)

    def write(self, pieces: tuple[Piece, ...], offset: int) -> None:
        """Raises TemplateError for the pod's name and node: no file is written after they are known. A secret is."""
        for piece in pieces:
            if isinstance(piece, InPod) and not piece.secret:
                known_now((piece,), offset, "stand in a file", "Use another variable.")
        self.out.add(pieces, offset)

    def end(self) -> None:
        """After the last tag: what is still open has no end."""
        for block in [block for block in self.open if block.known][:TOLD]:
            error = TemplateError(block.offset, "template.syntax", "if has no end.", "Write {{ end }}.")
            self.wrong.append(error)

    def _begin(self, tokens: Tokens) -> None:
        # It counts as taken until its condition was read, so that after a mistake no branch is.
        block = _Block(tokens.offset, self.active, active=False, taken=True)
        self.open.append(block)
        condition = self._condition(tokens)
        block.taken = block.active = block.outer and self._holds(condition, tokens.offset)

    def _otherwise(self, tokens: Tokens) -> None:
        block = self.open[-1] if self.open else None
        if block is None or not block.known:
            if block is None:
                raise tokens.error("else without if.", "Remove it.")
            return
        if block.last:
            raise tokens.error("else stands last, and once.", "Remove it.")
        block.active = False
        if not tokens.next[0]:
            block.last = True
            block.active = block.outer and not block.taken
            block.taken = True
            return
        if tokens.next != ("word", "if"):
            raise tokens.unknown()
        tokens.take()
        taken, block.taken = block.taken, True
        condition = self._condition(tokens)
        if block.outer and not taken:
            block.taken = block.active = self._holds(condition, tokens.offset)

    def _condition(self, tokens: Tokens) -> _Condition:
        if not tokens.next[0]:
            raise tokens.error("if needs a condition.", "Write {{ if .Env.NAME }}.")
        condition = _read_condition(tokens, self.scope, 0)
        tokens.expect_end()
        return condition

    def _holds(self, condition: _Condition, offset: int) -> bool:
        return _holds(condition, offset, self.scope)


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

_Condition: TypeAlias = tuple[Any, ...]
"""("value", Value), ("not", C), ("eq" or "ne", Value, Value), ("and" or "or", C, D)."""

_NEEDS = {
    "not": ("not needs a condition.", "Write not .Env.NAME."),
    "eq": ("eq needs two values.", 'Write eq .Env.NAME "a".'),
    "ne": ("ne needs two values.", 'Write ne .Env.NAME "a".'),
    "and": ("and needs two conditions.", "Write and .Env.A .Env.B, brackets around longer ones."),
    "or": ("or needs two conditions.", "Write or .Env.A .Env.B, brackets around longer ones."),
}


def _read_condition(tokens: Tokens, scope: Scope, depth: int) -> _Condition:
    """A value, or a word and what it needs. Raises TemplateError."""
    if depth > _DEEPEST:
        raise tokens.error(f"brackets stand more than {_DEEPEST} deep.", "Use several ifs.")
    kind, word = tokens.next
    if kind == "word" and word in _NEEDS:
        tokens.take()
        if word == "not":
            return ("not", _operand(tokens, scope, depth, word))
        return (word, _operand(tokens, scope, depth, word), _operand(tokens, scope, depth, word))
    if (kind, word) == ("other", "("):
        return _operand(tokens, scope, depth, word)
    return ("value", read_value(tokens, scope))


def _operand(tokens: Tokens, scope: Scope, depth: int, of: str) -> _Condition:
    """A name, a text, or something in brackets; of eq and ne it is a value in any case."""
    kind, word = tokens.next
    if not kind or word == ")":
        raise tokens.error(*_NEEDS[of])
    if (kind, word) != ("other", "("):
        return ("value", read_value(tokens, scope, bare=True))
    tokens.take()
    inside = _read_condition(tokens, scope, depth + 1)
    if tokens.next != ("other", ")"):
        if tokens.next[0]:
            raise tokens.unknown()
        raise tokens.error("a bracket is not closed.", "Write ).")
    tokens.take()
    if of in ("eq", "ne") and inside[0] != "value":
        raise tokens.error(*_NEEDS[of])
    return inside


def _holds(condition: _Condition, offset: int, scope: Scope) -> bool:
    """Raises TemplateError for a variable that is not set and for a secret."""
    word: str = condition[0]
    if word == "value":
        return bool(_text(condition, offset, scope))
    if word == "not":
        return not _holds(condition[1], offset, scope)
    if word in ("eq", "ne"):
        same: bool = _text(condition[1], offset, scope) == _text(condition[2], offset, scope)
        return same if word == "eq" else not same
    first = _holds(condition[1], offset, scope)
    if first is (word == "or"):
        return first
    return _holds(condition[2], offset, scope)


def _text(condition: _Condition, offset: int, scope: Scope) -> str:
    pieces = pieces_of(condition[1], offset, scope)
    return known_now(pieces, offset, "stand in a condition", "Use another variable.")
