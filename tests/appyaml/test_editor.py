"""`mcd schema`: a JSON Schema that takes what the compiler takes and refuses what it refuses for its form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema
import pytest

from mcd.appyaml.compiler import check
from mcd.appyaml.schema import document, editor, patterns
from mcd.appyaml.text.nodes import dotted
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import read
from mcd.appyaml.text.units import duration_text
from mcd.errors import echo, has_errors
from tests.appyaml.evidence import Evidence, everything, seen_by_an_editor

SCHEMA: dict[str, Any] = editor.json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ENTRIES = document.entries()
MODELS = [SCHEMA, *SCHEMA["$defs"].values()]

FORM = ("schema.unknown_key", "schema.missing", "schema.type", "schema.not_for_type")
"""Problems that a schema can see. Values are judged by the compiler alone wherever a pattern would say less."""

ALIASED = "alias"


def refusals(tree: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:100]}" for error in VALIDATOR.iter_errors(tree)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.where)
def test_every_field_is_in_the_schema_with_its_description(entry: document.Entry) -> None:
    descriptions = [model["properties"].get(entry.word.removesuffix("[N]"), {}).get("description") for model in MODELS]
    assert document.told(entry.key) in descriptions


def test_the_schema_is_a_schema_and_refuses_unknown_keys_everywhere() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, model in {"": SCHEMA, **SCHEMA["$defs"]}.items():
        # A component is one of its types, and those refuse what they do not know.
        assert name == "Component" or model["additionalProperties"] is False
        assert model["description"]
        assert all(found.get("description") or found["$ref"] for found in model["properties"].values())


def test_aliases_are_not_in_the_schema() -> None:
    component = SCHEMA["$defs"]["AnyComponent"]["properties"]
    assert "name" not in SCHEMA["properties"]
    assert not {"instances", "http_port", "healthcheck", "envs", "run"} & component.keys()
    assert "worker" not in component["type"]["enum"]


def taken() -> list[Evidence]:
    return [c for c in everything() if c.accepted and not any(p.code == ALIASED for p in c.compiled.problems)]


@pytest.mark.parametrize("case", taken(), ids=lambda c: c.name)
def test_what_the_compiler_takes_the_schema_takes(case: Evidence) -> None:
    assert refusals(seen_by_an_editor(case.tree)) == []


def misshapen() -> list[Evidence]:
    """An editor sees the file, not what an environment makes of it."""
    found = [c for c in everything() if any(p.code in FORM for p in c.refused_for) and c.tree is not None]
    return [c for c in found if any(p.code in FORM for p in check(c.text, "app.yaml").problems)]


@pytest.mark.parametrize("case", misshapen(), ids=lambda c: c.name)
def test_what_the_compiler_refuses_for_its_form_the_schema_refuses(case: Evidence) -> None:
    assert refusals(seen_by_an_editor(case.tree))


NAMED = ("name.invalid", "name.reserved", "env.reserved", "path.not_allowed", "value.unit")
"""Problems of one text, of which a pattern can say as much as the compiler does."""
BEYOND = {
    "PORT belongs to the platform.": "known where the App that is called is",
    '"" is not a name of a product line.': "any other text is a glob",
    '"0.3Mi" is not a size.': "a fraction of a byte is arithmetic",
}


def places_of_refusals(errors: Iterable[jsonschema.ValidationError]) -> Iterator[str]:
    """The dotted paths of what a schema refuses; of a name it is that of its value."""
    for error in errors:
        path = tuple(error.absolute_path)
        yield _dotted(path)
        if "propertyNames" in error.absolute_schema_path:
            yield _dotted((*path, str(error.instance)))
        yield from places_of_refusals(error.context)


def _dotted(path: tuple[str | int, ...]) -> str:
    return dotted(tuple(echo(step, 256) if isinstance(step, str) else step for step in path))


def named() -> list[Evidence]:
    found = [c for c in everything() if c.tree is not None and any(p.code in NAMED for p in c.refused_for)]
    return [c for c in found if any(p.code in NAMED for p in check(c.text, "app.yaml").problems)]


@pytest.mark.parametrize("case", named(), ids=lambda c: c.name)
def test_each_name_path_and_unit_that_the_compiler_refuses_the_schema_refuses_there(case: Evidence) -> None:
    there = set(places_of_refusals(VALIDATOR.iter_errors(seen_by_an_editor(case.tree))))
    told = [p for p in check(case.text, "app.yaml").problems if p.code in NAMED and p.message not in BEYOND]
    assert [str(p) for p in told if p.field not in there and not any(t.startswith(f"{p.field}.") for t in there)] == []


@pytest.mark.parametrize(
    ("low", "high"), [(1, 3600), (10, 30 * 86_400), (3600, 90 * 86_400), (0, 3600), (5, 600), (1, 86_400), (60, 90)]
)
def test_the_pattern_of_a_duration_takes_what_the_reader_takes_and_knows_the_limits(low: int, high: int) -> None:
    pattern = re.compile(patterns.duration(low, high))
    units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
    for seconds in {low, low + 1, 59, 60, 61, 3599, 3600, 3601, 86_399, 86_400, high - 1, high}:
        texts = [duration_text(seconds), f"0d{seconds}s", *(f"{seconds // u}{n}" for n, u in units if seconds % u == 0)]
        if low <= seconds <= high:
            assert [text for text in texts if not pattern.search(text)] == []
    for seconds in {low - 1, high + 1, high * 10} - {-1}:
        texts = [f"{seconds}s", *(f"{seconds // u}{n}" for n, u in units if seconds % u == 0)]
        assert [text for text in texts if pattern.search(text)] == []
    assert not pattern.search("")


@pytest.mark.parametrize("high", [0, 1, 9, 10, 19, 64, 99, 100, 500, 1024, 65_535])
def test_the_pattern_of_a_whole_number_is_exact(high: int) -> None:
    low = min(high, 1)
    pattern = re.compile(patterns.whole(low, high))
    for number in {0, 1, 2, 9, 10, 11, 99, 100, 101, high - 1, high, high + 1, high * 10 + 9} - {-1}:
        assert bool(pattern.search(str(number))) == (low <= number <= high), number
    assert pattern.search(f"00{high}")


@pytest.mark.parametrize(
    "text",
    [
        "appname: hello--x\ncomponents: {web: {type: web}}",
        "appname: kube-x\ncomponents: {web: {type: web}}",
        "appname: hello\nproduct_line: default\ncomponents: {web: {type: web}}",
        "appname: hello\ncomponents: {web-canary: {type: web}}",
        "appname: hello\ncomponents: {w: {type: daemon, stop: {grace: 1h30m}}}",
        "appname: hello\ncomponents: {w: {type: daemon, stop: {grace: 3601s}}}",
        "appname: hello\ncomponents: {web: {type: web, port: '99999'}}",
        "appname: hello\ncomponents: {web: {type: web, resources: {memory: 512MB}}}",
        "appname: hello\ncomponents: {web: {type: web, resources: {cpu: 300}}}",
        "appname: hello\ncomponents: {web: {type: web, health: healthz}}",
        "appname: hello\ncomponents: {web: {type: web, command: ' '}}",
        "appname: hello\nenv: {MCD_A: b}\ncomponents: {web: {type: web}}",
        "appname: hello\nfiles: {/proc/x: a}\ncomponents: {web: {type: web}}",
        "appname: hello\nfiles: {/a: {content: a, source: b}}\ncomponents: {web: {type: web}}",
        "appname: hello\nalerts: [{name: a, expr: up, when: cpu > 1}]\ncomponents: {web: {type: web}}",
        "appname: hello\nalerts: [{builtin: ErrorRate, threshold: 5}]\ncomponents: {web: {type: web}}",
        "appname: hello\nalerts: [{expr: up}]\ncomponents: {web: {type: web}}",
        "appname: hello\ncomponents: {web: {type: web, portt: 1}}",
        "appname: hello\ncomponents: {web: {type: web, schedule: '@daily'}}",
        "appname: hello\ncomponents: {web: {type: wbe}}",
        "appname: Hello\ncomponents: {web: {type: web}}",
        "appname: hello\ncomponents: {}",
        "appname: hello",
        "appname: hello\ncomponents: {web: {type: web, port: 99999}}",
        "appname: hello\ncomponents: {c: {type: cron, schedule: '@daily', suspend: 'true'}}",
        "appname: hello\ncomponents: {w: {type: daemon, stop: {grace: 30}}}",
        "appname: hello\ncomponents: {web: {type: web}}\nenvironments: {site: {deploy: {auto: true}}}",
        "appname: hello\ncomponents: {web: {type: web}}\nenvironments: {site: {components: {web: {portt: 1}}}}",
        "appname: ~\ncomponents: {web: {type: web}}",
    ],
)
def test_what_the_schema_refuses_the_compiler_refuses(text: str) -> None:
    assert refusals(seen_by_an_editor(read(text, Report("app.yaml"))))
    assert has_errors(check(text, "app.yaml").problems)


def test_pre_may_take_away_too_and_say_no_more() -> None:
    whole = "appname: hello\ncomponents: {web: {type: web}}\npre: {env: {A: ~, B: c}, infra: {mysql: ~, redis: true}}"
    assert refusals(seen_by_an_editor(read(whole, Report("app.yaml")))) == []
    assert not has_errors(check(whole, "app.yaml").problems)
    assert refusals(seen_by_an_editor(read(whole.replace("B: c", "B: [c]"), Report("app.yaml"))))


@pytest.mark.parametrize(
    "text",
    [
        "{components: {web: {port: 9000}}}",
        "{components: {web: {replicas: ~, resources: {cpu: ~}}}}",
        "{components: {web: ~, api: {type: service, ports: {main: 9000}}}}",
        "{env: {A: ~, B: text}}",
    ],
)
def test_an_environment_may_say_a_part_and_take_away(text: str) -> None:
    whole = f"appname: hello\ncomponents: {{web: {{type: web}}}}\nenvironments: {{site: {text}}}"
    assert refusals(seen_by_an_editor(read(whole, Report("app.yaml")))) == []
    assert not has_errors(check(whole, "app.yaml").problems)
