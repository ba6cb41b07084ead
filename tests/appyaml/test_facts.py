"""Every fact of the platform context is either asked for by the compiler, or said to be read and not used yet."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcd.appyaml import context
from mcd.appyaml.context import Context, read_context
from mcd.appyaml.schema.fields import Key, keys_of
from mcd.appyaml.schema.resources import Limits, Resources
from mcd.appyaml.shells import line_shells
from scripts.app_yaml_page import NOT_USED, page
from tests.appyaml.cases_on_disk import CONTEXT_OF_THE_PAGE, all_cases

COMPILER = Path(context.__file__).parent
READERS = {COMPILER / name for name in ("context.py", "schema/fields.py", "record.py")}
ELSEWHERE = {Resources, Limits}
"""Not facts of the platform, but of app.yaml."""


def models(model: type = Context) -> Iterator[type]:
    yield model
    for known in keys_of(model).values():
        if known.kind.model is not None and known.kind.model not in ELSEWHERE:
            yield from models(known.kind.model)


def facts() -> Iterator[tuple[str, Key, bool]]:
    """`Class.key`, the key, and whether it or what it stands in is marked."""

    def inside(model: type, marked: bool) -> Iterator[tuple[str, Key, bool]]:
        for word, known in keys_of(model).items():
            here = marked or known.unused
            yield f"{model.__name__}.{word}", known, here
            if known.kind.model is not None and known.kind.model not in ELSEWHERE:
                yield from inside(known.kind.model, here)

    return inside(Context, False)


def asked_for(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the compiler asks of the context while it compiles every case."""
    asked: set[str] = set()

    def watched(self: object, name: str) -> object:
        caller = Path(sys._getframe(1).f_code.co_filename)
        if COMPILER in caller.parents and caller not in READERS:
            asked.add(f"{type(self).__name__}.{name.rstrip('_')}")
        return object.__getattribute__(self, name)

    for model in set(models()):
        monkeypatch.setattr(model, "__getattribute__", watched, raising=False)
    for case in all_cases():
        case.objects()
        line_shells(case.context().product_line)
    return asked


def test_a_fact_that_no_rule_asks_for_is_said_to_be_unused_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_for(monkeypatch)
    known = list(facts())
    assert len(known) > 90
    assert sorted(where for where, _, unused in known if not unused and where not in asked) == []
    assert sorted(where for where, key, _ in known if key.unused and where in asked) == []


def test_the_page_says_it_of_exactly_these() -> None:
    said = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", page()[page().index("<!-- context -->") :], re.MULTILINE))
    assert NOT_USED in said["infra.NAME.values"]
    assert NOT_USED not in said["cluster.keda"]
    assert NOT_USED not in said["cluster.gateway.name"]
    assert sum(NOT_USED in text for text in said.values()) == sum(unused for _, _, unused in facts())


def test_the_whole_file_of_the_specification_is_read() -> None:
    """Its facts are given by platforms that run later versions, too: none of them is a mistake."""
    context, problems = read_context(CONTEXT_OF_THE_PAGE.read_bytes(), "context.yaml")
    assert context is not None
    assert problems == ()
