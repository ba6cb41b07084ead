"""A sentence before it has a language: what is told, and the names and numbers in it.

Pure. What is said is data of the cluster, cut and freed of control characters where it was read; markup is escaped by
whoever prints it. It must not know any sentence.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from mcd.model.outcomes import Reason
from mcd.model.why.keys import Family, Language, Note, Why

Value: TypeAlias = "str | int | Told | tuple[Told, ...]"
"""A name, a number, something that is said within, or a list of such."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is said. `params` are names and numbers, or other things that are said within it, by name."""

    key: Why | Note
    params: tuple[tuple[str, Value], ...] = ()

    def param(self, name: str) -> Value:
        """A parameter; empty text when it has none of that name."""
        return next((value for key, value in self.params if key == name), "")


def told(key: Why | Note, /, **params: Value) -> Told:
    return Told(key, tuple(sorted(params.items())))


def every(parts: Iterable[Told]) -> Iterator[Told]:
    """All that is told, and what is told within it, each before its own parts."""
    for one in parts:
        yield one
        for _, value in one.params:
            yield from every((value,) if isinstance(value, Told) else value if isinstance(value, tuple) else ())


def param_of(parts: Iterable[Told], name: str) -> Value:
    """The first parameter of this name among them; empty text when none has it."""
    return next((value for one in every(parts) if (value := one.param(name))), "")


def text(words: str) -> Told:
    """Words in whatever language they came."""
    return told(Note.TEXT, text=words)


class Saying(str):
    """A sentence in English that still knows what it says. It is a text wherever a text is wanted, also where nobody
    knows of languages; put together with others it is nothing but text."""

    __slots__ = ("told",)
    told: tuple[Told, ...]

    def __new__(cls, english: str, told: tuple[Told, ...]) -> Saying:
        made = super().__new__(cls, english)
        made.told = told
        return made

    def __reduce__(self) -> tuple[type[Saying], tuple[str, tuple[Told, ...]]]:
        return Saying, (str(self), self.told)


def told_by(words: str) -> tuple[Told, ...]:
    """What a text says, where it knows that; empty for what an older version of MCD or somebody else wrote."""
    return words.told if isinstance(words, Saying) else ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A template in each language. `{name}` is a parameter; `{n:pod|pods}` one of two words, by the number `n`."""

    en: str
    zh: str

    def of(self, language: Language) -> str:
        return self.zh if language is Language.ZH else self.en


@dataclass(frozen=True, slots=True)
class Words:
    """What the table knows of a state: the reason it is reported under, its sentence, what to do, and the lines of
    app.yaml that do it, where there are such."""

    family: Family
    reason: Reason
    sentence: Phrase
    step: Phrase = Phrase("", "")
    patch: str = ""


@cache
def names_in(template: str) -> frozenset[str]:
    """The parameters that a template asks for."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


class Number(str):
    """A parameter as it stands in a sentence; its format is the choice between one and many."""

    __slots__ = ()

    def __format__(self, choice: str) -> str:
        if not choice:
            return str(self)
        one, _, many = choice.partition("|")
        return one if str(self) == "1" else many


class Filled(dict[str, Number]):
    """The parameters of a template. One that was written down by an older version may lack some: that is no reason to
    say nothing."""

    def __missing__(self, name: str) -> Number:
        return Number("?")


def as_json(one: Told) -> dict[str, Any]:
    """As it is written down."""
    return {"key": one.key.value, "params": {name: _json(value) for name, value in one.params}}


def _json(value: Value) -> Any:
    if isinstance(value, Told):
        return as_json(value)
    return [as_json(each) for each in value] if isinstance(value, tuple) else value


def of_json(data: Mapping[str, Any]) -> Told | None:
    """None when a newer version wrote it and this one does not know the word."""
    key = _KEYS.get(str(data.get("key")))
    if key is None:
        return None
    params = {str(name): _of_json(value) for name, value in dict(data.get("params") or {}).items()}
    return Told(key, tuple(sorted(params.items())))


_KEYS: dict[str, Why | Note] = {**{w.value: w for w in Why}, **{n.value: n for n in Note}}


def _of_json(value: Any) -> Value:
    if isinstance(value, Mapping):
        return of_json(value) or text("?")
    if isinstance(value, list):
        return tuple(of_json(each) or text("?") for each in value if isinstance(each, Mapping))
    return value if isinstance(value, int) else str(value)
