"""Finds the word that was probably meant: Damerau-Levenshtein distance, then the alphabet.

Pure text. It must not know where the words come from.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcd.errors import echo

_LONGEST = 80


def distance(a: str, b: str, limit: int) -> int:
    """How many letters are wrong, missing, too many or swapped with their neighbour; at most `limit` + 1."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return last[-1]


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is at most 1 letter away (2 for more than 4 letters), or ""."""
    if len(word) > _LONGEST:
        return ""
    limit = 1 if len(word) <= 4 else 2
    near = sorted((distance(word, other, limit), other) for other in known)
    return near[0][1] if near and near[0][0] <= limit else ""


def known_words(known: Iterable[str]) -> str:
    """`Known: a, b, c.`"""
    words = sorted(known)
    return f"Known: {', '.join(echo(w) for w in words)}." if words else "There are none."


def suggest(word: str, known: Iterable[str]) -> str:
    """`Did you mean "port"?` or, without a near one, `Known: a, b, c.`"""
    words = sorted(known)
    near = nearest(word, words)
    return f'Did you mean "{echo(near)}"?' if near else known_words(words)
