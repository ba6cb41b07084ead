"""Which pushes deploy an App, and what people are told of those that do not (app-yaml 3.3)."""

from __future__ import annotations

import pytest

from mcd.appyaml.deploys import Decision, Pushed, decide, matches, matches_file
from mcd.appyaml.parse import check
from mcd.appyaml.schema.deploy import Deploy
from tests.cost import costs_under

FILE = "services/shop/app.yaml"


def deploy(text: str) -> Deploy:
    checked = check(f"appname: shop\ncomponents: {{web: {{type: web}}}}\ndeploy: {text}\n", "app.yaml")
    assert checked.app_file is not None
    assert checked.ok, [str(problem) for problem in checked.problems]
    return checked.app_file.app.deploy


def of_branch(text: str, branch: str, *changed: str) -> Decision:
    return decide(deploy(text), Pushed("main", FILE, changed or None, branch=branch))


def of_tag(text: str, tag: str, *changed: str) -> Decision:
    return decide(deploy(text), Pushed("main", FILE, changed or None, tag=tag))


def test_without_deploy_the_default_branch_is_deployed_and_no_other() -> None:
    assert of_branch("{}", "main").why == "branch main is the default branch."
    assert of_branch("{}", "main").wanted
    other = of_branch("{}", "feature/x")
    assert (other.wanted, other.why) == (False, "branch feature/x is not the default branch (main).")


def test_a_written_branch_is_the_only_one() -> None:
    assert of_branch("{branch: live}", "live").wanted
    gone = of_branch("{branch: live}", "main")
    assert (gone.wanted, gone.why) == (False, "branch main is not in deploy.branch (live).")


def test_no_branch_at_all_can_be_said() -> None:
    assert of_branch("{branch: [], tags: v*}", "main").why == "branch main is not in deploy.branch (none)."
    assert of_tag("{branch: [], tags: v*}", "v1").wanted


def test_a_tag_is_deployed_only_where_one_is_written_and_the_branch_beside_it_still_is() -> None:
    assert of_tag("{}", "v1.0").why == "tag v1.0 is not in deploy.tags (none)."
    assert not of_tag("{}", "v1.0").wanted
    assert of_tag("{tags: [v*, rc-*]}", "rc-2").wanted
    assert of_branch("{tags: v*}", "main").wanted


def test_a_branch_that_is_called_like_a_tag_is_no_tag() -> None:
    assert not of_branch("{tags: v*}", "v1").wanted
    assert not of_tag("{branch: v*}", "v1").wanted


def test_a_push_that_changed_nothing_of_paths_is_not_deployed() -> None:
    written = "{paths: [services/shop/**, lib]}"
    assert of_branch(written, "main", "README.md", "services/shop/a/b.py").why == (
        "branch main is the default branch, and services/shop/a/b.py changed."
    )
    gone = of_branch(written, "main", "README.md", "services/other/a.py")
    assert (gone.wanted, gone.why) == (False, "nothing of deploy.paths changed (services/shop/**, lib).")


def test_app_yaml_itself_always_counts_and_another_one_does_not() -> None:
    assert of_branch("{paths: [src/**]}", "main", FILE).wanted
    assert not of_branch("{paths: [src/**]}", "main", "app.yaml").wanted


def test_where_nobody_knows_what_changed_the_push_counts() -> None:
    assert of_branch("{paths: [src/**]}", "main").wanted


def test_paths_are_asked_of_a_tag_as_well() -> None:
    assert not of_tag("{tags: v*, paths: [src/**]}", "v1", "README.md").wanted


def test_without_auto_a_match_waits_for_a_person() -> None:
    decision = of_branch("{auto: false}", "main")
    assert (decision.wanted, decision.waits) == (True, True)
    assert decision.why == "branch main is the default branch; deploy.auto is false, so a person deploys it."
    assert not of_branch("{auto: false}", "other").waits


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("main", "main"),
        ("release/*", "release/1.2"),
        ("release/**", "release/1/2"),
        ("**", "a/b/c"),
        ("**/hotfix", "hotfix"),
        ("**/hotfix", "a/b/hotfix"),
        ("a/**/z", "a/z"),
        ("a/**/z", "a/b/c/z"),
        ("a/**/b/**/z", "a/b/x/b/z"),
        ("v[0-9]", "v1"),
        ("v?", "v1"),
        ("[ab]", "a"),
    ],
)
def test_a_glob_matches(glob: str, name: str) -> None:
    assert matches(glob, name)


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("main", "Main"),
        ("main", "main2"),
        ("release/*", "release/1/2"),
        ("*", "feature/x"),
        ("release/**", "release"),
        ("a/**/z", "a/b"),
        ("v?", "v"),
        ("[ab]", "c"),
        ("a.b", "axb"),
    ],
)
def test_a_glob_does_not_match(glob: str, name: str) -> None:
    assert not matches(glob, name)


@pytest.mark.parametrize("glob", ["src", "src/", "./src", "src/**", "s*/**", "**/b.py", "src/a/*.py", "**", "."])
def test_a_file_counts(glob: str) -> None:
    assert matches_file(glob, "src/a/b.py")


@pytest.mark.parametrize("glob", ["src/*", "sr", "a", "b.py", "*.py", "src/b.py", "src/a/b.py/", "Src/**", "src/*.py"])
def test_a_file_does_not_count(glob: str) -> None:
    assert not matches_file(glob, "src/a/b.py")


def test_the_longest_glob_is_answered_at_once() -> None:
    glob, name = "**/a" * 60 + "/b", "a/" * 2000 + "c"
    assert costs_under(1, lambda: matches_file(glob, name))
    assert not matches_file(glob, name)


def test_what_a_push_brings_is_shown_without_its_control_characters() -> None:
    assert "\x1b" not in of_branch("{}", "x\x1b[31m").why
    assert len(of_branch("{}", "x" * 5000).why) < 200


def problems(text: str) -> list[str]:
    found = check(f"appname: shop\ncomponents: {{web: {{type: web}}}}\ndeploy: {text}\n", "app.yaml").problems
    return [problem.message for problem in found]


def test_what_is_too_long_or_too_many_is_refused_and_the_largest_is_not() -> None:
    assert problems(f"{{branch: {'b' * 255}, paths: [{'p' * 255}]}}") == []
    assert len(problems(f"{{branch: {'b' * 256}, paths: [{'p' * 256}]}}")) == 2
    assert problems(f"{{tags: [{', '.join('v' * 50)}], paths: [{', '.join('p' * 100)}]}}") == []
    assert problems(f"{{tags: [{', '.join('v' * 51)}]}}") == ["51 items."]
    assert problems(f"{{paths: [{', '.join('p' * 101)}]}}") == ["101 items."]


def test_a_long_list_is_not_told_whole() -> None:
    assert of_branch("{branch: [a, b, c, d, e]}", "x").why == "branch x is not in deploy.branch (a, b, c, d, e)."
    assert of_branch("{branch: [a, b, c, d, e, f]}", "x").why == "branch x is not in deploy.branch (a, b, c, d, e, …)."
