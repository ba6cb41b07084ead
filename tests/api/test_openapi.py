"""The description of the API is complete, and the committed file and pages say what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mcd.api.app import description
from mcd.errors import Code
from scripts.openapi import FILE, text
from tests.api.client import Api
from tests.api.operations import BODIES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return description()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(p, m, o) for p, item in document["paths"].items() for m, o in item.items()]


def test_the_committed_file_is_what_the_routes_say() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `make openapi` and read the diff"


def test_every_operation_has_a_name_a_tag_and_words(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [o["operationId"] for _, _, o in operations(document)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(document):
        assert re.fullmatch("[a-z_]+", operation["operationId"]), path
        assert set(operation["tags"]) <= tags
        assert operation["tags"]
        assert len(operation["description"]) > 10, (path, method)


def test_every_operation_tells_how_it_refuses_and_what_it_needs(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert "500" in operation["responses"], path
        if operation["security"]:
            assert {"401", "403"} <= set(operation["responses"]), path
            assert operation["x-permission"] in ("read", "deploy", "shell", "set", "administer")
        if "requestBody" in operation:
            assert {"413", "415", "422"} <= set(operation["responses"]), (path, method)
        if "{" in path:
            assert "404" in operation["responses"], path


def test_every_refusal_has_an_example_of_its_form(document: dict[str, Any]) -> None:
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
        assert content["example"]["status"] == int(name.removeprefix("Refused"))


def test_every_request_has_an_example_that_is_accepted_in_form(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        if "requestBody" not in operation:
            continue
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert schema["examples"], path
        assert schema["additionalProperties"] is False, path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        place: Any = document
        for part in reference.split("/"):
            assert part in place, reference
            place = place[part]


async def test_the_examples_of_requests_pass_the_form_check(api: Api, document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if operation["operationId"] not in BODIES or "requestBody" not in operation:
            continue
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for example in document["components"]["schemas"][reference.rpartition("/")[2]]["examples"]:
            address = re.sub(r"\{[a-z]+\}", "ghost", path)
            answer = await api.ask(method.upper(), address, example, "root", headers={"If-Match": "*"})
            problems = [p for p in answer.json().get("problems", []) if p["file"] == "body" and p["line"] is None]
            codes = {p["code"] for p in problems} - {"ref.unknown"}
            assert not codes, (path, example, answer.text)


async def test_a_running_server_answers_the_same_document(api: Api, document: dict[str, Any]) -> None:
    answer = await api.get("/api/v1/openapi.json", "")
    assert answer.json() == document


def test_every_code_and_reason_of_the_api_is_documented() -> None:
    page = (ROOT / "docs/reference/problems.md").read_text(encoding="utf-8")
    for code in Code:
        assert f'<a id="{code.value}"></a>`{code.value}`' in page
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "mcd/api").glob("*.py"))
    reasons = set(re.findall(r'reason="([A-Za-z]+)"', sources)) | {"PreconditionRequired"}
    assert reasons, "the pattern finds nothing any more"
    for reason in reasons:
        assert f"`{reason}`" in page, reason


def test_what_is_kept_and_not_used_says_so(document: dict[str, Any]) -> None:
    """And whoever begins to use it takes the words away."""
    rooms = [ROOT / "mcd" / room for room in ("appyaml", "kube", "controllers")]
    code = "\n".join(file.read_text(encoding="utf-8") for room in rooms for file in sorted(room.rglob("*.py")))
    used = re.search(r"\.oversell\b", code)
    assert used is None, "it is used: take `not used yet` out of its descriptions"
    for name in ("NodePool", "NodePoolPut"):
        field = document["components"]["schemas"][name]["properties"]["oversell"]
        assert "not used yet" in field.get("description", ""), name
