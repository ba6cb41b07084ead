"""The language in which schema/ and context.py say what may be written: one Kind per shape of value, one Key per key.

A Key carries its own documentation, and the JSON Schema, `mcd explain` and the reader are all made from it, so they
cannot disagree. It must not know any key of app.yaml.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from mcd.appyaml.record import filled, given_of
from mcd.appyaml.schema import patterns
from mcd.appyaml.text.nodes import NULLS, TOP, Items, Map, Node, Path, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import Bytes
from mcd.appyaml.text.words import known_words, nearest
from mcd.errors import echo

Json = dict[str, Any]
Read = Callable[[Report, Node, Path], Any]
"""Reads a node. Answers BAD after a problem was reported."""


class Bad:
    """The value of a field that was refused. The run goes on without it, so that every problem is found."""

    __slots__ = ()


BAD = Bad()

SHAPES = {Map: "a mapping", Items: "a list", Scalar: "text"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One shape of value: how it is read, what an editor checks, what `explain` calls it."""

    name: str
    read: Read
    json: Callable[[], Json]
    model: type | None = None
    """The dataclass behind a mapping, so that `explain` can go on into it."""
    written: Callable[[Any], str] | None = None
    """How a value is written in app.yaml, where that is not how it prints: a number of seconds is `10m`."""
    inner: Kind | None = None
    """Of a mapping keyed by names of the person's own: the Kind of its values."""
    expand: Callable[[Node], Map | None] | None = None
    """`rollout: canary` → `{strategy: canary}`: writes a short form out, so that a mapping of an environment can be
    merged into it (app-yaml 4.2). Every Kind that takes a mapping and a short form declares its own; expand.py has the
    usual ones. The nodes stand at the place of the short form; None: nothing to merge into (a mistake, `false`)."""
    limits: str = ""
    """The smallest and the largest value, or how many, as a person reads it."""
    names: Callable[[Report, Place, Path, str], bool] | None = None
    """Of a mapping keyed by names of the person's own: refuses a name that is none."""
    many: bool = False
    """Whether it is a list: `model` is then that of its items."""
    whole: Callable[[Map, Map], bool] | None = None
    """Whether the mapping of an environment (the second) replaces the file's (the first) and is not merged into it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping. `only` names the component types that have it (empty: all); `unused` is one of the
    context that is read and checked, and that nothing asks for yet; `nullable` takes an explicit null."""

    kind: Kind
    meaning: str
    default: str = ""
    limits: str = ""
    effect: str = ""
    example: str = ""
    only: tuple[str, ...] = ()
    required: str = ""
    unused: bool = False
    nullable: bool = False


def key(kind: Kind, meaning: str, *, value: Any = None, **words: Any) -> Any:
    """A field of a schema dataclass. `value` is what stands there when nobody wrote the key; mutable ones are given
    as a factory. The default that people are shown is that value: words of one's own may only say what nothing means
    (TypeError)."""
    shown = as_written(kind, value() if callable(value) else value)
    if shown not in NOTHING and "default" in words:
        raise TypeError(f"the default is {shown}: it cannot be called {words['default']} as well")
    metadata = {"key": Key(kind, meaning, **{"default": shown, **words})}
    if callable(value):
        return dataclasses.field(default_factory=value, metadata=metadata)
    return dataclasses.field(default=value, metadata=metadata)


NOTHING = ("", "[]", "{}")


def as_written(kind: Kind | None, value: Any) -> str:
    """A value of a kind as a person writes it in app.yaml, on one line; an empty text for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f"[{', '.join(as_written(kind, item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{word}: {as_written(kind, item)}' for word, item in value.items())}}}"
    if dataclasses.is_dataclass(value) and not isinstance(value, Bytes):
        model: Any = type(value)
        keys, attributes = keys_of(model), attributes_of(model)
        inside = {word: as_written(keys[word].kind, getattr(value, name)) for word, name in attributes.items()}
        return f"{{{', '.join(f'{word}: {text}' for word, text in inside.items() if text not in NOTHING)}}}"
    if kind is not None and kind.written is not None:
        return kind.written(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def keys_of(model: type) -> Mapping[str, Key]:
    """The keys of a schema dataclass by the word that is written: a final `_` keeps Python's own words apart."""
    return {f.name.rstrip("_"): f.metadata["key"] for f in dataclasses.fields(model) if "key" in f.metadata}


@cache
def attributes_of(model: type) -> Mapping[str, str]:
    """Key as written → attribute."""
    return {f.name.rstrip("_"): f.name for f in dataclasses.fields(model) if "key" in f.metadata}


