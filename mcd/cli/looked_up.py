"""What `mcd explain` knows beside app.yaml: states of `mcd why`, reasons of conditions, alerts of MCD itself, by name.

The words are those of the tables that every face tells. It must not ask a server, nor say anything that they do not.
"""

from __future__ import annotations

import re
import string
from dataclasses import asdict, dataclass
from pathlib import Path

import mcd
from mcd.appyaml.text.words import nearest
from mcd.model import Reason
from mcd.model.meanings import documented
from mcd.model.why import WORDS, Why

THEIRS = {
    "crashloopbackoff": Reason.CRASH_LOOPING,
    "imagepullbackoff": Reason.IMAGE_PULL,
    "errimagepull": Reason.IMAGE_PULL,
    "invalidimagename": Reason.IMAGE_PULL,
    "createcontainerconfigerror": Reason.CONFIG_MISSING,
    "failedscheduling": Reason.UNSCHEDULABLE,
    "failedmount": Reason.VOLUME_PENDING,
    "unhealthy": Reason.PROBE_FAILING,
    "progressdeadlineexceeded": Reason.DEADLINE_EXCEEDED,
}
"""What Kubernetes calls our reasons, in small letters."""

_BESIDE = frozenset({"who", "again", "next", "at", "asked"})
"""Parts of a sentence that are there at times."""


@dataclass(frozen=True, slots=True)
class State:
    """One state of `mcd why`; words in capitals stand for what is seen."""

    state: str
    reason: str
    sentence: str
    step: str
    patch: str


@dataclass(frozen=True, slots=True)
class Meant:
    """One reason, and the states that are reported under it."""

    reason: str
    meaning: str
    states: tuple[str, ...]


def state(word: str) -> State | None:
    """A state by its name, in any case."""
    why = next((why for why in WORDS if why.value == word.casefold()), None)
    if why is None:
        return None
    words = WORDS[why]
    step = _plain(words.step.en)
    return State(why.value, words.reason.value, _plain(words.sentence.en), step, _plain(words.patch))


def reason(word: str) -> Meant | None:
    """A reason by its name, in any case, or by the word that Kubernetes has for it."""
    asked = word.casefold()
    found = next((one for one in Reason if one.value.casefold() == asked), THEIRS.get(asked))
    if found is None:
        return None
    states = tuple(why.value for why, words in WORDS.items() if words.reason is found and why not in _GENERAL)
    return Meant(found.value, documented(Reason)[found.name], states)


_GENERAL = (Why.OTHER, Why.WAITS)


def runbook(word: str) -> str:
    """The page of an alert of MCD itself, by its name in any case; empty for what is none. It is read here because the
    MCD that serves it may be what is down."""
    if not re.fullmatch(r"mcd[a-z]{1,60}", word.casefold()):
        return ""
    package = Path(mcd.__file__).resolve().parent
    inside = package / "api" / "portal" / "manual" / "pages"
    folder = (inside if inside.is_dir() else package.parent / "docs") / "runbooks"
    page = next((p for p in sorted(folder.glob("*.md")) if p.stem.casefold() == word.casefold()), None)
    return page.read_text(encoding="utf-8") if page is not None else ""


def suggestion(word: str) -> str:
    """The state or reason that was probably meant, or ""."""
    known = {name.casefold(): name for name in (*(why.value for why in WORDS), *(one.value for one in Reason))}
    return known.get(nearest(word.casefold(), known), "")


def as_text(found: State | Meant) -> str:
    """Name, and a line for each thing that is known of it."""
    if isinstance(found, Meant):
        rows = [("meaning", found.meaning), ("states", ", ".join(found.states))]
        return _table(found.reason, rows)
    rows = [("reason", found.reason), ("sentence", found.sentence), ("step", found.step)]
    patch = "".join(f"    {line}\n" for line in found.patch.splitlines())
    return _table(found.state, rows) + (f"  app.yaml\n{patch}" if patch else "")


def as_json(found: State | Meant) -> dict[str, object]:
    """The same for a program."""
    return asdict(found)


def _table(head: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([head, *(f"  {label:<8} {text}" for label, text in rows if text)]) + "\n"


def _plain(template: str) -> str:
    """`{who}the program ends with exit {code}` → `the program ends with exit CODE`."""
    parts = []
    for literal, name, choice, _ in string.Formatter().parse(template):
        parts.append(literal)
        if choice:
            parts.append(choice.partition("|")[2])
        elif name and name not in _BESIDE:
            parts.append(name.upper())
    return "".join(parts)
