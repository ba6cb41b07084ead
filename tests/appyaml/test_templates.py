"""Templates: what may be written, and that no text can make them fail, stall or grow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcd.appyaml.compiler import check, compile_app
from mcd.appyaml.resolve.blocks import expand_file
from mcd.appyaml.resolve.pieces import InPod, Piece, Scope, TemplateError
from mcd.appyaml.resolve.templates import expand
from tests.cost import costs_under

VALUES: dict[str, tuple[Piece, ...]] = {
    "A": ("a",),
    "EMPTY": (),
    "SECRET": (InPod("SECRET"),),
    "URL": ("x:", InPod("SECRET")),
}
SCOPE = Scope({"App": "shop", "Commit": "0123456789abcdef", "Tag": ""}, VALUES.get)


def text_of(template: str) -> str:
    return "".join(piece if isinstance(piece, str) else f"<{piece.name}>" for piece in expand_file(template, SCOPE))


def refused(template: str) -> list[tuple[str, int]]:
    with pytest.raises(TemplateError) as wrong:
        expand_file(template, SCOPE)
    return [(one.code, one.offset) for one in (wrong.value, *wrong.value.others)]


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ if .Env.A }}1{{ else }}0{{ end }}", "1"),
        ("{{ if .Env.EMPTY }}0{{ else if .Tag }}0{{ else if .App }}1{{ else }}0{{ end }}", "1"),
        ("{{ if .App }}{{ if .Tag }}0{{ end }}1{{ else }}{{ if .App }}0{{ end }}{{ end }}", "1"),
        ("{{ if not (or .Env.EMPTY (and .App (eq .Tag .Env.A))) }}1{{ end }}", "1"),
        ("{{ if ((.App)) }}1{{ end }}", "1"),
        ("a\t\r\n{{- .App -}}\u00a0b", "ashop\u00a0b"),
        ("{{-/* x */-}}", None),
        ("a {{- /* }} {{ .Nope }} */ -}} b", "ab"),
        ('{{/*}}*/}}{{ "}}" }}', "}}"),
        ("{{ .Env.URL }}", "x:<SECRET>"),
        ("}} {% x %} {# y #} ${{.App}}", "}} {% x %} {# y #} $shop"),
        ('{{ "{{ .App }}" }}', "{{ .App }}"),
    ],
)
def test_a_template_comes_to(template: str, wanted: str | None) -> None:
    if wanted is None:
        assert refused(template)
    else:
        assert text_of(template) == wanted


def test_each_mistake_is_told_at_its_own_braces() -> None:
    template = "{{ .Nope }} {{ if .Tag }}{{ .Env.NOT_SET }}{{ .Nope }}{{ end }} {{ .Env.NOT_SET }} {{ end }}"
    assert refused(template) == [
        ("template.unknown", 0),
        ("template.unknown", template.index("{{ .Nope", 5)),
        ("template.unknown", template.rindex("{{ .Env")),
        ("template.syntax", template.rindex("{{ end")),
    ]


def test_a_branch_that_is_not_taken_may_name_a_variable_that_is_not_set_and_no_name_that_there_is_not() -> None:
    assert text_of("{{ if .Tag }}{{ .Env.NOT_SET }}{{ end }}ok") == "ok"
    assert refused("{{ if .Tag }}{{ .Nope }}{{ end }}") == [("template.unknown", 13)]


@pytest.mark.parametrize("word", ["upper", 'default "x"', "b64enc"])
def test_a_secret_is_never_filtered_nor_compared(word: str) -> None:
    assert refused(f"{{{{ .Env.SECRET | {word} }}}}") == [("secret.misplaced", 0)]
    assert refused('{{ if eq .Env.URL "x" }}{{ end }}') == [("secret.misplaced", 0)]
    assert refused("{{ if not .Env.SECRET }}{{ end }}") == [("secret.misplaced", 0)]


PARTS = st.sampled_from(
    ["{{", "}}", "{{ ", " }}", "{{- ", " -}}", "/*", "*/", '"', "\\", "\n", " ", "if ", "else ", "end ", "not ", "eq ",
     "and ", "(", ")", ".App ", ".Env.A ", ".Env.SECRET ", ".Nope ", "| ", "upper ", "indent 9 ", 'default "x" ', "é"]
)  # fmt: skip


def come_to(form: Callable[[str, Scope], tuple[Piece, ...]], text: str) -> tuple[tuple[Piece, ...], set[str]]:
    """What comes out, and the codes of what is wrong, each at two braces and in words."""
    try:
        return form(text, SCOPE), set()
    except TemplateError as wrong:
        every = (wrong, *wrong.others)
    assert all(text.startswith("{{", one.offset) and one.message for one in every)
    return (), {one.code for one in every}


@settings(max_examples=600)
@given(st.lists(PARTS, max_size=40).map("".join))
def test_no_text_fails_otherwise_than_in_words_and_both_forms_agree(text: str) -> None:
    whole, codes = come_to(expand_file, text)
    shorter, other = come_to(expand, text)
    if not codes:
        assert shorter == whole or other <= {"template.misplaced", "template.unknown"}


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_text_without_braces_is_left_as_it_is(text: str) -> None:
    assert "".join(str(piece) for piece in expand_file(text, SCOPE)) == text


@pytest.mark.parametrize(
    "text",
    [
        '{{ "' + '\\"' * 120_000,
        "{{ .Nope }}" * 20_000,
        "{{" * 120_000,
        "{{ if .App }}" * 18_000,
        "{{/*" * 60_000,
        "{{ .App " + "| b64enc " * 20_000 + "}}",
        '{{ "\\"" ' + "| quote " * 20_000 + "}}",
        "{{ .Env.LONG | indent 9999 | indent 9999 }}",
        "{{ if " + "(" * 120_000 + " }}",
        "{{ .Env.LONG }}" * 15_000,
    ],
    ids=["quotes", "unknown", "open", "ifs", "comments", "base64", "quote", "indent", "brackets", "output"],
)
def test_no_text_stalls_or_grows(text: str) -> None:
    scope = Scope(SCOPE.names, lambda name: ("\n" * 30_000,) if name == "LONG" else None)

    def refused() -> None:
        with pytest.raises(TemplateError):
            expand_file(text, scope)

    assert costs_under(1, refused)


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("a {{ .App }} {{ .Nope }}", (3, 30)),
        ("'it''s {{ .Nope }}'", (3, 24)),
        ('"\\t\\u00e9 {{ .App }}\n    more {{ .Nope }}"', (4, 10)),
        ('"\\x7b{ .App }} {{ .Nope }}"', (3, 17)),
        ("| # {{ a comment\n    {{ .App }}\n     x {{ .Nope }}", (5, 8)),
        (">-\n    folded {{ .Nope }}", (3, 17)),
        ("a\n    b {{ .Nope }}", (4, 7)),
        ('&anchor "{{ .Nope }}"', (3, 26)),
    ],
    ids=["plain", "single", "double", "escaped", "literal", "folded", "lines", "anchor"],
)
def test_the_place_is_the_one_of_the_braces_in_the_file(written: str, place: tuple[int, int]) -> None:
    text = f"appname: hello\nenv:\n  {'A' * 12}: {written}\ncomponents: {{w: {{type: daemon}}}}\n"
    (problem,) = compile_app(check(text, "app.yaml")).problems
    assert problem.code == "template.unknown", str(problem)
    assert (problem.line, problem.column) == place


def test_a_chain_of_as_many_variables_as_there_may_be_is_followed_to_its_end() -> None:
    chain = "".join(f'  A{n:03}: "{{{{ .Env.A{n + 1:03} }}}}x"\n' for n in range(499))
    text = f"appname: hello\nenv:\n{chain}  A499: end\ncomponents: {{w: {{type: daemon}}}}\n"
    got = compile_app(check(text, "app.yaml"))
    assert got.problems == ()
    assert got.spec is not None
    values = {entry.name: entry.value for entry in got.spec.components[0].env}
    assert values["A000"] == "end" + "x" * 499


def test_variables_that_multiply_one_another_end_at_32_kib() -> None:
    eight = "".join(f'  A{n:03}: "{f"{{{{ .Env.A{n + 1:03} }}}}" * 8}"\n' for n in range(30))
    text = f"appname: hello\nenv:\n{eight}  A030: laugh\ncomponents: {{w: {{type: daemon}}}}\n"
    assert costs_under(1, lambda: compile_app(check(text, "app.yaml")))
    (problem,) = compile_app(check(text, "app.yaml")).problems
    assert str(problem) == "app.yaml:28:9: env.A025: 163,840 bytes come out. Use at most 32,768."
