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

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser, 10 times faster. A machine without libyaml reads the same files, slowly."""


class _Stop(Exception):
    """Reading cannot go on; the problem is in the report."""


@dataclass(slots=True, repr=False, eq=False)
class _Open:
    """A mapping or list that is being read. `pending` is the key that waits for its value."""

    node: Map | Items
    entries: dict[str, tuple[Place, Node]] | None
    """Of a mapping. None: it is a list."""
    size_before: int
    anchor: str | None
    pending: tuple[str, Place] | None = None
    kept: bool = True
    """Whether the pending key is the one that counts: the second of two equal keys does not."""
    braces: bool = False
    """Whether this is a template without quotes, `{{ .Commit }}`, which YAML takes for a mapping in a mapping."""


@dataclass(slots=True, repr=False, eq=False)
class _Reading:
    """What is known while one text is read."""

    report: Report
    source: str
    lines: list[str] | None = None
    nodes: int = 0
    aliases: int = 0
    documents: int = 0
    root: Node | None = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)


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
    reading = _Reading(report, source)
    loader = _Loader(source.encode())
    try:
        _events(loader, reading)
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


def _events(loader: yaml.SafeLoader, reading: _Reading) -> None:
    """What nearly all events are, a key or a value in a mapping or list, is done here without a call."""
    get: Callable[[], Any] = loader.get_event
    stack = reading.stack
    while True:
        event = get()
        kind = type(event)
        if kind is ScalarEvent:
            if not stack or event.tag is not None or event.anchor is not None or reading.nodes >= MAX_NODES:
                _scalar(reading, event)
                continue
            reading.nodes += 1
            top, mark = stack[-1], event.start_mark
            place = (mark.line + 1, mark.column + 1)
            entries, pending = top.entries, top.pending
            if entries is None:
                top.node.items.append(Scalar(event.value, event.style or "", place))  # type: ignore[union-attr]
            elif pending is not None:
                top.pending = None
                if top.kept:
                    entries[pending[0]] = (pending[1], Scalar(event.value, event.style or "", place))
            elif event.value in entries or event.value == "<<":
                _key(reading, top, event.value, event.style or "", place)
            else:
                top.kept = True
                top.pending = (event.value, place)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            _begin(reading, event)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            _end(reading, event)
        elif kind is AliasEvent:
            _alias(reading, event)
        elif kind is DocumentStartEvent:
            reading.documents += 1
            if reading.documents > 1:
                _refuse(reading, "yaml.documents", _place(event), "a second document.", "Keep one.")
                raise _Stop
        elif kind is StreamEndEvent:
            return


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


def _scalar(reading: _Reading, event: ScalarEvent) -> None:
    """A scalar that is the whole file, or has a tag or an anchor, or is one too many."""
    place = _place(event)
    _count(reading, 1, place)
    if event.tag is not None:
        _tag(reading, event.tag, place)
    scalar = Scalar(event.value, event.style or "", place)
    top = reading.stack[-1] if reading.stack else None
    if top is not None and top.entries is not None and top.pending is None:
        _key(reading, top, scalar.text, scalar.style, place)
        return
    _put(reading, scalar)
    if event.anchor is not None:
        reading.anchors[event.anchor] = (scalar, 1)


def _key(reading: _Reading, top: _Open, key: str, style: str, place: Place) -> None:
    entries = top.entries
    assert entries is not None
    top.kept = not top.braces
    if top.braces:
        pass  # nothing of it counts: it becomes the text that it was meant to be
    elif key == "<<" and not style:
        hint = "Repeat the keys."
        _refuse(reading, "yaml.merge_key", place, "merge keys (<<) are not YAML 1.2.", hint)
        top.kept = False
    elif key in entries:
        message = f'"{echo(key)}" is written twice, first in line {entries[key][0][0]}.'
        _refuse(reading, "yaml.duplicate_key", place, message, "Keep one.")
        top.kept = False
    top.pending = (key, place)


def _put(reading: _Reading, node: Node) -> None:
    if not reading.stack:
        reading.root = node
        return
    top = reading.stack[-1]
    holder = top.node
    if type(holder) is Items:
        holder.items.append(node)
        return
    assert isinstance(holder, Map)
    if top.pending is None:
        _bad_key(reading, node.place)
    else:
        key, place = top.pending
        if top.kept:
            holder.entries[key] = (place, node)
            if type(node) is Map and node.key is None:
                node.key = place
        top.pending = None


def _bad_key(reading: _Reading, place: Place) -> None:
    """A mapping, list or alias where a key belongs."""
    _refuse(reading, "yaml.syntax", place, "a key must be text.", "Write a word before the colon.")
    raise _Stop


def _is_template(reading: _Reading, top: _Open, place: Place) -> bool:
    """Whether the mapping that begins where a key belongs is the second brace of a template. The first one is told, and
    reading goes on as if the text were in quotes, so that the rest of the file is judged too."""
    row, column = top.node.place
    if place != (row, column + 1) or not _line(reading, row).startswith("{{", column - 1):
        return False
    _refuse(reading, "yaml.syntax", top.node.place, "a value that begins with {{ must be in quotes.", "")
    top.braces, top.kept = True, False
    return True


def _line(reading: _Reading, row: int) -> str:
    if reading.lines is None:
        reading.lines = broken.split_lines(reading.source)
    return reading.lines[row - 1] if row <= len(reading.lines) else ""


def _begin(reading: _Reading, event: MappingStartEvent | SequenceStartEvent) -> None:
    place = _place(event)
    stack = reading.stack
    if len(stack) >= MAX_DEPTH:
        _refuse(reading, "yaml.limit", place, f"nested more than {MAX_DEPTH} deep.", "Use fewer levels.")
        raise _Stop
    _count(reading, 1, place)
    if event.tag is not None:
        _tag(reading, event.tag, place)
    top = stack[-1] if stack else None
    if top is not None and top.entries is not None and top.pending is None:
        if not top.braces and not _is_template(reading, top, place):
            _bad_key(reading, place)
        top.pending = ("", place)
    node: Map | Items
    entries: dict[str, tuple[Place, Node]] | None = None
    if type(event) is MappingStartEvent:
        entries = {}
        node = Map(entries, place)
    else:
        node = Items([], place)
    if event.anchor is not None:
        reading.anchors[event.anchor] = (node, 0)  # 0: still open, so an alias to it now is recursive
    stack.append(_Open(node, entries, reading.nodes - 1, event.anchor, braces=top is not None and top.braces))


def _end(reading: _Reading, event: Event) -> None:
    done = reading.stack.pop()
    if done.braces:
        end: Any = event.end_mark
        row, column = done.node.place
        text = _line(reading, row)[column - 1 : end.column if end.line + 1 == row else None]
        _put(reading, Scalar(text, '"', done.node.place))
        return
    if done.anchor is not None:
        reading.anchors[done.anchor] = (done.node, reading.nodes - done.size_before)
    _put(reading, done.node)


def _alias(reading: _Reading, event: AliasEvent) -> None:
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
    top = reading.stack[-1] if reading.stack else None
    if top is not None and type(top.node) is Map and top.pending is None:
        if not isinstance(node, Scalar):
            _bad_key(reading, place)
        else:
            _key(reading, top, node.text, node.style, place)
        return
    _put(reading, node)
