"""What is refused and cannot stand in one folder of cases: many values of one kind, sizes, switches of the command."""

from __future__ import annotations

import pytest

from mcd.appyaml.compiler import check
from mcd.appyaml.context import read_context
from mcd.errors import McdError
from mcd.store.names import check_name, check_namespace

PLATFORM = ("kube-system", "kube-public", "kube-node-lease", "default", "mcd", "mcd-system")


@pytest.mark.parametrize("name", PLATFORM)
def test_no_file_and_no_context_is_for_a_namespace_of_the_platform(name: str) -> None:
    text = f"appname: hello\nproduct_line: {name}\ncomponents: {{web: {{type: web}}}}\n"
    said = f'product_line: "{name}" belongs to the platform. Choose another.'
    assert [str(p) for p in check(text, "app.yaml").problems] == [f"app.yaml:2:15: {said}"]
    for word in ("name", "namespace"):
        context, problems = read_context(f"product_line: {{{word}: {name}}}\n", "context.yaml")
        assert context is None
        assert [p.code for p in problems] == ["name.reserved"]


@pytest.mark.parametrize("name", PLATFORM)
def test_the_store_refuses_the_same_names_as_the_compiler(name: str) -> None:
    with pytest.raises(McdError):
        check_name("a product line", name)
    with pytest.raises(McdError):
        check_namespace(name)


def test_what_people_set_in_the_portal_may_hold_what_a_file_holds() -> None:
    """A config map is a file: a form feed or a colour in it is its own affair."""
    text = 'settings: {configs: {site: {motd: "\\x1b[1mhello\\x0c"}}, env: {GREETING: "\\x1b[1mhello"}}\n'
    context, problems = read_context(text, "context.yaml")
    assert problems == ()
    assert context is not None
    assert context.settings.configs["site"]["motd"] == "\x1b[1mhello\x0c"
