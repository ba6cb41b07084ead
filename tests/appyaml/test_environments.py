"""What differs per product line is laid over the file, by the same rules everywhere and without changing the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mcd.appyaml.compiler import NO_CONTEXT, check, compile_app, validate
from mcd.appyaml.context import Context
from mcd.appyaml.resolve.environments import matching
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.document import entries
from mcd.appyaml.schema.environments import values_of
from mcd.appyaml.schema.fields import Kind, keys_of
from mcd.appyaml.text.nodes import Map, Node
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import read
from mcd.objects import to_yaml

FILE = """appname: hello
components:
  web: {type: web, replicas: 2, health: /up}
environments:
  site-*:
    components: {web: {replicas: 3, limits: {memory: 128Mi}}}
  site-a:
    components: {web: {health: {liveness: {port: nothing}}}}
  other:
    components: {web: {port: ~, request_timeout: 2h}}
"""


def node(text: str) -> Node:
    found = read(text, Report("app.yaml"))
    assert found is not None
    return found


def named(name: str) -> Context:
    return replace(NO_CONTEXT, environment=name)


def lines(text: str, context: Context = NO_CONTEXT) -> list[str]:
    return [str(problem) for problem in validate(check(text, "app.yaml"), context)]


IN_SITE = (
    "app.yaml:6:54: components.web.limits.memory: 128Mi is less than resources.memory 256Mi."
    " Raise the limit or lower the request."
)
IN_OTHER = "app.yaml:10:50: environments.other.components.web.request_timeout: 2h is out of range. Use 1s to 1h."


def test_validate_judges_the_file_and_every_environment_and_tells_each_problem_once() -> None:
    found = lines(FILE)
    assert IN_SITE in found
    assert IN_OTHER in found
    assert len(found) == len(set(found)) == 3
    assert found[1].startswith("app.yaml:8:50: components.web.health.liveness.port: ")


def test_validate_judges_one_environment_where_one_is_named_and_the_shape_of_all() -> None:
    assert lines(FILE, named("site-b")) == [IN_SITE, IN_OTHER]
    assert lines(FILE, named("other")) == [IN_OTHER]


def test_validate_tells_what_an_environment_leaves_incomplete() -> None:
    entry = "environments: {a: {components: {late: {type: cron}}}, b: {components: {late: {schedule: '@daily'}}}}\n"
    missing = 'components.late.schedule: "schedule" is missing. Write it like "0 3 * * *" or "@daily".'
    no_type = 'components.late.type: "type" is missing. Use one of web, service, daemon, cron, job.'
    assert lines(f"appname: hello\ncomponents: {{web: {{type: web}}}}\n{entry}") == [
        f"app.yaml:3:33: {missing}",
        f"app.yaml:3:72: {no_type}",
    ]


def test_render_refuses_what_the_product_line_alone_makes_wrong() -> None:
    text = FILE.replace("2h", "1h")
    checked = check(text, "app.yaml")
    assert compile_app(checked, named("other")).ok
    assert [str(p) for p in compile_app(checked, named("site-b")).problems] == [IN_SITE]
    line = replace(NO_CONTEXT, product_line=replace(NO_CONTEXT.product_line, name="site-b"))
    assert [str(p) for p in compile_app(checked, line).problems] == [IN_SITE]


def test_one_environment_leaves_nothing_behind_for_the_next() -> None:
    text = """appname: hello
env: {A: file}
components: {web: {type: web, health: /up, ports: {grpc: 9000}}}
environments:
  one: {env: {A: one, B: one}, components: {web: {health: {startup: false}, ports: {grpc: ~}}, more: {type: daemon}}}
  two: {env: {A: two}, components: {web: {health: {readiness: {period: 9s}}}}}
