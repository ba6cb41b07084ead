"""`mcd schema`: a JSON Schema that takes what the compiler takes and refuses what it refuses for its form."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mcd.appyaml.compiler import check
from mcd.appyaml.schema import document, editor
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import read
from mcd.errors import has_errors
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
