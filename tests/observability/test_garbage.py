"""A server looks for circles of dead objects, but not once for each App that it compiles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from mcd.observability.garbage import YOUNG, look_seldom


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_circle_is_found_though_not_at_once() -> None:
    look_seldom()
    dead = weakref.ref(Knot())
    kept: list[list[object]] = [[] for _ in range(1000)]
    assert dead() is not None, "a thousand objects are not many"
    kept += [[] for _ in range(YOUNG)]
    assert dead() is None, "it is never looked for"


def test_what_was_imported_is_not_looked_at_again() -> None:
    look_seldom()
    assert gc.get_freeze_count() > 0