"""
    checked = check(text, "app.yaml")
    together = [to_yaml(compile_app(checked, named(name)).objects) for name in ("one", "two", "none", "one")]
    alone = [to_yaml(compile_app(check(text, "app.yaml"), named(name)).objects) for name in ("one", "two", "none")]
    assert together == [*alone, alone[0]]
    assert len(set(alone)) == 3


@pytest.mark.parametrize(
    ("name", "applied"),
    [
        ("site-a", ["site-*", "?ite-[ab]", "site-a"]),
        ("site-b", ["site-*", "?ite-[ab]"]),
        ("Site-a", ["Site-*", "?ite-[ab]"]),
        ("site-", ["site-*"]),
        ("x", ["[!s]"]),
        ("*", ["*"]),
        ("none", []),
    ],
)
def test_globs_apply_as_written_and_the_very_name_last(name: str, applied: list[str]) -> None:
    keys = ["site-a", "Site-*", "site-*", "?ite-[ab]", "[!s]"]
    keys = ["*"] if name == "*" else keys
    root = node("environments: {" + ", ".join(f'"{key}": {{env: {{WHO: "{key}"}}}}' for key in keys) + "}")
    assert isinstance(root, Map)
    said = [str(entry.entries["env"][1].entries["WHO"][1].text) for entry in matching(root, name)]  # type: ignore[union-attr]
    assert said == applied


def test_more_than_can_be_judged_at_once_is_refused_and_not_judged() -> None:
    def file(count: int, components: int = 100) -> str:
        parts = "".join(f"  c{n}: {{type: job, env: {{A: x, B: y, C: z}}}}\n" for n in range(components))
        return f"appname: hello\ncomponents:\n{parts}environments:\n" + "".join(
            f"  e{n}: {{env: {{D: w}}}}\n" for n in range(count)
        )

    assert lines(file(60)) == []
    assert lines(file(130)) == [
        "app.yaml:103:1: environments: 130 entries, and 994 values to check for each."
        " Use globs like site-*, or a smaller file."
    ]
    root = node(file(200, 0).replace("components:\n", "components: {}\n"))
    assert isinstance(root, Map)
    assert values_of(root) == 604
    assert values_of(node("[a, {b: [c]}]")) == 5


# ── short forms ──────────────────────────────────────────────────────────────────────────────────────────────────


def kinds() -> Iterator[tuple[str, Kind]]:
    """Every Kind of a value that may be written, that of a named entry in place of its mapping."""
    for entry in entries():
        kind = entry.key.kind
        while kind.inner is not None:
            kind = kind.inner
        if not entry.where.startswith(("environments", "pre")):
            yield entry.where, kind


def test_whatever_takes_a_mapping_and_a_short_form_says_which_mapping_that_is() -> None:
    forgotten = []
    for where, kind in kinds():
        forms = kind.json().get("anyOf", [])
        short = any("$ref" not in form for form in forms) and any("$ref" in form for form in forms)
        if short and not kind.many and kind.expand is None and kind.whole is None:
            forgotten.append(where)
    assert forgotten == []


SHORT_FORMS = {
    "gpu": ["2", "T4", "T4:2", "A100-80GB:4", "NVIDIA A10"],
    "health": ["/healthz", "false"],
    "permdir": ["true", "/data"],
    "rollout": ["canary", "recreate"],
    "infra": ["true", '"8.0"'],
    "metrics": ["true", "/m"],
    "stateful": ["true"],
    "oauth": ["true"],
    "app_dep": ["true"],
    "files": ["some text", '"true"'],
    "ports": ["9000", '"9000"'],
    "liveness": ["/alive"],
}
"""Key → what may be written short."""


def called(word: str) -> Kind:
    """The Kind of a key with a short form; where several are called so, that of a component."""
    found = [(where, kind) for where, kind in kinds() if where.rpartition(".")[2] == word and kind.expand is not None]
    return min(found, key=lambda pair: ("sidecars" in pair[0], len(pair[0])))[1]


def plain(value: Any) -> Any:
    """A record as what it holds: records do not compare."""
    fields = getattr(type(value), "__dataclass_fields__", None)
    return {name: plain(getattr(value, name)) for name in fields} if fields else value


@pytest.mark.parametrize(("word", "text"), [(word, text) for word, texts in SHORT_FORMS.items() for text in texts])
def test_a_short_form_written_out_is_the_same(word: str, text: str) -> None:
    kind = called(word)
    assert kind.expand is not None
    report = Report("app.yaml")
    short = node(text)
    written_out = kind.expand(short)
    assert written_out is not None
    path = ("components", "web", word, "infra" if word == "infra" else "mysql")
    here, there = kind.read(report, short, path), kind.read(report, written_out, path)
    assert report.found == []
    assert plain(here) == plain(there)


@pytest.mark.parametrize("word", ["permdir", "stateful", "liveness"])
def test_nothing_is_merged_into_what_is_switched_off(word: str) -> None:
    expand = called(word).expand
    assert expand is not None
    assert expand(node("false")) is None


def test_every_key_that_may_differ_is_one_of_the_file() -> None:
    from mcd.appyaml.schema.environments import DIFFERS

    assert set(DIFFERS) < set(keys_of(App))
