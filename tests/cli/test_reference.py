"""docs/reference/command.md is what the commands say of themselves."""

from __future__ import annotations

import pytest

from mcd.cli.main import ENTRIES, SECTIONS, command_of
from scripts.write_command_reference import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/write_command_reference.py"


@pytest.mark.parametrize("name", list(ENTRIES))
def test_every_command_has_its_section_and_its_line_in_the_help(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"### `mcd {name}" in text
    assert ENTRIES[name].help.endswith((".", "…"))
    assert len(ENTRIES[name].help) <= 80


@pytest.mark.parametrize("name", list(ENTRIES))
def test_every_option_says_what_it_does(name: str) -> None:
    def leaves(command: object) -> list[object]:
        children = getattr(command, "commands", None)
        return [leaf for child in children.values() for leaf in leaves(child)] if children else [command]

    for leaf in leaves(command_of(name)):
        for parameter in leaf.params:  # type: ignore[attr-defined]
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name}: {parameter.opts} has no help"


def test_the_exit_codes_of_the_page_are_those_of_the_program() -> None:
    from mcd.cli.output import EXIT
    from scripts.write_command_reference import exit_rows

    rows = "\n".join(exit_rows())
    assert all(f"`{code.value}`" in rows for code, number in EXIT.items() if number != 1)


def test_no_command_stands_twice() -> None:
    names = [name for section in SECTIONS.values() for name in section]
    assert len(names) == len(set(names))
