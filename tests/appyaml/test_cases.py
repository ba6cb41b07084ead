"""Every case folder gives exactly its expected.yaml and its problems.txt."""

from __future__ import annotations

import pytest

from tests.appyaml.cases_on_disk import Case, all_cases

CASES = pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)


@CASES
def test_a_case_gives_exactly_what_its_folder_says(case: Case, update: bool) -> None:
    for name, text in (("expected.yaml", case.rendered()), ("problems.txt", case.problems())):
        file = case.folder / name
        if update:
            if text:
                file.write_text(text, newline="\n")
            else:
                file.unlink(missing_ok=True)
        said = file.read_bytes().decode() if file.exists() else ""
        assert text == said, f"{case.name}/{name}"


@CASES
def test_a_case_has_objects_or_a_reason_why_not(case: Case) -> None:
    assert case.rendered() or case.problems()
