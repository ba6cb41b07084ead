"""One input of the fuzzer: bytes that decide, to an app.yaml and a platform.

Six ways, because each reaches what the others miss: the grammar tame and wild, a case changed by lines, two cases put
together, an attack, and bytes as they are. It must not judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from mcd.appyaml.compiler import check, compile_app
from tests.rig.choices import Choices
from tests.rig.grammar import Grammar, text_of
from tests.rig.platforms import CASES, SOURCE, Platform, accepted_alone, platforms
from tests.rig.traps import trap
from tests.rig.words import GOOD, TRAPS


@dataclass(frozen=True)
class Input:
    """What is compiled: `way` is how it was made."""

    way: str
    text: bytes
    platform: Platform


@cache
def _seeds() -> tuple[bytes, ...]:
    """The app.yaml of every case, except those that are large on purpose."""
    files = [*sorted((CASES / "cases").glob("*/app.yaml")), *sorted((CASES / "page" / "cases").glob("*/app.yaml"))]
    return tuple(dict.fromkeys(text for file in files if len(text := file.read_bytes()) < 8192))


@cache
def _good_seeds() -> tuple[bytes, ...]:
    """Those that some platform takes; the others are refused whatever is changed in them."""
    known = (platforms()[0], platforms()[1 % len(platforms())])
    return tuple(t for t in _seeds() if any(compile_app(check(t, ""), p.context, SOURCE).ok for p in known))


def _seed(c: Choices) -> bytes:
    return c.one(_good_seeds() if c.chance(80) else _seeds())


def _tame(c: Choices) -> bytes:
    return text_of(Grammar(c, 0, accepted_alone).app(), c).encode("utf-8", "surrogatepass")


def _wild(c: Choices) -> bytes:
    text = text_of(Grammar(c, 4 + c.below(40), accepted_alone).app(), c)
    return text.encode("utf-8", "surrogatepass")


def _changed(c: Choices) -> bytes:
    """A case with a few of its lines doubled, dropped, moved, or with another value."""
    lines = _seed(c).decode("utf-8", "replace").split("\n")
    for _ in range(1 + c.below(2)):
        at = c.below(len(lines))
        line, what = lines[at], c.below(8)
        if what == 0:
            del lines[at : at + 1 + c.below(3)]
        elif what == 1:
            lines.insert(at, line)
        elif what == 2:
            lines.insert(c.below(len(lines) + 1), line)
        elif what in (3, 7):
            lines[at] = ("  " + line) if c.chance(50) else line.removeprefix("  ")
        else:
            head, colon, _ = line.partition(": ")
            value = c.one(GOOD) if what == 4 else c.one(TRAPS)
            lines[at] = f"{head}{colon or ': '}{value}"
        if not lines:
            return b""
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _together(c: Choices) -> bytes:
    """The components of one case under the top of another one."""
    one, other = _seed(c), _seed(c)
    head = one.partition(b"\ncomponents:")[0]
    return head + b"\n" + b"components:" + other.partition(b"\ncomponents:")[2]


def _raw(c: Choices) -> bytes:
    return c.rest()


WAYS: tuple[tuple[int, str, Callable[[Choices], bytes]], ...] = (
    (42, "tame", _tame), (16, "wild", _wild), (24, "changed", _changed), (12, "together", _together),
    (4, "attack", trap), (2, "raw", _raw),
)  # fmt: skip
"""Share of a hundred, name, maker."""


def made(data: bytes) -> Input:
    """The input that these bytes decide."""
    c = Choices(data)
    share, known = c.below(100), platforms()
    # Half on the page's own platform and on none, the rest on clusters that lack something.
    platform = known[c.below(min(2, len(known)))] if c.chance(50) else known[c.below(len(known))]
    for part, way, make in WAYS:
        if share < part:
            return Input(way, make(c), platform)
        share -= part
    raise AssertionError("the shares make a hundred")
