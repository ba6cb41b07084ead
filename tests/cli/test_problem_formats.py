"""The reports for other systems keep to those systems' rules, whatever the file is called and says."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from mcd.appyaml.text.codes import CODES
from mcd.cli import problem_formats
from mcd.errors import Problem, Severity


def problem(code: str = "value.range", file: str = "app.yaml", line: int = 3, **more: Any) -> Problem:
    words = {"field": "components.web.port", "message": "99999 is not a port.", "hint": "Use 1 to 65535.", **more}
    return Problem(code, words.pop("severity", Severity.ERROR), file, line, 20, **words)


WARNING = problem("alias", severity=Severity.WARNING, field="name", message='"name" is called "appname" here.', hint="")
FOUND = {"./deploy/app.yaml": (problem(file="./deploy/app.yaml"), WARNING), "stdin": (), "/abs/a b#.yaml": ()}
HOSTILE = "a:b,c%d.yaml"


def sarif(found: dict[str, tuple[Problem, ...]]) -> Any:
    return json.loads(problem_formats.as_sarif(found))


# --- GitHub: workflow commands ---------------------------------------------------------------------------------------


def test_github_reads_one_command_a_line_with_everything_escaped() -> None:
    said = problem(file=HOSTILE, message="100 % wrong:\r\n::error::not this", hint="")
    (line,) = problem_formats.as_github({HOSTILE: (said,)}).splitlines()
    found = re.fullmatch(r"::(error|warning) ((?:[a-z]+=[^,:]*,?)+)::(.*)", line)
    assert found
    properties = dict(pair.split("=") for pair in found[2].split(","))
    assert properties == {"file": "a%3Ab%2Cc%25d.yaml", "line": "3", "col": "20", "title": "value.range"}
    assert found[3] == "components.web.port: 100 %25 wrong:%0D%0A::error::not this"


def test_github_finds_the_file_of_the_repository_and_the_severity() -> None:
    first, second = problem_formats.as_github(FOUND).splitlines()
    assert first.startswith("::error file=deploy/app.yaml,line=3,col=20,title=value.range::")
    assert second.startswith("::warning ")


# --- GitLab: code quality --------------------------------------------------------------------------------------------


def test_gitlab_gets_every_key_that_it_needs() -> None:
    report = json.loads(problem_formats.as_gitlab(FOUND))
    assert [entry["severity"] for entry in report] == ["major", "minor"]
    for entry in report:
        assert entry.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert not entry["location"]["path"].startswith("./")
        assert entry["location"]["lines"]["begin"] >= 1


def prints(*found: Problem) -> list[str]:
    return [entry["fingerprint"] for entry in json.loads(problem_formats.as_gitlab({"app.yaml": found}))]


def test_a_problem_that_moves_to_another_line_stays_the_same_for_gitlab() -> None:
    assert prints(problem(line=3)) == prints(problem(line=30))
    assert prints(problem(line=3)) != prints(problem(line=3, message="99998 is not a port."))


def test_no_two_problems_are_one_for_gitlab() -> None:
    assert len(set(prints(*(problem(line=n, field="", message="a tab indents this line.") for n in range(1, 9))))) == 8


# --- SARIF 2.1.0 -----------------------------------------------------------------------------------------------------


def test_sarif_has_what_the_standard_and_code_scanning_ask_for() -> None:
    log = sarif(FOUND)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "mcd"
    assert urlsplit(driver["informationUri"]).scheme == "https"
    assert run["columnKind"] == "unicodeCodePoints"
    assert [rule["id"] for rule in driver["rules"]] == ["alias", "value.range"]
    for result in run["results"]:
        rule = driver["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        assert len(result["partialFingerprints"]["mcdProblem/v1"]) == 64
        (place,) = result["locations"]
        region = place["physicalLocation"]["region"]
        assert region["startLine"] >= 1
        assert region["startColumn"] >= 1


@pytest.mark.parametrize("code", list(CODES))
def test_a_rule_of_sarif_tells_cause_and_cure(code: str) -> None:
    (rule,) = sarif({"app.yaml": (problem(code),)})["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"] == CODES[code].cause
    assert rule["help"]["text"] == CODES[code].cure
    assert rule["helpUri"].endswith(f"#{code}")


@pytest.mark.parametrize(("file", "uri"), [("./a/b.yaml", "a/b.yaml"), ("a b#.yaml", "a%20b%23.yaml"),
                                           ("/x/Hafen.yaml", "file:///x/Hafen.yaml")])  # fmt: skip
def test_a_place_in_sarif_is_a_uri(file: str, uri: str) -> None:
    (result,) = sarif({file: (problem(file=file),)})["runs"][0]["results"]
    told = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert told == uri
    assert unquote(told).endswith(file.removeprefix("./"))


def test_a_problem_of_the_reader_has_no_dotted_path() -> None:
    (result,) = sarif({"app.yaml": (problem("yaml.tag", field=""),)})["runs"][0]["results"]
    assert "logicalLocations" not in result["locations"][0]


def test_a_good_file_is_an_empty_report() -> None:
    good: dict[str, tuple[Problem, ...]] = {"app.yaml": ()}
    assert problem_formats.as_text(good) == problem_formats.as_github(good) == ""
    assert json.loads(problem_formats.as_gitlab(good)) == []
    assert sarif(good)["runs"][0]["results"] == []
