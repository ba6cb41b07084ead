"""`record`: what the compiler's values are, a frozen dataclass with slots that costs next to nothing to declare.

`mcd validate` declares about seventy of them. dataclasses writes and compiles three functions for each, which took
longer than all else that the command does; here the functions are shared. Nothing compares or prints a record, so it
has no `eq` and no `repr`: what needs one is a dataclass as usual. It must not know any record.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """Makes a class a record. `fields`, `replace`, `asdict` and `match` see a dataclass."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # without one, dataclass has inspect work out a signature to write there
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    made.__init__ = _fill
    made.__setattr__ = made.__delattr__ = _refuse
    return made  # type: ignore[no-any-return]


def _fill(self: Any, *values: Any, **named: Any) -> None:
    """Sets every field once. Raises TypeError for a value too many, unknown, doubled or missing."""
    cls = type(self)
    known = fields(cls)
    given = {field.name: value for field, value in zip(known, values, strict=False)}
    if len(given) < len(values) or given.keys() & named.keys():
        raise TypeError(f"{cls.__name__} was given a value twice or one too many")
    given |= named
    for field in known:
        if field.name in given:
            value = given.pop(field.name)
        elif field.default is not MISSING:
            value = field.default
        elif field.default_factory is not MISSING:
            value = field.default_factory()
        else:
            raise TypeError(f"{cls.__name__} needs {field.name}")
        object.__setattr__(self, field.name, value)
    if given:
        raise TypeError(f"{cls.__name__} has no {', '.join(given)}")


def _refuse(self: object, name: str, *_value: object) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is set once")
