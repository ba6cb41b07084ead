"""Expands `{{ … }}` in a value: names, filters and literals, in one pass, nothing else.

The forms are closed (app-yaml 4.4), so there is nothing to escape from: no loop, no call, no index, no attribute. What
comes out is never read again. It must not know where the text stands or what it is for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from mcd.appyaml.record import record
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

MAX_OUTPUT = 1_048_576
FILTERS = ("b64enc", "default", "indent", "lower", "quote", "short", "trim", "upper")
_BLOCKS = frozenset({"if", "else", "end"})


@record
class InPod:
    """A variable whose value only the pod knows: a secret, the pod's name. It becomes `$(NAME)`."""

    name: str
    secret: bool = True


Piece: TypeAlias = str | InPod


class TemplateError(Exception):
    """What is wrong at `offset`, the place of the two braces in the value."""

    def __init__(self, offset: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.hint = hint


@record
class Scope:
    """What names stand for. `env` answers the pieces of a variable, or None for one that is not set; without it the
    field knows no variables."""

    names: Mapping[str, str]
    env: Callable[[str], tuple[Piece, ...] | None] | None = None


_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<name>\.[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<pipe>\|)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d{1,4})|(?P<other>\S))""",
    re.VERBOSE,
)
_CLOSE = re.compile(r'"(?:[^"\\]|\\.)*"|(\}\})')


def segments(text: str) -> list[tuple[int, int, str]]:
    """The templates of a text: start, end, what stands between the braces. Raises TemplateError for one that is not
    closed."""
    found = []
    at = text.find("{{")
    while at >= 0:
        for close in _CLOSE.finditer(text, at + 2):
            if close[1]:
                found.append((at, close.end(), text[at + 2 : close.start()]))
                at = text.find("{{", close.end())
                break
        else:
            raise TemplateError(at, "template.syntax", "{{ is not closed.", "Write }}.")
    return found


def expand(text: str, scope: Scope) -> tuple[Piece, ...]:
    """The pieces of the text. Raises TemplateError."""
    if "{{" not in text:
        return (text,) if text else ()
    pieces: list[Piece] = []
    done = 0
    trim_next = False
    for start, end, inside in segments(text):
        before = text[done:start]
        if trim_next:
            before = before.lstrip()
        if inside.startswith("-") and inside[1:2] in (" ", "\t", "\n", ""):
            inside, before = inside[1:], before.rstrip()
        trim_next = inside.endswith("-") and inside[-2:-1] in (" ", "\t", "\n", "")
        if trim_next:
            inside = inside[:-1]
        if before:
            pieces.append(before)
        pieces.extend(_evaluate(inside, start, scope))
        done = end
    rest = text[done:].lstrip() if trim_next else text[done:]
    if rest:
        pieces.append(rest)
    if sum(len(p) for p in pieces if isinstance(p, str)) > MAX_OUTPUT:
        raise TemplateError(0, "template.limit", "more than 1 MiB comes out.", "Use less.")
    return tuple(pieces)


def _evaluate(inside: str, offset: int, scope: Scope) -> tuple[Piece, ...]:
    if inside.strip().startswith("/*"):
        raise TemplateError(offset, "template.misplaced", "a comment stands only in files.", "Remove it.")
    tokens = [(m.lastgroup or "", m.group(m.lastgroup or 0)) for m in _TOKEN.finditer(inside.rstrip())]
    if not tokens:
        raise TemplateError(offset, "template.syntax", "{{ }} is empty.", 'Write a name, or {{ "{{" }} for braces.')
    kind, word = tokens[0]
    if kind == "word" and word in _BLOCKS:
        raise TemplateError(offset, "template.misplaced", f"{word} stands only in files.", "Write the value itself.")
    if kind not in ("text", "name"):
        raise TemplateError(offset, "template.syntax", f'"{echo(word)}" is not known here.', "Use if, else, end.")
    filters = _filters(tokens[1:], offset)
    value: tuple[Piece, ...] | None
    if kind == "text":
        value = (_literal(word, offset),)
    else:
        value = _lookup(word, offset, scope, has_default=any(name == "default" for name, _ in filters))
    return _filtered(value, filters, offset)


def _literal(word: str, offset: int) -> str:
    try:
        return str(json.loads(word, strict=False))
    except ValueError:
        raise TemplateError(offset, "template.syntax", f"{echo(word)} is no text.", "Check its backslashes.") from None


def _filters(tokens: list[tuple[str, str]], offset: int) -> list[tuple[str, str]]:
    filters = []
    at = 0
    while at < len(tokens):
        kind, word = tokens[at]
        if kind != "pipe":
            raise TemplateError(offset, "template.syntax", f'"{echo(word)}" is not known here.', "Use if, else, end.")
        if at + 1 >= len(tokens) or tokens[at + 1][0] != "word":
            raise TemplateError(offset, "template.syntax", "| without a filter.", f"Use one of {', '.join(FILTERS)}.")
        name = tokens[at + 1][1]
        if name not in FILTERS:
            near = nearest(name, FILTERS)
            hint = f'Did you mean "{near}"?' if near else f"Known: {', '.join(FILTERS)}."
            raise TemplateError(offset, "template.unknown", f'there is no filter "{echo(name)}".', hint)
        at += 2
        wanted = {"default": "text", "indent": "number"}.get(name)
        argument = ""
        if wanted:
            if at >= len(tokens) or tokens[at][0] != wanted:
                example = 'default "x"' if name == "default" else "indent 2"
                raise TemplateError(offset, "template.syntax", f"{name} needs a {wanted}.", f"Write {example}.")
            argument = _literal(tokens[at][1], offset) if wanted == "text" else tokens[at][1]
            at += 1
        filters.append((name, argument))
    return filters


def _lookup(word: str, offset: int, scope: Scope, *, has_default: bool) -> tuple[Piece, ...] | None:
    parts = word[1:].split(".")
    if parts[0] == "Env" and len(parts) == 2 and scope.env is not None:
        value = scope.env(parts[1])
        if value is None and not has_default:
            name = parts[1]
            raise TemplateError(
                offset, "template.unknown", f".Env.{echo(name)} is not set.", f"Add {echo(name)} to env."
            )
        return value
    if len(parts) == 1 and parts[0] in scope.names:
        return (scope.names[parts[0]],)
    known = [f".{name}" for name in scope.names]
    near = nearest(word, known)
    env = [] if scope.env is None else [".Env.NAME"]
    hint = f"Did you mean {near}?" if near else f"Known: {', '.join(sorted(known + env))}."
    raise TemplateError(offset, "template.unknown", f"there is no {echo(word)}.", hint)


def _filtered(value: tuple[Piece, ...] | None, filters: list[tuple[str, str]], offset: int) -> tuple[Piece, ...]:
    if not filters:
        return value or ()
    text = ""
    for piece in value or ():
        if isinstance(piece, InPod):
            what = "a secret" if piece.secret else "known in the pod only"
            message = f"{piece.name} is {what} and cannot be filtered."
            raise TemplateError(offset, "secret.misplaced", message, "Remove the filter.")
        text += piece
    for name, argument in filters:
        text = _apply(name, argument, text)
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
