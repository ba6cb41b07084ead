"""What comes out of templates: texts, and names that only the pod knows; how much of it, and what is wrong with one.

It must not read a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from mcd.appyaml.record import record

MAX_OUTPUT = 1_048_576
MAX_OF_ALL = 16 * MAX_OUTPUT
"""What the templates of all components come to together, in characters."""
TOO_MUCH, MISPLACED = "template.limit", "template.misplaced"
TOLD = 100
"""So many mistakes of one text are told: as many as are printed of a file."""


@record
class InPod:
    """A variable whose value only the pod knows: a secret, the pod's name. It becomes `$(NAME)`."""

    name: str
    secret: bool = True


Piece: TypeAlias = str | InPod


class TemplateError(Exception):
    """What is wrong at `offset`, the place of the two braces in the value. `others` are further ones of the text."""

    def __init__(self, offset: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.hint = hint
        self.others: tuple[TemplateError, ...] = ()


def all_of(wrong: list[TemplateError]) -> TemplateError:
    """The first of several, with the others."""
    wrong[0].others = tuple(wrong[1:])
    return wrong[0]


@record
class Scope:
    """What names stand for. `env` answers the pieces of a variable, or None for one that is not set; without it the
    field knows no variables."""

    names: Mapping[str, str]
    env: Callable[[str], tuple[Piece, ...] | None] | None = None


class Output:
    """What came out so far: at most 1 MiB, however it came about."""

    __slots__ = ("length", "pieces")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.length = 0

    def add(self, pieces: tuple[Piece, ...], offset: int) -> None:
        """Raises TemplateError when it becomes too much."""
        for piece in pieces:
            if piece:
                self.pieces.append(piece)
                self.length += length_of(piece)
        if self.length > MAX_OUTPUT:
            raise too_much(offset)


def length_of(piece: Piece) -> int:
    """Characters; of what only the pod knows those of its reference."""
    return len(piece) if isinstance(piece, str) else len(piece.name) + len("$()")


def joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same with each stretch of text in one piece: who uses a variable that uses others handles one text."""
    found: list[Piece] = []
    for text, stretch in groupby(pieces, lambda piece: isinstance(piece, str)):
        if text:
            found.append("".join(str(piece) for piece in stretch))
        else:
            found.extend(stretch)
    return tuple(found)


def too_much(offset: int, what: str = "1 MiB comes out") -> TemplateError:
    return TemplateError(offset, TOO_MUCH, f"more than {what}.", "Use less.")


@dataclass(slots=True, eq=False, repr=False)
class Spent:
    """What the templates of all components came to so far, in characters."""

    length: int = 0


def known_now(pieces: tuple[Piece, ...], offset: int, verb: str, hint: str = "") -> str:
    """The text of pieces that have no secret among them. Raises TemplateError for one: `X is a secret and cannot …`."""
    for piece in pieces:
        if isinstance(piece, InPod):
            what = "a secret" if piece.secret else "known in the pod only"
            message = f"{piece.name} is {what} and cannot {verb}."
            raise TemplateError(offset, "secret.misplaced", message, hint)
    return "".join(str(piece) for piece in pieces)
