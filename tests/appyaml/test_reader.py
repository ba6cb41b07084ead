"""Hostile text is refused with one typed problem, at the cost of its size and no more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcd.appyaml.compiler import check, compile_app
from mcd.appyaml.context import read_context
from mcd.appyaml.parse import Checked
from mcd.appyaml.text.reader import MAX_BYTES
from tests.cost import costs_under


def codes(checked: Checked) -> list[str]:
    return [problem.code for problem in checked.problems]


def said(text: bytes | str) -> list[str]:
    return [str(problem) for problem in check(text, "app.yaml").problems]


def laughs() -> str:
    """Nine levels of nine: 3,486,784,401 values in 442 bytes."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for last, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{last}'] * 9)}]")
    return "\n".join(lines) + "\n"


HOSTILE: dict[str, tuple[bytes | str, str]] = {
    "an alias bomb": (laughs(), "yaml.limit"),
    "200,000 nested lists": ("[" * 200_000, "yaml.limit"),
    "deep block lists": ("- " * 50_000 + "x", "yaml.limit"),
    "more bytes than allowed": (b"#" * (MAX_BYTES + 1), "yaml.limit"),
    "50,000 keys": ("".join(f"k{i}: \n" for i in range(50_000))[:MAX_BYTES], "yaml.limit"),
    "UTF-16": ("appname: hello".encode("utf-16"), "yaml.encoding"),
    "a broken UTF-8 sequence": (b"appname: \xff\xfe", "yaml.encoding"),
    "binary": (bytes(range(256)), "yaml.encoding"),
    "a NUL": (b"appname: a\x00b", "yaml.encoding"),
    "a lone surrogate": ("appname: \ud800", "yaml.encoding"),
    "an escaped lone surrogate": ('appname: "\\ud800"', "yaml.syntax"),
    "an alias of nothing": ("a: *b", "yaml.syntax"),
    "a recursive alias": ("a: &a [*a]", "yaml.recursive"),
    "a list as a key": ("? [a]\n: b", "yaml.syntax"),
    "an alias of a list as a key": ("a: &a [b]\n? *a\n: c", "yaml.syntax"),
    "an open quote": ('a: "b', "yaml.syntax"),
    "an open bracket": ("a: [b", "yaml.syntax"),
    "a Python object": ("a: !!python/object/apply:os.system [ls]", "yaml.tag"),
    "a directive of another version": ("%YAML 9.9\n---\na: b", "yaml.syntax"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_one_typed_problem_in_little_time(name: str) -> None:
    text, code = HOSTILE[name]
    assert costs_under(1, lambda: check(text, "app.yaml"))
    checked = check(text, "app.yaml")
    assert code in codes(checked), said(text)
    assert not compile_app(checked).objects
    assert all(len(str(problem)) < 500 and str(problem).isprintable() for problem in checked.problems)


def test_one_byte_over_the_size_is_refused_and_the_size_itself_is_not() -> None:
    text = "appname: hello\ncomponents: {w: {type: daemon}}\n"
    fits = text + "#" * (MAX_BYTES - len(text))
    assert check(fits, "app.yaml").ok
    assert said(fits + "#") == ["app.yaml:1:1: the file has more than 262,144 bytes. Make it smaller."]


def test_the_node_that_exceeds_20_000_is_named_and_an_alias_counts_as_a_copy() -> None:
    ten = "a: &a [" + ",".join("x" * 1000) + "]\n"  # 1,001 nodes and a key
    assert "yaml.limit" not in codes(check(ten + "".join(f"b{i}: *a\n" for i in range(18)), "app.yaml"))
    assert said(ten + "".join(f"b{i}: *a\n" for i in range(20)))[0] == (
        "app.yaml:20:6: more than 20,000 values. Use fewer, or several files."
    )


def test_depth_32_is_read_and_33_is_refused_at_the_first_node_that_is_too_deep() -> None:
    def nested(depth: int) -> str:
        return "a: " + "[" * (depth - 1) + "]" * (depth - 1)

    assert "yaml.limit" not in codes(check(nested(32), "app.yaml"))
    assert said(nested(33)) == ["app.yaml:1:35: nested more than 32 deep. Use fewer levels."]


def test_20_aliases_are_read_and_the_21st_is_refused() -> None:
    def aliases(count: int) -> str:
        return "a: &a b\nc: [" + ",".join(["*a"] * count) + "]\n"

    assert "yaml.limit" not in codes(check(aliases(20), "app.yaml"))
    assert "yaml.limit" in codes(check(aliases(21), "app.yaml"))


def test_a_number_of_5_000_digits_is_out_of_range() -> None:
    text = f"appname: hello\ncomponents: {{web: {{type: web, port: {'9' * 5000}}}}}\n"
    (problem,) = check(text, "app.yaml").problems
    assert problem.code == "value.range"
    assert len(str(problem)) < 200


def test_bom_and_crlf_change_nothing() -> None:
    text = "appname: hello\ncomponents: {web: {type: web, port: 99999}}\n"
    crlf = text.replace("\n", "\r\n").encode()
    assert check(crlf, "app.yaml").problems == check(text, "app.yaml").problems
    assert check(b"\xef\xbb\xbf" + crlf, "app.yaml").problems == check(text, "app.yaml").problems


def test_columns_count_characters() -> None:
    assert said("appname: hello\ndescription: 这是\ncomponents: {这: {type: web}}\n")[0].startswith("app.yaml:3:14: ")


def test_input_is_echoed_short_and_without_control_characters() -> None:
    text = 'appname: "a\\u001b[31m\\u202e' + "x" * 1000 + '"\ncomponents: {web: {type: web}}\n'
    (line,) = said(text)
    assert line.isprintable()
    assert len(line) < 300


def test_the_problems_of_two_keys_with_one_name_are_told_at_the_second() -> None:
    assert (
        said("appname: hello\nappname: other\n")[-1]
        == 'app.yaml:2:1: "appname" is written twice, first in line 1. Keep one.'
    )


def test_a_quoted_merge_key_is_a_key() -> None:
    assert "yaml.merge_key" not in codes(check('"<<": {a: b}', "app.yaml"))


WORDS = st.sampled_from(
    [
        "appname",
        "components",
        "web",
        "type",
        "port",
        "env",
        ":",
        "-",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&",
        "*",
        "a",
        "!",
        "'",
        '"',
        "|",
        ">",
        "%",
        "@",
        "`",
        "\t",
        "\n",
        "#",
        "~",
        "<<",
        "?",
        "{{",
        "}}",
        ".App",
        "8080",
        "true",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS | st.text(max_size=3), max_size=40).map(" ".join) | st.binary(max_size=200))
def test_any_text_at_all_gives_problems_or_objects_and_never_an_exception(text: str | bytes) -> None:
    compiled = compile_app(check(text, "app.yaml"))
    assert compiled.problems or compiled.objects
    assert all(p.line >= 1 and p.column >= 1 and p.message for p in compiled.problems)


LEAVES = st.sampled_from(
    [
        "web",
        "daemon",
        "cron",
        "8080",
        "~",
        "true",
        "T4:2",
        "1Gi",
        "500m",
        "30s",
        "/p",
        "a b",
        "{{ .App }}",
        "$X",
        "@daily",
        "-1",
        "x" * 90,
    ]
)
KEYS = st.sampled_from(
    [
        "appname",
        "components",
        "version",
        "env",
        "build",
        "web",
        "type",
        "port",
        "ports",
        "image",
        "command",
        "health",
        "rollout",
        "resources",
        "gpu",
        "limits",
        "stop",
        "schedule",
        "domains",
        "replicas",
        "user",
        "scratch",
        "services",
        "resources",
        "cpu",
        "memory",
        "name",
        "value",
        "secret",
        "readiness",
        "http",
    ]
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)


def flow(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(flow(value) for value in tree) + "]"
    return f"'{tree}'" if any(c in str(tree) for c in "{@ ") else str(tree)


@settings(max_examples=400, deadline=None)
@given(TREES, st.dictionaries(KEYS, TREES, max_size=5))
def test_any_shape_of_known_words_gives_problems_or_objects(tree: object, more: dict[str, object]) -> None:
    component = flow({"type": "web", **(more if isinstance(more, dict) else {})})
    text = f"appname: hello\ncomponents: {{web: {component}, other: {flow(tree)}}}\n"
    compiled = compile_app(check(text, "app.yaml"))
    assert compiled.problems or compiled.objects


def test_100_components_500_variables_and_32_kib_are_taken_and_one_more_is_refused() -> None:
    def components(count: int) -> str:
        return "appname: hello\ncomponents:\n" + "".join(f"  c{i}: {{type: job}}\n" for i in range(count))

    def variables(count: int) -> str:
        return "appname: hello\ncomponents: {w: {type: daemon}}\nenv:\n" + "".join(f"  V{i}: x\n" for i in range(count))

    def value(size: int) -> str:
        return f"appname: hello\ncomponents: {{w: {{type: daemon}}}}\nenv: {{A: {'x' * size}}}\n"

    assert said(components(100)) == said(variables(500)) == said(value(32_768)) == []
    assert said(components(101)) == ["app.yaml:2:1: components: 101 components. Use at most 100."]
    assert said(variables(501)) == ["app.yaml:504:9: env.V500: 501 variables. Use at most 500."]
    assert said(value(32_769)) == ["app.yaml:3:10: env.A: 32,769 bytes. Use at most 32,768."]


def test_settings_that_say_replicas_and_autoscale_are_no_context() -> None:
    text = "settings: {components: {web: {replicas: 2, autoscale: {max: 3}}, api: [a]}}\npre: {brnch: x}\n"
    context, problems = read_context(text, "context.yaml")
    assert context is None
    assert [str(p) for p in problems] == [
        "context.yaml:1:31: settings.components.web.replicas: replicas and autoscale exclude each other. Keep one.",
        "context.yaml:1:71: settings.components.api: a list stands here. Write a mapping.",
        'context.yaml:2:1: pre.branch: "branch" is missing. Write the branch.',
        'context.yaml:2:7: pre.brnch: there is no "brnch" here. Did you mean "branch"?',
    ]
