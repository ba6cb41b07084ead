"""Expands `{{ … }}` in a value: names, filters and literals, in one pass, nothing else. Files know more (blocks.py).

The forms are closed (app-yaml 4.4), so there is nothing to escape from: no loop, no call, no index, no attribute. What
comes out is never read again. It must not know where the text stands or what it is for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from mcd.appyaml.record import record
from mcd.appyaml.text.scalars import controlled
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

MAX_OUTPUT = 1_048_576
MAX_OF_ALL = 16 * MAX_OUTPUT
"""What the templates of all components come to together, in characters."""
TOO_MUCH, MISPLACED = "template.limit", "template.misplaced"
TOLD = 100
"""So many mistakes of one text are told: as many as are printed of a file."""
FILTERS = ("b64enc", "default", "indent", "lower", "quote", "short", "trim", "upper")
BLANKS = " \t\r\n"
"""White space that `{{-` and `-}}` take away, as in Go."""
_BLOCKS = frozenset({"if", "else", "end"})
_HINT = "Use if, else, end."
_OPERATORS = frozenset("=!&<>")
_HINT_OF_GO = 'Write eq .Env.A "x"; ne, not, and, or alike stand before their values.'
_WIDEST = 9999
"""So many blanks may indent a line."""


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


# ── one value: a name or a text, and filters ─────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n]|\\.)*+")|(?P<name>\.[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<pipe>\|)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d+)|(?P<other>\S))""",
    re.VERBOSE,
)


class Tokens:
    """The words between two braces, one after the other. `next` is the kind and text of the one that comes; both are
    empty at the end."""

    __slots__ = ("_at", "_found", "next", "offset")

    def __init__(self, inside: str, offset: int) -> None:
        self._found = [(m.lastgroup or "", m[m.lastgroup or 0]) for m in _TOKEN.finditer(inside.rstrip())]
        self._at = 0
        self.offset = offset
        if not self._found:
            raise self.error("{{ }} is empty.", 'Write a name, or {{ "{{" }} for braces.')
        self.next = self._found[0]

    def take(self) -> tuple[str, str]:
        """The one that comes, and goes on."""
        taken = self.next
        self._at += 1
        self.next = self._found[self._at] if self._at < len(self._found) else ("", "")
        return taken

    def expect_end(self) -> None:
        if self.next[0]:
            raise self.unknown()

    def error(self, message: str, hint: str, code: str = "template.syntax") -> TemplateError:
        return TemplateError(self.offset, code, message, hint)

    def unknown(self) -> TemplateError:
        """`"range" is not known here. Use if, else, end.`"""
        kind, word = self.next
        if not kind:
            return self.error("a value is missing.", 'Write .Env.NAME, or a text like "a".')
        if kind == "number":
            return self.error(f"{echo(word)} is a number.", f'Write "{echo(word)}".')
        if word in _OPERATORS:
            twice = word * 2 if self._at + 1 < len(self._found) and self._found[self._at + 1][1] == word else word
            return self.error(f'"{twice}" is not known here: templates are written as in Go.', _HINT_OF_GO)
        return self.error(f'"{echo(word)}" is not known here.', _HINT)


@record
class Value:
    """A literal text, or a name: `.App` is ("App",), `.Env.X` is ("Env", "X"); and the filters that it goes through."""

    text: str | None
    name: tuple[str, ...]
    filters: tuple[tuple[str, str], ...]


def read_value(tokens: Tokens, scope: Scope, *, bare: bool = False) -> Value:
    """`"text"` or `.Name`, with filters unless `bare`. Raises TemplateError, for names that there are not, too."""
    kind, word = tokens.next
    if kind not in ("text", "name"):
        raise tokens.unknown()
    tokens.take()
    if tokens.next[1] == "[":
        raise tokens.unknown()
    text = _literal(word, tokens) if kind == "text" else None
    name = () if kind == "text" else tuple(word[1:].split("."))
    if name:
        _check_name(name, word, tokens, scope)
    return Value(text, name, () if bare else tuple(_filters(tokens)))


def _literal(word: str, tokens: Tokens) -> str:
    try:
        text = str(json.loads(word, strict=False))
        text.encode()  # half a character (\\ud800) is none
    except ValueError:
        raise tokens.error(f"{echo(word)} is no text.", "Check its backslashes.") from None
    if wrong := controlled(text):
        raise tokens.error(wrong.message, wrong.hint)
    return text


