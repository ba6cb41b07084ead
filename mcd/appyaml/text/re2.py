"""Expressions of RE2, which gateways, the sign-in and Loki read: a text quoted for one, and what one asks in vain.

It must not know what is searched for.
"""

from __future__ import annotations

import re

_META = frozenset(r"\.+*?()|[]{}^$")
_MOST = 1000
"""So often something may be repeated, repetitions of repetitions multiplied."""

# A pattern and not a compiled one: only an App that watches its log by an expression pays for it.
_ESCAPE = r"""\\(?:[pP]\{([^}]*)\}|x\{[^}]*\}|k[<{'][^>}']*[>}']|[0-7]{2,3}|.)"""
_STEP = r"""(?xs)
    (?P<escape>\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|k[<{'][^>}']*[>}']|[0-7]{2,3}|.))
    |(?P<set>\[\^?\]?(?:\\.
        |\[:\^?(?:al(?:num|pha)|ascii|blank|cntrl|x?digit|graph|lower|p(?:rint|unct)|space|upper|word):\]
        |(?P<odd>\[:\w*:\])|[^\]\\])*+\])
    |(?P<group>\(\?(?:P?<[A-Za-z_]\w*>|(?P<flags>[a-zA-Z-]*)[:)]|(?P<other><[=!]|P[=>]|.))|\()
    |(?P<end>\))
    |(?P<repeat>(?:[*+?]|\{(?P<low>\d+)(?P<comma>,(?P<high>\d*))?\})\??)
    |(?P<letter>.)
"""
_LACKING = {
    "=": "look-ahead", "!": "look-ahead", "<=": "look-behind", "<!": "look-behind", ">": "atomic group",
    "P=": "back-reference", "P>": "recursion", "&": "recursion", "R": "recursion", "#": "comment", "(": "condition",
    "|": "branch reset",
}  # fmt: skip
_ESCAPES = frozenset("AbBzQEdDsSwWpPxafnrtv01234567")
_FLAGS = frozenset("imsU-")
_LONG_CLASS = (
    r"[a-z].*|.*[=:].*|(?:\w+_)?(?:Letter|Mark|Number|Punctuation|Symbol|Separator)|Alphabetic|\w+case|Emoji\w*"
)
"""Names of classes of characters that others know; of categories RE2 has the short names."""


def literal(text: str) -> str:
    """A text as RE2 finds it, quoted as its own QuoteMeta does."""
    return "".join(f"\\{letter}" if letter in _META else letter for letter in text)


def lacking(expression: str) -> tuple[str, str] | None:
    """What RE2 has not, and what stands for it here: `("look-ahead", "(?=")`. None where nothing is asked in vain; the
    expression may still be broken."""
    repeated = ""
    depth = [1]
    last = 1
    for found in re.finditer(_STEP, expression):
        if found["repeat"]:
            if repeated:
                return _stacked(repeated + found["repeat"])
            repeated = found["repeat"]
            if found["low"]:
                most = found["high"] or found["low"]
                last *= max(1, int(most[:6]))
                if last > _MOST:
                    return f"more than {_MOST} repetitions", repeated
            depth[-1] = max(depth[-1], last)
            continue
        repeated = ""
        last = 1
        if found["group"]:
            depth.append(1)
            if wrong := _group(found["flags"], found["other"], found["group"]):
                return wrong
        elif found["end"]:
            last = depth.pop() if len(depth) > 1 else 1
        elif found["odd"]:
            return "such class", found["odd"]
        else:
            # In a set the same escapes stand as outside; no text between them can be one.
            inside = re.finditer(_ESCAPE, found["set"] or found["escape"] or "", re.DOTALL)
            if wrong := next(filter(None, (_escape(each[0], each[1]) for each in inside)), None):
                return wrong
    return None


def _stacked(written: str) -> tuple[str, str]:
    """`a++` is possessive elsewhere; two others in a row are nothing anywhere."""
    return "possessive repetition" if written[-1] == "+" else "repetition of a repetition", written


def _group(flags: str | None, other: str | None, written: str) -> tuple[str, str] | None:
    if other is not None:
        name = "recursion" if other.isdigit() else _LACKING.get(other, "such group")
        return name, f"(?{other}"
    if flags is not None and not _FLAGS.issuperset(flags):
        if set(flags) <= {"R"}:
            return "recursion", written
        return f"flag {next(flag for flag in flags if flag not in _FLAGS)}", written
    return None


def _escape(written: str, name: str | None) -> tuple[str, str] | None:
    letter = written[1]
    if name is not None and re.fullmatch(_LONG_CLASS, name.removeprefix("^")):
        return "such class", written
    if letter in "kg" or letter in "89" or (letter in "1234567" and len(written) == 2):
        return "back-reference", written
    if letter.isascii() and letter.isalnum() and letter not in _ESCAPES:
        return "such escape", written
    return None
