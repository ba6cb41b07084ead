"""What the API answers as a shape is told by the portal too: the words are those of every other face."""

from __future__ import annotations

import pytest

from mcd.api.shapes import Problem
from mcd.errors import Problem as FileProblem
from mcd.errors import Severity


@pytest.mark.parametrize(
    "problem",
    [
        FileProblem("E1", Severity.ERROR, "app.yaml", 3, 5, "components.web", "wrong.", "Mend it."),
        FileProblem("W1", Severity.WARNING, "settings", 0, 0, "", "odd.", ""),
    ],
    ids=["error", "warning without a line"],
)
def test_a_problem_reads_as_that_of_the_file(problem: FileProblem) -> None:
    assert str(Problem.of(problem)) == str(problem)
