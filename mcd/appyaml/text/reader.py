"""Reads YAML text into a tree, once, from the parser's events, and counts every limit before anything is built.

A bomb is therefore refused at the cost of its text. It must not know what any key means; in this room nothing but this
file, and broken.py for its errors, imports yaml.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from mcd.appyaml.text import broken
from mcd.appyaml.text.nodes import TOP, Items, Map, Node, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

MAX_BYTES = 262_144
MAX_DEPTH = 32
MAX_ALIASES = 20
MAX_NODES = 20_000

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

_NODES = frozenset({ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent})

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser, 10 times faster. A machine without libyaml reads the same files, slowly."""


class _Stop(Exception):
    """Reading cannot go on; the problem is in the report."""


@dataclass(slots=True, repr=False, eq=False)
class _Reading:
    """What is known while one text is read."""

    report: Report
    source: str
    get: Callable[[], Any]
    """The next event of the parser."""
    lines: list[str] | None = None
    nodes: int = 0
    aliases: int = 0
    documents: int = 0
    root: Node | None = None
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    """Node, and how many values it is: 0 while it is being read, so that an alias to it then is recursive."""


def decode(text: bytes | str, report: Report) -> str | None:
    """The text itself, or nothing when it is too large or no UTF-8."""
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as wrong:
        before = str(text)[: wrong.start]
        report.refuse(
            "yaml.encoding", _place_in(before), (), "this is half of a character (a lone surrogate).", "Remove it."
        )
        return None
    if len(raw) > MAX_BYTES:
        # Callers may read only this far, so the message does not count how large the file really is.
        report.refuse("yaml.limit", TOP, (), f"the file has more than {MAX_BYTES:,} bytes.", "Make it smaller.")
        return None
    if raw[:2] in _BOMS:
        report.refuse("yaml.encoding", TOP, (), f"the file is {_BOMS[raw[:2]]}.", "Save it as UTF-8.")
        return None
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        before = raw[: wrong.start].decode("utf-8-sig")
        report.refuse("yaml.encoding", _place_in(before), (), "the file is not UTF-8.", "Save it as UTF-8.")
        return None
    # What is printable is allowed; what is not may be (a tab, a no-break space), and the expression knows.
    bad = None if source.replace("\n", "").isprintable() else _UNPRINTABLE.search(source)
    if bad:
        what = f"a control character (U+{ord(bad.group()):04X})."
        report.refuse("yaml.encoding", _place_in(source[: bad.start()]), (), what, "Remove it.")
        return None
    return source


def _place_in(before: str) -> Place:
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


def read(source: str, report: Report) -> Node | None:
    """The tree of the one document, or nothing when the text is no YAML or over a limit. An empty text is an empty
    mapping, because the keys that it lacks are the better message."""
    loader = _Loader(source.encode())
    reading = _Reading(report, source, loader.get_event)
    try:
        _documents(reading)
    except _Stop:
        return None
    except yaml.MarkedYAMLError as wrong:
        place, message, hint = broken.explain(wrong, source)
        report.refuse("yaml.syntax", place, (), message, hint)
        return None
    except yaml.YAMLError:
        report.refuse("yaml.encoding", TOP, (), "the file is not UTF-8 text.", "Save it as UTF-8.")
        return None
    finally:
        loader.dispose()
    return reading.root if reading.root is not None else Map({}, TOP)


def _documents(reading: _Reading) -> None:
    """All events: a node takes its own, up to its end."""
    while True:
        event = reading.get()
        kind = type(event)
        if kind is StreamEndEvent:
            return
        if kind is DocumentStartEvent:
            reading.documents += 1
            if reading.documents > 1:
                _refuse(reading, "yaml.documents", _place(event), "a second document.", "Keep one.")
                raise _Stop
        elif kind in _NODES:
            reading.root = _node(reading, event, 0, braces=False)


def _place(event: Event) -> Place:
    mark: Any = event.start_mark
    return mark.line + 1, mark.column + 1


def _refuse(reading: _Reading, code: str, place: Place, message: str, hint: str) -> None:
    reading.report.refuse(code, place, (), message, hint)


def _count(reading: _Reading, size: int, place: Place) -> None:
    reading.nodes += size
    if reading.nodes > MAX_NODES:
        _refuse(reading, "yaml.limit", place, f"more than {MAX_NODES:,} values.", "Use fewer, or several files.")
        raise _Stop


def _tag(reading: _Reading, tag: str, place: Place) -> None:
    short = echo(tag.replace("tag:yaml.org,2002:", "!!", 1))
    _refuse(reading, "yaml.tag", place, f"the tag {short}.", "Remove it.")


def _node(reading: _Reading, event: Any, depth: int, *, braces: bool) -> Node:
    """The node that begins with an event, inside of so many mappings and lists. `braces`: it is part of a template
    without quotes, of which nothing counts but its text."""
    kind = type(event)
    if kind is ScalarEvent:
        place = _value(reading, event)
        scalar = Scalar(event.value, event.style or "", place)
        if event.anchor is not None:
            reading.anchors[event.anchor] = (scalar, 1)
        return scalar
    if kind is AliasEvent:
        return _alias(reading, event)
    return _collection(reading, event, _begun(reading, event, depth), depth, braces=braces)


def _value(reading: _Reading, event: Any) -> Place:
    """Counts a value; its place."""
    mark = event.start_mark
    place = (mark.line + 1, mark.column + 1)
    reading.nodes += 1
    if reading.nodes > MAX_NODES:
        _count(reading, 0, place)
    if event.tag is not None:
        _tag(reading, event.tag, place)
    return place


