"""What stands between two braces: a name or a text, and filters, word by word (app-yaml 4.4).

The forms are closed: no call, no index, no attribute. It must not know where the braces stand (templates.py).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping

from mcd.appyaml.record import record
from mcd.appyaml.resolve.pieces import MAX_OUTPUT, TOO_MUCH, Piece, Scope, TemplateError, known_now, too_much
from mcd.appyaml.text.scalars import controlled
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

FILTERS = ("b64enc", "default", "indent", "lower", "quote", "short", "trim", "upper")
_HINT = "Use if, else, end."
_OPERATORS = frozenset("=!&<>")
_HINT_OF_GO = 'Write eq .Env.A "x"; ne, not, and, or alike stand before their values.'
_WIDEST = 9999
"""So many blanks may indent a line."""

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
