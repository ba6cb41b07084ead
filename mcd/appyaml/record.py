"""`record`: what the compiler's values are, a frozen dataclass that costs next to nothing to declare and to make.

`mcd validate` declares about a hundred of them and makes each once or twice; a server makes thousands a second.
dataclasses writes and compiles three functions for each class, which took longer than all else that the command does,
and sets each field by a call of its own; here the functions are shared, a value goes into the instance's `__dict__` in
one stroke, and a default stays on the class. A class that is made again and again gets a function of its own, once.
Nothing compares or prints a record, so it has no `eq` and no `repr`: what needs one is a dataclass as usual. It must
not know any record.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from itertools import count
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_OFTEN = 100
"""So many of one class, and its own function (a quarter of a millisecond to write and compile, and a third of the time
of the shared one from then on) has paid for itself. No command that reads one ordinary file comes to it."""


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """Makes a class a record. `fields`, `replace`, `asdict` and `match` see a dataclass."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # without one, dataclass has inspect work out a signature to write there
    made: Any = dataclass(init=False, repr=False, eq=False)(cls)
    known = fields(made)
    made._names = tuple(field.name for field in known)
    made._known = frozenset(made._names)
    made._factories = tuple((f.name, f.default_factory) for f in known if f.default_factory is not MISSING)
    made._required = frozenset(f.name for f in known if f.default is MISSING and f.default_factory is MISSING)
    made._made = count(1)
    made.__init__ = _fill
    made.__setattr__ = made.__delattr__ = _refuse
    return made  # type: ignore[no-any-return]


def _fill(self: Any, *values: Any, **named: Any) -> None:
    """Sets every field once. Raises TypeError for a value too many, unknown, doubled or missing."""
    if values:
        named = _by_name(self, values, named)
    given = named.keys()
    if not (given <= self._known and given >= self._required):
        _complain(self, named)
    inside = self.__dict__
    inside.update(named)
    for name, make in self._factories:
        if name not in inside:
            inside[name] = make()
    if next(self._made) == _OFTEN:
        _write_own(type(self))


def given_of(cls: Any) -> dict[str, Any]:
    """What the factories of a record make. Only for one whose values nobody changes: they are then the same for all."""
    return {name: make() for name, make in cls._factories}


def filled(cls: type[T], values: dict[str, Any]) -> T:
    """A record that takes this dict as its own, of which the caller knows that it has all that must be given and what
    `given_of` says, and nothing but fields."""
    one = cls.__new__(cls)
    object.__setattr__(one, "__dict__", values)
    return one


def replace(one: T, **named: Any) -> T:
    """The record with other values, as dataclasses.replace makes it, without going through each field. Raises TypeError
    for a name that is no field."""
    cls: Any = type(one)
    if not named.keys() <= cls._known:
        _complain(one, named)
    other: T = cls.__new__(cls)
    other.__dict__.update(one.__dict__, **named)
    return other


def _write_own(cls: Any) -> None:
    """Gives a class the `__init__` that does for its fields what `_fill` does for any."""
    head, body = [], ["_inside = self.__dict__"]
    given: dict[str, Any] = {"_unset": MISSING}
    for field in fields(cls):
        name, made = field.name, f"_of_{field.name}"
        value = name
        if field.default is not MISSING:
            given[made] = field.default
            head.append(f"{name}={made}")
        elif field.default_factory is not MISSING:
            given[made] = field.default_factory
            head.append(f"{name}=_unset")
            value = f"{made}() if {name} is _unset else {name}"
        elif head and "=" in head[-1]:
            return  # one that must be given stands behind one that need not: Python has no such function
        else:
            head.append(name)
        body.append(f"_inside[{name!r}] = {value}")
    lines = "\n ".join(body)
    exec(f"def __init__(self, {', '.join(head)}):\n {lines}", given)  # noqa: S102 - the names of fields, no more
    given["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = given["__init__"]


def _by_name(self: Any, values: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    given = dict(zip(self._names, values, strict=False))
    if len(given) < len(values) or given.keys() & named.keys():
        raise TypeError(f"{type(self).__name__} was given a value twice or one too many")
    given |= named
    return given


def _complain(self: Any, named: dict[str, Any]) -> None:
    name = type(self).__name__
    unknown = ", ".join(sorted(named.keys() - self._known))
    if unknown:
        raise TypeError(f"{name} has no {unknown}")
    raise TypeError(f"{name} needs {', '.join(sorted(self._required - named.keys()))}")


def _refuse(self: object, name: str, *_value: object) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is set once")