def _begun(reading: _Reading, event: Any, depth: int) -> Place:
    """Counts a mapping or a list; its place."""
    if depth >= MAX_DEPTH:
        _refuse(reading, "yaml.limit", _place(event), f"nested more than {MAX_DEPTH} deep.", "Use fewer levels.")
        raise _Stop
    return _value(reading, event)


def _collection(reading: _Reading, event: Any, place: Place, depth: int, *, braces: bool) -> Node:
    """A mapping or a list, whole."""
    before = reading.nodes - 1
    node: Map | Items = Map({}, place) if type(event) is MappingStartEvent else Items([], place)
    if event.anchor is not None:
        reading.anchors[event.anchor] = (node, 0)
    if type(node) is Map:
        end, braces = _entries(reading, node, depth + 1, braces=braces)
    else:
        end = _items(reading, node, depth + 1, braces=braces)
    if braces:
        row, column = place
        text = _line(reading, row)[column - 1 : end.column if end.line + 1 == row else None]
        return Scalar(text, '"', place)
    if event.anchor is not None:
        reading.anchors[event.anchor] = (node, reading.nodes - before)
    return node


def _items(reading: _Reading, node: Map | Items, depth: int, *, braces: bool) -> Any:
    """Reads the items of a list. The mark of its end."""
    assert type(node) is Items
    get, items = reading.get, node.items
    while True:
        event = get()
        if type(event) is SequenceEndEvent:
            return event.end_mark
        items.append(_node(reading, event, depth, braces=braces))


def _entries(reading: _Reading, node: Map, depth: int, *, braces: bool) -> tuple[Any, bool]:
    """Reads the entries of a mapping. The mark of its end, and whether it is a template without quotes. What nearly all
    entries are, a word and a scalar, is done here without a call."""
    get, entries = reading.get, node.entries
    while True:
        event = get()
        kind = type(event)
        if kind is MappingEndEvent:
            return event.end_mark, braces
        if kind is ScalarEvent and event.tag is None and reading.nodes < MAX_NODES:
            reading.nodes += 1
            mark: Any = event.start_mark
            key = event.value
            place = (mark.line + 1, mark.column + 1)
        else:
            key, place, braces = _odd_key(reading, event, node, depth, braces=braces)
        kept = (key != "<<" and key not in entries) or braces or _is_kept(reading, entries, key, event, place)
        event = get()
        if type(event) is ScalarEvent and event.tag is None and event.anchor is None and reading.nodes < MAX_NODES:
            reading.nodes += 1
            mark = event.start_mark
            value: Node = Scalar(event.value, event.style or "", (mark.line + 1, mark.column + 1))
        else:
            value = _node(reading, event, depth, braces=braces)
            if kept and type(value) is Map and value.key is None:
                value.key = place
        if kept:
            entries[key] = (place, value)


def _odd_key(reading: _Reading, event: Any, node: Map, depth: int, *, braces: bool) -> tuple[str, Place, bool]:
    """A key with a tag, an alias, or what cannot be one: all but the second brace of a template ends the reading."""
    kind = type(event)
    if kind is ScalarEvent:
        return event.value, _value(reading, event), braces
    if kind is AliasEvent:
        written, place = _alias(reading, event), _place(event)
        if isinstance(written, Scalar):
            return written.text, place, braces
    else:
        place = _begun(reading, event, depth)
        if braces or _is_template(reading, node, place):
            _collection(reading, event, place, depth, braces=True)
            return "", place, True
    _refuse(reading, "yaml.syntax", place, "a key must be text.", "Write a word before the colon.")
    raise _Stop


def _is_kept(reading: _Reading, entries: dict[str, tuple[Place, Node]], key: str, event: Any, place: Place) -> bool:
    """Whether a key counts that is there already, or asks for a merge; if not, that is told."""
    written: Any = reading.anchors[str(event.anchor)][0] if type(event) is AliasEvent else event
    if key == "<<" and not written.style:
        _refuse(reading, "yaml.merge_key", place, "merge keys (<<) are not YAML 1.2.", "Repeat the keys.")
        return False
    if key in entries:
        message = f'"{echo(key)}" is written twice, first in line {entries[key][0][0]}.'
        _refuse(reading, "yaml.duplicate_key", place, message, "Keep one.")
        return False
    return True


def _is_template(reading: _Reading, node: Map, place: Place) -> bool:
    """Whether the mapping that begins where a key belongs is the second brace of a template. The first one is told, and
    reading goes on as if the text were in quotes, so that the rest of the file is judged too."""
    row, column = node.place
    if place != (row, column + 1) or not _line(reading, row).startswith("{{", column - 1):
        return False
    _refuse(reading, "yaml.syntax", node.place, "a value that begins with {{ must be in quotes.", "")
    return True


def _line(reading: _Reading, row: int) -> str:
    if reading.lines is None:
        reading.lines = broken.split_lines(reading.source)
    return reading.lines[row - 1] if row <= len(reading.lines) else ""


def _alias(reading: _Reading, event: AliasEvent) -> Node:
    place = _place(event)
    reading.aliases += 1
    name = str(event.anchor)
    if name not in reading.anchors:
        message = f'a value that begins with * must be in quotes: "*{echo(name)}".'
        _refuse(reading, "yaml.syntax", place, message, "")
        raise _Stop
    node, size = reading.anchors[name]
    if size == 0:
        _refuse(reading, "yaml.recursive", place, f"the alias *{echo(name)} contains itself.", "Remove it.")
        raise _Stop
    if reading.aliases > MAX_ALIASES:
        _refuse(reading, "yaml.limit", place, f"more than {MAX_ALIASES} aliases.", "Write the values out.")
        raise _Stop
    _count(reading, size, place)
    return node
