"""Every field is documented, and what `explain` and the JSON Schema say is what the reader does."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from mcd.appyaml.compiler import check
from mcd.appyaml.schema import document
from mcd.errors import has_errors
from tests.appyaml.cases_on_disk import Case, all_cases

ENTRIES = document.entries()
BUILT = [entry for entry in ENTRIES if not entry.key.later]


@pytest.mark.parametrize("entry", BUILT, ids=lambda entry: entry.where)
def test_every_field_says_what_it_means_and_shows_an_example(entry: document.Entry) -> None:
    assert len(entry.key.meaning) > 2
    assert entry.key.meaning.endswith((".", "it."))
    text = document.explain(entry)
    for word in ("type", "default", "meaning"):
        assert f"\n  {word}" in text


@pytest.mark.parametrize("entry", BUILT, ids=lambda entry: entry.where)
def test_every_field_is_in_the_schema_with_its_description(entry: document.Entry) -> None:
    descriptions = [
        found["description"]
        for model in (SCHEMA, *SCHEMA["$defs"].values())
        for word, found in model["properties"].items()
        if word == entry.where.rpartition(".")[2]
    ]
    assert entry.key.meaning in descriptions


SCHEMA: dict[str, Any] = document.json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_a_schema_and_refuses_unknown_keys_everywhere() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for model in (SCHEMA, *SCHEMA["$defs"].values()):
        assert model["additionalProperties"] is False
        assert all(found["description"] for found in model["properties"].values())


def test_aliases_and_fields_that_are_not_built_are_not_in_the_schema() -> None:
    component = SCHEMA["$defs"]["Component"]["properties"]
    assert "name" not in SCHEMA["properties"]
    assert not {"instances", "http_port", "autoscale", "sidecars"} & component.keys()


@pytest.mark.parametrize(
    "case", [c for c in all_cases() if c.rendered() and "called" not in c.problems()], ids=lambda c: c.name
)
def test_what_the_compiler_takes_the_schema_takes(case: Case) -> None:
    tree = yaml.safe_load(case.text)
    for component in tree["components"].values():
        # An editor sees 2026-11-22 and 22:22 as a date and a number; both are text to us.
        component["env"] = {k: v if isinstance(v, dict) else str(v) for k, v in component.get("env", {}).items()}
    assert [error.message for error in VALIDATOR.iter_errors(tree)] == []


@pytest.mark.parametrize(
    "text",
    [
        "appname: hello\ncomponents: {web: {type: web, portt: 1}}",
        "appname: hello\ncomponents: {web: {type: web, schedule: '@daily'}}",
        "appname: hello\ncomponents: {web: {type: wbe}}",
        "appname: Hello\ncomponents: {web: {type: web}}",
        "appname: hello\ncomponents: {}",
        "appname: hello",
        "appname: hello\ncomponents: {web: {type: web, port: 99999}}",
        "appname: hello\ncomponents: {c: {type: cron, schedule: '@daily', suspend: 'true'}}",
        "appname: hello\ncomponents: {w: {type: daemon, stop: {grace: 30}}}",
        "appname: hello\ninfra: {mysql: true}\ncomponents: {web: {type: web}}",
    ],
)
def test_what_the_schema_refuses_the_compiler_refuses(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))
    assert has_errors(check(text, "app.yaml").problems)


def test_a_field_is_found_by_its_path_and_by_its_name() -> None:
    assert [e.where for e in document.find("components.web.health")] == ["components.NAME.health"]
    assert [e.where for e in document.find("gpu")] == ["components.NAME.resources.gpu"]
    assert [e.where for e in document.find("components.web.domains[1].host")] == ["components.NAME.domains[N].host"]
    assert {e.where for e in document.find("memory")} == {
        "components.NAME.resources.memory",
        "components.NAME.resources.gpu.memory",
        "components.NAME.limits.memory",
    }
    assert document.find("memry") == []
    assert document.suggestion("memry") == "memory"


def test_a_field_that_is_not_built_yet_says_so() -> None:
    (entry,) = document.find("components.web.autoscale")
    assert "does not support it yet" in document.explain(entry)
