"""Every problem that any case is told has a code of the list.

problems.txt holds what a person reads, and the code is not part of that: programs read it (`-o json`, SARIF, the API).
"""

from __future__ import annotations

import pytest

from mcd.appyaml.text.codes import CODES, WARNINGS
from mcd.errors import Severity
from tests.appyaml.cases_on_disk import Case, all_cases


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_every_problem_of_a_case_has_a_code_of_the_list(case: Case) -> None:
    for problem in case.compile().problems:
        assert problem.code in CODES, str(problem)
        if problem.code in WARNINGS:
            assert problem.severity is Severity.WARNING, str(problem)