_Reader: TypeAlias = tuple[Read, str, tuple[str, ...], bool]
"""What reading needs of one key, without the words for people: how, its attribute, `only`, `nullable`."""


class _Plan(NamedTuple):
    """How a mapping becomes a record: looked up once for a class, not for each mapping. `given` is what stands where
    nobody wrote a key: made once, because it is frozen or a Mapping, and what each record begins with."""

    readers: Mapping[str, _Reader]
    required: tuple[tuple[str, str, str], ...]
    """Word, attribute, what to do."""
    given: dict[str, Any]


@cache
def _plan_of(model: type) -> _Plan:
    attributes = attributes_of(model)
    keys = keys_of(model)
    return _Plan(
        {word: (k.kind.read, attributes[word], k.only, k.nullable) for word, k in keys.items()},
        tuple((word, attributes[word], known.required) for word, known in keys.items() if known.required),
        dict(given_of(model)),
    )


# ── scalars ──────────────────────────────────────────────────────────────────────────────────────────────────────


def refused_shape(report: Report, node: Node, path: Path, wanted: str) -> Bad:
    """`a list stands here. Write text.`"""
    shape = SHAPES[type(node)]
    if isinstance(node, Scalar):
        shape = f'"{echo(node.text)}" is text.'
        report.refuse("schema.type", node.place, path, shape, f"Write {wanted}.")
    else:
        report.refuse("schema.type", node.place, path, f"{shape} stands here.", f"Write {wanted}.")
    return BAD


# ── lists and mappings ───────────────────────────────────────────────────────────────────────────────────────────


def refuse_null(report: Report, place: Place, path: Path) -> None:
    report.refuse("value.null", place, path, "it has no value.", "Remove the key, or write a value.")


def items(kind: Kind, *, most: int = 1000, single: bool = False) -> Kind:
    """A list, as a tuple. `single` also takes one item without the list."""

    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is not Items:
            if single and type(node) is Scalar:
                one = kind.read(report, node, path)
                return BAD if one is BAD else (one,)
            return refused_shape(report, node, path, "a list")
        if len(node.items) > most:
            report.refuse("value.range", node.place, path, f"{len(node.items)} items.", f"Use at most {most}.")
            return BAD
        values = []
        for number, item in enumerate(node.items):
            if type(item) is Scalar and item.null:
                refuse_null(report, item.place, (*path, number))
                continue
            value = kind.read(report, item, (*path, number))
            if value is not BAD:
                values.append(value)
        return tuple(values)

    def json() -> Json:
        many = {"type": "array", "items": kind.json(), "maxItems": most}
        return {"anyOf": [kind.json(), many]} if single else many

    return Kind(f"list of {kind.name}", read, json, kind.model, kind.written, limits=f"at most {most} items", many=True)


def mapping(
    kind: Kind,
    *,
    name: Callable[[Report, Place, Path, str], bool] | None = None,
    most: int = 0,
    nouns: str = "entries",
    nullable: bool = False,
) -> Kind:
    """A mapping keyed by names of the person's own, as a dict in the order written. `name` checks a key."""

    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is not Map:
            return refused_shape(report, node, path, "a mapping")
        if most and len(node.entries) > most:
            extra = list(node.entries)[most]
            message = f"{len(node.entries)} {nouns}."
            report.refuse("value.range", node.entries[extra][1].place, (*path, extra), message, f"Use at most {most}.")
            return BAD
        values = {}
        for word, (place, value) in node.entries.items():
            inside = (*path, word)
            if name is not None and not name(report, place, inside, word):
                continue
            if type(value) is Scalar and value.text in NULLS and not value.style and not nullable:
                refuse_null(report, place, inside)
                continue
            got = kind.read(report, value, inside)
            if got is not BAD:
                values[word] = got
        return values

    def json() -> Json:
        many = {"maxProperties": most} if most else {}
        return {"type": "object", "additionalProperties": kind.json(), **patterns.names(name), **many}

    return Kind(f"mapping of {kind.name}", read, json, kind.model, kind.written, inner=kind, names=name)


def model(
    cls: type,
    *,
    short: Callable[[Report, Node, Path], Any] | None = None,
    short_json: tuple[Json, ...] = (),
    name: str = "mapping",
    expand: Callable[[Node], Map | None] | None = None,
) -> Kind:
    """A mapping with known keys, as an instance of `cls`. `short` reads everything that is not a mapping, `expand`
    writes it out."""

    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is Map:
            return read_model(report, node, path, cls)
        if short is not None:
            return short(report, node, path)
        return refused_shape(report, node, path, "a mapping")

    def json() -> Json:
        long: Json = {"$ref": f"#/$defs/{cls.__name__}"}
        return {"anyOf": [*short_json, long]} if short_json else long

    return Kind(name, read, json, cls, expand=expand)