def _check_name(name: tuple[str, ...], word: str, tokens: Tokens, scope: Scope) -> None:
    """Whether it is a name of this scope at all. A variable may be set or not."""
    if name[0] == "Env" and len(name) == 2 and scope.env is not None:
        return
    if len(name) == 1 and name[0] in scope.names:
        return
    known = [f".{other}" for other in scope.names]
    near = nearest(word, known)
    env = [] if scope.env is None else [".Env.NAME"]
    hint = f"Did you mean {near}?" if near else f"Known: {', '.join(sorted(known + env))}."
    raise tokens.error(f"there is no {echo(word)}.", hint, "template.unknown")


def _filters(tokens: Tokens) -> Iterator[tuple[str, str]]:
    while tokens.next[0] == "pipe":
        tokens.take()
        kind, name = tokens.next
        if kind == "pipe":
            raise tokens.error('"||" is not known here: templates are written as in Go.', _HINT_OF_GO)
        if kind != "word":
            raise tokens.error("| without a filter.", f"Use one of {', '.join(FILTERS)}.")
        if name not in FILTERS:
            near = nearest(name, FILTERS)
            hint = f'Did you mean "{near}"?' if near else f"Known: {', '.join(FILTERS)}."
            raise tokens.error(f'there is no filter "{echo(name)}".', hint, "template.unknown")
        tokens.take()
        yield name, _argument(name, tokens)


def _argument(name: str, tokens: Tokens) -> str:
    wanted = {"default": "text", "indent": "number"}.get(name)
    if wanted is None:
        return ""
    if tokens.next[0] != wanted:
        example = 'default "x"' if name == "default" else "indent 2"
        raise tokens.error(f"{name} needs a {wanted}.", f"Write {example}.")
    word = tokens.take()[1]
    if wanted == "number" and (len(word) > 9 or int(word) > _WIDEST):
        raise tokens.error(f"indent {echo(word)} is too wide.", f"Use at most {_WIDEST}.", TOO_MUCH)
    return _literal(word, tokens) if wanted == "text" else word


def pieces_of(value: Value, offset: int, scope: Scope) -> tuple[Piece, ...]:
    """What a value comes to. Raises TemplateError for a variable that is not set, and for a secret in a filter."""
    found: tuple[Piece, ...] | None
    if not value.name:
        found = (value.text or "",)
    elif len(value.name) == 1:
        found = (scope.names[value.name[0]],)
    else:
        found = scope.env(value.name[1]) if scope.env is not None else None
        if found is None and not any(name == "default" for name, _ in value.filters):
            name = echo(value.name[1])
            raise TemplateError(offset, "template.unknown", f".Env.{name} is not set.", f"Add {name} to env.")
    if not value.filters:
        return found or ()
    text = known_now(found or (), offset, "be filtered", "Remove the filter.")
    for name, argument in value.filters:
        if name == "indent" and int(argument) * text.count("\n") > MAX_OUTPUT:
            raise too_much(offset)
        text = _apply(name, argument, text)
        if len(text) > MAX_OUTPUT:
            raise too_much(offset)
    return (text,)


def known_now(pieces: tuple[Piece, ...], offset: int, verb: str, hint: str = "") -> str:
    """The text of pieces that have no secret among them. Raises TemplateError for one: `X is a secret and cannot …`."""
    for piece in pieces:
        if isinstance(piece, InPod):
            what = "a secret" if piece.secret else "known in the pod only"
            message = f"{piece.name} is {what} and cannot {verb}."
            raise TemplateError(offset, "secret.misplaced", message, hint)
    return "".join(str(piece) for piece in pieces)


def _apply(name: str, argument: str, text: str) -> str:
    if name == "default":
        return text or argument
    if name == "indent":
        return "\n".join(" " * int(argument) + line if line else line for line in text.split("\n"))
    return _SIMPLE[name](text)


_SIMPLE: Mapping[str, Callable[[str], str]] = {
    "short": lambda t: t[:12],
    "upper": str.upper,
    "lower": str.lower,
    "trim": str.strip,
    "quote": lambda t: json.dumps(t, ensure_ascii=False),
    "b64enc": lambda t: base64.b64encode(t.encode()).decode(),
}
