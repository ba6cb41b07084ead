"""The languages of the portal: which one a request is answered in, and what a text is in it.

The English text in templates and views is the key; `locale/<language>/<area>.po` has the others, one file for each area
of the portal, read once. It must not know a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

from babel.core import Locale
from babel.dates import format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from mcd.api.portal.words import n_
from mcd.model import why
from mcd.model.why import in_language

FOLDER = Path(__file__).parent / "locale"
SOURCE = "en"
NAMES: Mapping[str, str] = {"en": "English", "zh_CN": "中文"}
"""Every language by its catalogue's name, in its own words."""
TAGS: Mapping[str, str] = {"en": "en", "zh_CN": "zh-CN"}
"""The same as HTML and HTTP say it."""


@dataclass(frozen=True, eq=False)
class Language:
    """One language. Texts that have no translation stay English, which a test makes impossible."""

    code: str
    texts: Mapping[str, tuple[str, ...]] = field(repr=False)

    @property
    def tag(self) -> str:
        return TAGS[self.code]

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.code)

    def text(self, english: str) -> str:
        found = self.texts.get(english)
        return found[0] if found else english

    def plural(self, one: str, many: str, count: int) -> str:
        found = self.texts.get(one)
        if found:
            return found[0] if count == 1 else found[-1]
        return one if count == 1 else many

    def told(self, words: str) -> str:
        """A sentence of MCD's own in this language, where it knows what it says; what others wrote, and what an older
        version wrote down, as it is."""
        return in_language(words, self.of_sentences)

    @property
    def of_sentences(self) -> why.Language:
        """The language of the table of sentences (`mcd.model.why`)."""
        return why.Language.ZH if self.code == "zh_CN" else why.Language.EN

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self.locale))

    def ago(self, then: datetime, now: datetime) -> str:
        """`3 minutes ago`, `in 2 days`."""
        seconds = (then - now).total_seconds()
        if abs(seconds) < 10:
            return self.text(n_("just now"))
        unit = next((unit for unit in (86400, 3600, 60) if abs(seconds) >= unit), 1)
        return _direction(self.code, round(seconds / unit) * unit)

    def lasting(self, seconds: float) -> str:
        return str(format_timedelta(timedelta(seconds=seconds), threshold=1, locale=self.locale))

    def at(self, then: datetime) -> str:
        """The moment, in UTC and said so."""
        return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@lru_cache(maxsize=4096)
def _direction(code: str, seconds: int) -> str:
    """A page says the same few words a hundred times."""
    # A unit begins where it is full: 53 minutes are no hour yet.
    return str(format_timedelta(timedelta(seconds=seconds), threshold=1, add_direction=True, locale=Locale.parse(code)))


@cache
def language(code: str) -> Language:
    """Raises KeyError for a language that there is none of."""
    if code not in NAMES:
        raise KeyError(code)
    texts: dict[str, tuple[str, ...]] = {}
    for file in sorted((FOLDER / code).glob("*.po")):
        with file.open("rb") as opened:
            for message in read_po(opened, locale=code):
                if message.id and message.string and not message.fuzzy:
                    plural = isinstance(message.id, (list, tuple))
                    key = message.id[0] if plural else message.id
                    texts[str(key)] = tuple(message.string) if plural else (str(message.string),)
    return Language(code, texts)


def chosen(accepts: str, kept: str | None) -> Language:
    """The language that the person chose (`kept`, a cookie), else the best of `Accept-Language`, else English."""
    if kept in NAMES:
        return language(str(kept))
    for tag in _preferred(accepts[:500]):
        short = tag.partition("-")[0]
        if short == "zh":
            return language("zh_CN")
        if short == "en":
            return language("en")
    return language(SOURCE)


def _preferred(accepts: str) -> list[str]:
    weighed = []
    for part in accepts.split(","):
        tag, _, parameters = part.strip().lower().partition(";")
        weight = 1.0
        if parameters.strip().startswith("q="):
            try:
                weight = float(parameters.strip()[2:])
            except ValueError:
                weight = 0.0
        if tag and weight > 0:
            weighed.append((weight, tag))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]
