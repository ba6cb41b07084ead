"""Every case folder gives exactly its expected.yaml and its problems.txt, and what it renders is valid Kubernetes."""

from __future__ import annotations

import json

import kubernetes_validate
import pytest

from tests.appyaml.cases_on_disk import Case, all_cases

VERSIONS = ("1.29", "1.33", "1.37")
NOT_IN_KUBERNETES = {"HTTPRoute", "PrometheusRule"}

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


@CASES
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_is_strictly_valid_for_kubernetes(case: Case, version: str) -> None:
    for obj in case.objects():
        if obj["kind"] not in NOT_IN_KUBERNETES:
            # A copy without shared parts, as an API server would read it.
            kubernetes_validate.validate(json.loads(json.dumps(obj)), version, strict=True)


def test_the_schemas_do_refuse_a_wrong_field() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}, "wrong": 1}, "1.33", strict=True
        )