def read_model(
    report: Report, node: Map, path: Path, cls: type, *, type_name: str = "", fallback: Mapping[str, Any] | None = None
) -> Any:
    """Reads a mapping with known keys. Without a required key the answer is BAD, unless `fallback` has a stand-in for
    it; other problems leave the field at its default, so that what does stand there can still be checked."""
    plan = _plan_of(cls)
    readers = plan.readers
    values = plan.given.copy()
    for word, (place, value) in node.entries.items():
        known = readers.get(word)
        if known is None:
            refuse_key(report, place, (*path, word), keys_of(cls), type_name)
            continue
        read, attribute, only, nullable = known
        if only and type_name and type_name not in only:
            refuse_key(report, place, (*path, word), keys_of(cls), type_name)
        elif type(value) is Scalar and not value.style and value.text in NULLS:
            if nullable:
                values[attribute] = None
            else:
                refuse_null(report, place, (*path, word))
        else:
            got = read(report, value, (*path, word))
            if got is not BAD:
                values[attribute] = got
            else:
                show_form(report, value, keys_of(cls)[word])
    complete = True
    for word, attribute, wanted in plan.required:
        if attribute in values:
            continue
        if word not in node.entries:
            place = node.key or (node.place if path else TOP)
            report.refuse("schema.missing", place, (*path, word), f'"{word}" is missing.', wanted)
        if fallback is not None and word in fallback:
            values[attribute] = fallback[word]
        else:
            complete = False
    return filled(cls, values) if complete else BAD


_BARE = ("Write a mapping.", "Write a list.")


def show_form(report: Report, node: Node, known: Key) -> None:
    """`Write a mapping.` says nothing to who has never written one: after a problem of this very value the example of
    its key is added."""
    last = report.found[-1] if report.found else None
    if last is None or last.hint not in _BARE or (last.line, last.column) != node.place:
        return
    if known.example.startswith(("{", "[")):
        report.found[-1] = dataclasses.replace(last, hint=f"{last.hint[:-1]} like {known.example}.")


def refuse_key(report: Report, place: Place, path: Path, keys: Mapping[str, Key], type_name: str = "") -> None:
    """A key that is not known here, or not for this type of component."""
    if str(path[-1]) in keys:
        _refuse_type(report, place, path, type_name)
    else:
        refuse_unknown(report, place, path, keys, type_name)


_TOLD_IN_FULL = 1000
"""So many mistakes of one file get a suggestion of what was meant, ten times as many as are printed: a file of ten
thousand wrong keys is compared with what there is for a second."""


def refuse_unknown(report: Report, place: Place, path: Path, keys: Mapping[str, Key], type_name: str = "") -> None:
    """`there is no "portt" here. Did you mean "port"?`"""
    word = str(path[-1])
    if report.errors > _TOLD_IN_FULL:
        report.refuse("schema.unknown_key", place, path, f'there is no "{echo(word)}" here.', "Remove it.")
        return
    fitting = {w: k for w, k in keys.items() if not (type_name and k.only and type_name not in k.only)}
    before, colon, value = word.partition(":")
    if colon and before in fitting:
        hint = f"Write {before}: {echo(value) or 'and a value'}."
        report.refuse("schema.unknown_key", place, path, f'a blank is missing behind "{before}:".', hint)
        return
    near = nearest(word, fitting)
    hint = f'Did you mean "{near}"?' if near else known_words(fitting)
    report.refuse("schema.unknown_key", place, path, f'there is no "{echo(word)}" here.', hint)


def _refuse_type(report: Report, place: Place, path: Path, type_name: str) -> None:
    word = path[-1]
    message, hint = f"a {type_name} has no {word}.", "Remove it."
    if type_name == "daemon" and word in ("port", "ports"):
        hint = "Remove it, or use type: service."
    if word == "health":
        message = f"a {type_name} has no health: it runs to its end."
        hint = "Remove it; timeout stops a run that hangs."
    report.refuse("schema.not_for_type", place, path, message, hint)


def either(name: str, read: Read, json: Iterable[Json], cls: type | None = None, **merged: Any) -> Kind:
    """A value of several shapes with a reader of its own; `merged`: inner, names, expand, whole of its Kind."""
    shapes = list(json)
    return Kind(name, read, lambda: {"anyOf": shapes} if len(shapes) > 1 else dict(shapes[0]), cls, **merged)
