"""A long text in any key costs time that grows with it, not with its square.

32 KiB of one pattern in each place that the schema has, and 100 KB in a line that is no YAML: a search that goes back
to where it came from takes seconds with it, or minutes, and one that does not takes a few milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mcd.appyaml.compiler import check, compile_app
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.fields import Kind, keys_of
from tests.cost import costs_under
from tests.rig.platforms import SOURCE, platforms

LENGTH = 32_000
MOST = 0.7
"""Seconds of the processor, on a machine that does other things too."""
PATTERNS = (
    "a", "a ", "a.", "1,", "* ", "/", "a/../", "{{", "{{ .App }}", "{{ end }}", "{{ if .App }}", "$", "$A", "(",
    '"', "\\",
    "a:", "a://", "eyJ", "x: ", "cpu > 1 and ", "a=b ", "\n", "-", "0-", "é", '~"', "%41",
)  # fmt: skip
HEAD = "appname: shop\ncomponents: {web: {type: web, image: 'nginx:1.2'}}\n"


def _inside(kind: Kind, word: str) -> str:
    """A mapping with one key, in the list or the mapping of names that it stands in."""
    one = f"{{{word}: %s}}"
    if kind.inner is not None:
        return f"{{x: {one}}}"
    return f"[{one}]" if kind.many else one


def places() -> Iterator[str]:
    """A file for every key of the top, of a component, and of the mappings in them, with a hole for the value."""
    for word, key in keys_of(App).items():
        if word == "components":
            continue
        yield f"{HEAD}{word}: %s\n"
        for inner in keys_of(key.kind.model) if key.kind.model is not None else ():
            yield f"{HEAD}{word}: {_inside(key.kind, inner)}\n"
    for word, key in keys_of(Component).items():
        start = f"appname: shop\ncomponents: {{web: {{type: {key.only[0] if key.only else 'web'}, {word}: "
        yield f"{start}%s}}}}\n"
        for inner in keys_of(key.kind.model) if key.kind.model is not None else ():
            yield f"{start}{_inside(key.kind, inner)}}}}}\n"


def slow(text: str) -> bool:
    return not costs_under(MOST, lambda: compile_app(check(text, "app.yaml"), platforms()[1].context, SOURCE))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_long_text_in_any_key_takes_no_second(pattern: str) -> None:
    value = json.dumps(pattern * (LENGTH // len(pattern)), ensure_ascii=False)
    assert [place for place in places() if slow(place % value)] == []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_long_line_that_is_no_yaml_is_explained_at_once(pattern: str) -> None:
    text = pattern * (100_000 // len(pattern))
    found = [
        (before, behind)
        for before in ("a: b\n ", "a: ", "- ", "? ", "a: [", "a: {", "a: 'x' ", 'a: "')
        for behind in ("", "#y: z", ": z", "\n@x")
        if slow(f"appname: shop\n{before}{text}{behind}\n")
    ]
    assert found == []
