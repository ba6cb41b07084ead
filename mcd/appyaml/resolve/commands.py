"""Words of a command: a text split like a shell would, and `$` written so that the program sees what was meant.

No shell runs, so what needs one is refused. It must not know which variables exist: the caller says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mcd.appyaml.resolve.pieces import InPod, Piece, joined
from mcd.appyaml.resolve.templates import segments
from mcd.errors import echo

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_OPERATORS = ("||", "&&", "$(", "|", "&", ";", "<", ">", "(", ")", "`")
_SHELL = frozenset(operator[0] for operator in _OPERATORS)
_SPECIAL = re.compile(r"['\"\\|&;<>()`]|\$\(|\{\{")
"""What a text holds that is more than words between blanks."""
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_DOUBLED = re.compile(r"\$(?=[$(])")
_DOUBLED_BEFORE_REFERENCE = re.compile(r"\$(?=[$(]|\Z)")


class CommandError(Exception):
    """Why a text is no command: code, what, what to do."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def needs_shell(what: str) -> CommandError:
    return CommandError("shell.needed", f'"{echo(what)}" needs a shell.', 'Write [sh, -c, "…"].')


Part = tuple[str, bool]
"""A stretch of a word: its text, and whether it is a template that is still to be expanded."""


def split(text: str, *, program: bool) -> list[list[Part]]:
    """The words of a text, with POSIX quoting; each `{{ … }}` is one piece. `program` says that the first word is the
    program, before which a shell would take assignments. Raises CommandError, TemplateError."""
    words: list[list[Part]]
    words = _split(text) if _SPECIAL.search(text) else [[(word, False)] for word in text.split()]
    if program and words and not words[0][0][1]:
        found = _ASSIGNMENT.match(words[0][0][0])
        if found:
            raise needs_shell("".join(part for part, _ in words[0]))
    return words


def _split(text: str) -> list[list[Part]]:
    """The words of a text in which something is quoted, or should be."""
    templates = {start: end for start, end, _ in segments(text)}
    words: list[list[Part]] = []
    word: list[Part] | None = None
    quote = ""
    at = 0
    while at < len(text):
        char = text[at]
        if at in templates:
            word = [] if word is None else word
            word.append((text[at : templates[at]], True))
            at = templates[at]
            continue
        step = 1
        if quote:
            char, step, quote = _quoted(text, at, quote)
        elif char in "'\"":
            quote, char = char, ""
        elif char.isspace():
            if word is not None:
                words.append(word)
            word = None
            at += 1
            continue
        elif char == "\\":
            char, step = text[at + 1 : at + 2], 2
        elif char in _SHELL:
            for operator in _OPERATORS:
                if text.startswith(operator, at):
                    raise needs_shell(operator)
        word = _add([] if word is None else word, char)
        at += step
    if quote:
        raise CommandError("value.format", "a quote is not closed.", "Close it.")
    if word is not None:
        words.append(word)
    return words


def _quoted(text: str, at: int, quote: str) -> tuple[str, int, str]:
    """One character inside quotes: what it adds, how far it reaches, the quote that is open after it."""
    char = text[at]
    if char == quote:
        return "", 1, ""
    following = text[at + 1 : at + 2]
    if quote == '"' and char == "\\" and following and following in '"\\$`\n':
        return ("" if following == "\n" else following), 2, quote
    return char, 1, quote


def _add(word: list[Part], char: str) -> list[Part]:
    if word and not word[-1][1]:
        word[-1] = (word[-1][0] + char, False)
    else:
        word.append((char, False))
    return word


def variables(text: str, known: Callable[[str], bool]) -> list[Piece]:
    """`$NAME` and `${NAME}` of a text command as references. Raises CommandError for one that is not set."""
    pieces: list[Piece] = []
    done = 0
    for found in _VARIABLE.finditer(text):
        name = found[1] or found[2]
        if not known(name):
            hint = "Add it to env, or write the command as a list."
            raise CommandError("ref.unknown", f'there is no variable "{echo(name)}".', hint)
        if found.start() > done:
            pieces.append(text[done : found.start()])
        pieces.append(InPod(name, secret=False))
        done = found.end()
    if done < len(text):
        pieces.append(text[done:])
    return pieces


def for_kubernetes(pieces: Sequence[Piece]) -> str:
    """The value that makes Kubernetes show the program exactly these pieces: it expands `$(NAME)` and shortens `$$`,
    so each `$` before `$` or `(` is doubled, and a reference is written as one."""
    if len(pieces) == 1 and isinstance(pieces[0], str):
        text = pieces[0]
        return _DOUBLED.sub("$$", text) if "$" in text else text
    merged = joined(pieces)
    out: list[str] = []
    for number, piece in enumerate(merged):
        if isinstance(piece, InPod):
            out.append(f"$({piece.name})")
        else:
            before_reference = number + 1 < len(merged)
            pattern = _DOUBLED_BEFORE_REFERENCE if before_reference else _DOUBLED
            out.append(pattern.sub("$$", piece))
    return "".join(out)
