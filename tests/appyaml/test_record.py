"""A record behaves like the frozen dataclass that it replaces, for all that the compiler asks of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from typing import Any

import pytest

from mcd.appyaml.record import filled, given_of, record
from mcd.appyaml.record import replace as with_other


@record
class Spot:
    """A place."""

    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)


@record
class Bare:
    x: int


@record
class Late:
    """A value that must be given behind one that need not."""

    x: int = 1
    y: int = field()


def often(cls: Callable[..., Any], **named: Any) -> None:
    """Makes so many that the class has got a function of its own."""
    for _ in range(200):
        cls(**named)


def test_a_record_takes_values_by_place_and_by_name_and_fills_the_rest() -> None:
    assert asdict(Spot(1)) == {"x": 1, "y": 2, "tags": []}
    assert asdict(Spot(1, y=5, tags=["a"])) == {"x": 1, "y": 5, "tags": ["a"]}


def test_a_mutable_default_is_made_anew_for_each() -> None:
    assert Spot(1).tags is not Spot(1).tags


@pytest.mark.parametrize(
    "make",
    [
        lambda cls: cls(),
        lambda cls: cls(1, 2, [], 4),
        lambda cls: cls(1, x=1),
        lambda cls: cls(1, z=3),
        lambda cls: cls(y=3),
    ],
    ids=["nothing", "one too many", "twice", "unknown", "missing"],
)
def test_values_that_do_not_fit_the_fields_are_a_type_error(make: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        make(Spot)
    with pytest.raises(TypeError):
        make(often_made())


def often_made() -> Any:
    """A class like Spot that has a function of its own by now."""
    made: Any = record(
        type("Spot", (), {"__annotations__": Spot.__annotations__, "y": 2, "tags": field(default_factory=list)})
    )
    shared = made.__init__
    often(made, x=1)
    assert made.__init__ is not shared
    return made


def test_a_class_that_is_made_often_fills_its_fields_as_before() -> None:
    made = often_made()
    assert vars(made(1)) == {"x": 1, "y": 2, "tags": []}
    assert vars(made(1, y=5, tags=["a"])) == {"x": 1, "y": 5, "tags": ["a"]}
    assert made(1).tags is not made(1).tags
    assert replace(made(1, 7), x=3).y == 7
    with pytest.raises(FrozenInstanceError):
        made(1).x = 3


def test_a_value_that_must_be_given_may_stand_behind_one_that_need_not() -> None:
    often(Late, y=2)
    assert vars(Late(3, 4)) == {"x": 3, "y": 4}
    with pytest.raises(TypeError):
        Late(3)


def test_a_record_never_changes() -> None:
    spot: Any = Spot(1)
    with pytest.raises(FrozenInstanceError):
        spot.x = 3
    with pytest.raises(FrozenInstanceError):
        del spot.x
    with pytest.raises(FrozenInstanceError):
        spot.z = 3
    assert spot.x == 1
    assert vars(spot) == {"x": 1, "tags": []}


def test_a_record_is_a_dataclass_for_those_who_read_replace_and_match() -> None:
    spot = Spot(1, 7)
    match spot:
        case Spot(x, y):
            assert (x, y) == (1, 7)
    assert replace(spot, x=3).x == 3
    assert [f.name for f in fields(spot)] == ["x", "y", "tags"]
    assert is_dataclass(spot)


def test_a_record_prints_no_value() -> None:
    assert "hunter2" not in repr(Spot(1, tags=["hunter2"]))


def test_a_class_without_words_stays_cheap() -> None:
    """dataclass has `inspect` work out a signature for a class without a docstring, which takes milliseconds."""
    assert Bare.__doc__ == "Bare"


def test_a_record_with_other_values_leaves_the_first_as_it_was() -> None:
    spot = Spot(1, tags=["a"])
    other = with_other(spot, x=3)
    assert (vars(spot), vars(other)) == ({"x": 1, "tags": ["a"]}, {"x": 3, "tags": ["a"]})
    assert other.y == 2
    assert type(with_other(often_made()(1), y=5)).__name__ == "Spot"
    with pytest.raises(TypeError):
        with_other(spot, z=1)
    with pytest.raises(FrozenInstanceError):
        other.x = 4  # type: ignore[misc]


def test_a_record_of_known_values_is_filled_like_any_other() -> None:
    spot = filled(Spot, {**given_of(Spot), "x": 1})
    assert vars(spot) == vars(Spot(1))
    assert spot.y == 2, "a default stays on the class"
    with pytest.raises(FrozenInstanceError):
        spot.x = 4  # type: ignore[misc]


def test_what_factories_make_is_the_same_for_all_that_begin_with_it() -> None:
    given = given_of(Spot)
    assert given == {"tags": []}
    assert filled(Spot, {**given, "x": 1}).tags is filled(Spot, {**given, "x": 2}).tags
