"""Expands the template of a file: what templates.py knows, and `if`, `else if`, `else`, `end` and comments besides.

One pass from left to right: a tag switches text on or off, nothing is built. Branches that are not taken are read all
the same, so that a mistake in them is told. It must not know where the text stands or who reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from mcd.appyaml.resolve.expressions import Tokens, Value, pieces_of, read_value
from mcd.appyaml.resolve.pieces import (
    TOLD,
    TOO_MUCH,
    InPod,
    Output,
    Piece,
    Scope,
    TemplateError,
    all_of,
    joined,
    known_now,
)
from mcd.appyaml.resolve.templates import tags

_DEEPEST = 20
_OF_GO = frozenset({"range", "with", "define", "block"})
"""Blocks that Go has and that have an `end` of their own."""

_Condition: TypeAlias = tuple[Any, ...]
"""("value", Value), ("not", C), ("eq" or "ne", Value, Value), ("and" or "or", C, D)."""


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


@dataclass(slots=True, eq=False, repr=False)
class _Tag:
    """One `{{ … }}` as it was read, wherever it stands: `wrong` is what is wrong in it."""

    kind: str
    """comment, if, else, else if, end, block (of Go) or value."""
    condition: _Condition = ()
    value: Value | None = None
    wrong: TemplateError | None = None


Compiled: TypeAlias = tuple[list[tuple[str, int, "_Tag | None"]], TemplateError | None]
"""The text before a tag, its place, the tag (None at the end); and what ends the reading."""


def compiled(text: str, scope: Scope) -> Compiled:
    """The tags of a text. It asks the scope which names there are, never what they stand for."""
    steps: list[tuple[str, int, _Tag | None]] = []
    read: dict[str, _Tag] = {}
    try:
        for before, offset, inside, template in tags(text):
            tag = read.get(inside) if template else None
            if template and tag is None:
                tag = read[inside] = _read_tag(inside, scope)
            steps.append((before, offset, tag))
    except TemplateError as error:
        return steps, error
    return steps, None


def _read_tag(inside: str, scope: Scope) -> _Tag:
    if inside.lstrip().startswith("/*"):
        return _Tag("comment")
    tag = _Tag("value")
    try:
        tokens = Tokens(inside, 0)
        kind, word = tokens.next
        if kind == "word" and word in ("if", "else", "end"):
            tag.kind = word
            tokens.take()
            if tokens.next == ("word", "if") and word == "else":
                tag.kind = "else if"
                tokens.take()
            if tag.kind in ("if", "else if"):
                tag.condition = _whole_condition(tokens, scope)
        elif kind == "word" and word in _OF_GO:
            tag.kind = "block"
            raise tokens.unknown()
        else:
            tag.value = read_value(tokens, scope)
        tokens.expect_end()
    except TemplateError as error:
        tag.wrong = error
    return tag


def _whole_condition(tokens: Tokens, scope: Scope) -> _Condition:
    if not tokens.next[0]:
        raise tokens.error("if needs a condition.", "Write {{ if .Env.NAME }}.")
    return _read_condition(tokens, scope, 0)


def expand_file(text: str, scope: Scope, known: dict[str, Compiled] | None = None) -> tuple[Piece, ...]:
    """The pieces of the text. `known` are texts that were read before, with the same names. Raises TemplateError, one
    for all that is wrong."""
    if "{{" not in text:
        return (text,) if text else ()
    known = {} if known is None else known
    if text not in known:
        known[text] = compiled(text, scope)
    steps, broken = known[text]
    reading = _Reading(scope)
    try:
        for before, offset, tag in steps:
            if before and reading.active:
                reading.out.add((before,), offset)
            if tag is not None:
                try:
                    reading.tag(tag, offset)
                except TemplateError as error:
                    reading.wrong.append(error)
                    if error.code == TOO_MUCH or len(reading.wrong) >= TOLD:
                        break
        else:
            if broken is not None:
                raise _at(broken, broken.offset)
            reading.end()
    except TemplateError as error:
        reading.wrong.append(error)
    if reading.wrong:
        raise all_of(sorted(reading.wrong, key=lambda error: error.offset))
    return joined(reading.out.pieces)


def _at(error: TemplateError, offset: int) -> TemplateError:
    """The same mistake where it stands."""
    return TemplateError(offset, error.code, error.message, error.hint)


class _Reading:
    """What is known while one text is read."""

    __slots__ = ("active", "open", "out", "scope", "wrong")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.out = Output()
        self.open: list[_Block] = []
        self.active = True
        self.wrong: list[TemplateError] = []

    def tag(self, tag: _Tag, offset: int) -> None:
        """One template of the text. Raises TemplateError."""
        if tag.value is not None and tag.wrong is None:
            if self.active:
                self.write(pieces_of(tag.value, offset, self.scope), offset)
        elif tag.kind == "end" and self.open and tag.wrong is None:
            self.active = self.open.pop().outer
        elif tag.kind != "comment":
            try:
                self._turn(tag, offset)
            finally:
                self.active = not self.open or self.open[-1].active

    def _turn(self, tag: _Tag, offset: int) -> None:
        """A tag that switches text on or off, or is wrong."""
        if tag.kind == "if":
            # It counts as taken until its condition was read, so that after a mistake no branch is.
            block = _Block(offset, self.active, active=False, taken=True)
            self.open.append(block)
            _check(tag, offset)
            block.taken = block.active = block.outer and _holds(tag.condition, offset, self.scope)
        elif tag.kind in ("else", "else if"):
            self._otherwise(tag, offset)
        else:
            if tag.kind == "block":
                self.open.append(_Block(offset, self.active, active=False, taken=True, known=False))
            _check(tag, offset)
            raise TemplateError(offset, "template.syntax", "end without if.", "Remove it.")

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

    def _otherwise(self, tag: _Tag, offset: int) -> None:
        block = self.open[-1] if self.open else None
        if block is None or not block.known:
            if block is None:
                raise TemplateError(offset, "template.syntax", "else without if.", "Remove it.")
            return
        if block.last:
            raise TemplateError(offset, "template.syntax", "else stands last, and once.", "Remove it.")
        block.active = False
        taken = block.taken
        if tag.kind == "else":
            _check(tag, offset)
            block.last = block.taken = True
            block.active = block.outer and not taken
            return
        block.taken = True
        _check(tag, offset)
        if block.outer and not taken:
            block.taken = block.active = _holds(tag.condition, offset, self.scope)


def _check(tag: _Tag, offset: int) -> None:
    if tag.wrong is not None:
        raise _at(tag.wrong, offset)


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

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


_IN_CONDITION = ("stand in a condition", "Use another variable.")


def _holds(condition: _Condition, offset: int, scope: Scope) -> bool:
    """Raises TemplateError for a variable that is not set and for a secret."""
    word: str = condition[0]
    if word == "value":
        value: Value = condition[1]
        pieces = pieces_of(value, offset, scope)
        if len(pieces) == 1 and isinstance(pieces[0], str):
            return pieces[0] != ""
        return bool(known_now(pieces, offset, *_IN_CONDITION))
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
    return known_now(pieces, offset, *_IN_CONDITION)
