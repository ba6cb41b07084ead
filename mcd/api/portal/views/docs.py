"""A page of the docs with its way around, and what a search found.

Pure. It must not read a page: it is given them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mcd.api.portal.manual.search import Hit
from mcd.api.portal.manual.text import Heading, Link, Part, Text


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    url: str
    here: bool


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """The list of pages, as the first page has it."""

    groups: tuple[Group, ...]
    tag: str
    """The language that it is in."""


@dataclass(frozen=True, slots=True)
class DocView:
    title: str
    parts: tuple[Part, ...]
    headings: tuple[Heading, ...]
    tag: str
    """The language that the page is in."""
    around: Around
    first: bool
    """It is the list of pages itself."""


@dataclass(frozen=True, slots=True)
class FoundView:
    asked: str
    hits: tuple[Hit, ...]
    around: Around


def around_view(index: Text, here: str, tag: str) -> Around:
    def entry(link: Link) -> Entry:
        return Entry(link.text, link.url, link.url == here)

    groups = groupby(index.links, key=lambda link: link.under)
    return Around(tuple(Group(title, tuple(entry(link) for link in links)) for title, links in groups), tag)


def doc_view(page: Text, tag: str, around: Around, *, first: bool) -> DocView:
    """`On this page` has the two upper levels, and only where there is something to choose."""
    upper = tuple(heading for heading in page.headings if heading.level == 2)
    return DocView(page.title, page.parts, upper if 2 < len(upper) < 60 else (), tag, around, first)


def found_view(asked: str, hits: Sequence[Hit], around: Around) -> FoundView:
    return FoundView(asked, tuple(hits), around)
