"""Finds passages of the pages by words: every word must be there, or begin one that is; headings count most.

Chinese is taken two signs at a time, because nothing stands between its words. It must not know where the passages come
from, nor keep what was asked.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from mcd.api.portal.manual.library import address, library
from mcd.api.portal.manual.text import Passage

_RUNS = re.compile(r"[0-9A-Za-z_\u00c0-\u024f]+|[\u3400-\u9fff]+")
WORDS = 8
"""Words of one question; more are not looked at."""
TITLE, PAGE = 12.0, 4.0
"""What a word counts in the heading of a passage and in the title of its page; in the text 1 and a little more for
each time."""
AROUND = 90
"""Characters before the word that is shown, and twice as many after it."""


@dataclass(frozen=True, slots=True)
class Hit:
    url: str
    page: str
    title: str
    pieces: tuple[tuple[str, bool], ...]
    """The text around the words; True: this piece is one."""


def words(text: str) -> list[str]:
    found = list[str]()
    for run in _RUNS.findall(text.lower()):
        if run[0] < "\u3400" or len(run) == 1:
            found.append(run)
        else:
            found += [run[at : at + 2] for at in range(len(run) - 1)]
    return found


class Index:
    def __init__(self, passages: Iterable[tuple[str, str, Passage]]) -> None:
        self._passages = tuple(passages)
        self._weights: dict[str, dict[int, float]] = defaultdict(dict)
        for number, (_, page, passage) in enumerate(self._passages):
            for word, times in Counter(words(passage.text)).items():
                self._weights[word][number] = 1 + math.log(times)
            for weight, title in ((PAGE, page), (TITLE, passage.title)):
                for word in set(words(title)):
                    self._weights[word][number] = self._weights[word].get(number, 0.0) + weight
        self._words = sorted(self._weights)

    def find(self, question: str, limit: int = 30) -> list[Hit]:
        """The best first. Nothing when no passage has all words."""
        asked = list(dict.fromkeys(words(question)))[:WORDS]
        if not asked:
            return []
        scores = [self._scores(word) for word in asked]
        both = set(scores[0]).intersection(*scores[1:])
        best = sorted(both, key=lambda at: (-sum(score[at] for score in scores), at))[:limit]
        return [self._hit(at, asked) for at in best]

    def _scores(self, word: str) -> dict[int, float]:
        """Passage → what it counts for this word, and half for one that begins with it."""
        found = dict[int, float]()
        for at in range(bisect_left(self._words, word), len(self._words)):
            known = self._words[at]
            if not known.startswith(word):
                break
            rare = math.log(1 + len(self._passages) / len(self._weights[known]))
            for number, weight in self._weights[known].items():
                found[number] = max(found.get(number, 0.0), weight * rare * (1.0 if known == word else 0.5))
        return found

    def _hit(self, at: int, asked: Sequence[str]) -> Hit:
        name, page, passage = self._passages[at]
        url = address(name) + (f"#{passage.anchor}" if passage.anchor else "")
        return Hit(url, page, passage.title, pieces(passage.text, asked))


def pieces(text: str, asked: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """The text around the first of the words, cut where they stand."""
    line = " ".join(text.split())
    pattern = re.compile("|".join(re.escape(word) for word in asked), re.IGNORECASE)
    first = pattern.search(line)
    start = max(0, first.start() - AROUND) if first else 0
    end = start + 3 * AROUND
    shown = ("… " if start else "") + line[start:end] + (" …" if end < len(line) else "")
    cut = list[tuple[str, bool]]()
    done = 0
    for found in pattern.finditer(shown):
        cut += [(shown[done : found.start()], False), (found[0], True)]
        done = found.end()
    return tuple((piece, marked) for piece, marked in [*cut, (shown[done:], False)] if piece)


@cache
def index(code: str) -> Index:
    """Over all pages as who speaks this language sees them. A second or so when it is first asked."""
    return Index(library().passages(code))
