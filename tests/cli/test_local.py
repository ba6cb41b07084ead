"""validate, render, explain and schema as a person calls them: stdout, stderr, exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from mcd.cli import looked_up
from mcd.model import Reason
from mcd.model.why import WORDS
from tests.cli.conftest import Ran, inside

HELLO = "appname: hello\ncomponents: {web: {type: web, port: 8080}}\n"
BROKEN = "appname: hello\ncomponents:\n  web: {type: web, portt: 80}\n"
WARNED = "name: hello\ncomponents: {web: {type: web}}\n"
COMMIT = "3f2c1a9d5e8b7c6a4f0e1d2c3b4a59687f6e5d4c"
ROOT = Path(__file__).parents[2]


def mcd(*words: str, folder: Path, stdin: str = "") -> Ran:
    return inside(words, stdin=stdin, env={"HOME": str(folder)}, cwd=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(HELLO)
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "warned.yaml").write_text(WARNED)
    return tmp_path


def test_a_good_file_says_nothing_on_stdout(folder: Path) -> None:
    done = mcd("validate", folder=folder)
    assert (done.code, done.out, done.err) == (0, "", "1 file, 0 errors, 0 warnings\n")


def test_problems_go_to_stdout_one_a_line_and_the_sum_to_stderr(folder: Path) -> None:
    done = mcd("validate", "app.yaml", "broken.yaml", "warned.yaml", folder=folder)
    assert done.code == 1
    assert done.out == (
        'broken.yaml:3:20: components.web.portt: there is no "portt" here. Did you mean "port"?\n'
        'warned.yaml:1:1: warning: name: "name" is called "appname" here.\n'
    )
    assert done.err == "3 files, 1 error, 1 warning\n"


def test_warnings_pass_and_strict_refuses_them(folder: Path) -> None:
    assert mcd("validate", "warned.yaml", folder=folder).code == 0
    assert mcd("validate", "warned.yaml", "--strict", folder=folder).code == 1
    done = mcd("render", "-f", "warned.yaml", "--strict", folder=folder)
    assert (done.code, done.out) == (1, "")


def test_stdin_is_called_stdin(folder: Path) -> None:
    done = mcd("validate", "-", folder=folder, stdin=BROKEN)
    assert done.out.startswith("stdin:3:20: ")


def test_json_has_the_names_of_the_contract(folder: Path) -> None:
    answer = json.loads(mcd("validate", "broken.yaml", "app.yaml", "-o", "json", folder=folder).out)
    assert answer == {
        "files": [
            {
                "file": "broken.yaml",
                "ok": False,
                "problems": [
                    {
                        "code": "schema.unknown_key",
                        "severity": "error",
                        "file": "broken.yaml",
                        "line": 3,
                        "column": 20,
                        "field": "components.web.portt",
                        "message": 'there is no "portt" here.',
                        "hint": 'Did you mean "port"?',
                    }
                ],
            },
            {"file": "app.yaml", "ok": True, "problems": []},
        ],
        "errors": 1,
        "warnings": 0,
    }


def test_other_systems_read_problems_in_their_own_format(folder: Path) -> None:
    github = mcd("validate", "broken.yaml", "-o", "github", folder=folder).out
    assert github.startswith("::error file=broken.yaml,line=3,col=20,title=schema.unknown_key::components.web.portt: ")
    (gitlab,) = json.loads(mcd("validate", "broken.yaml", "-o", "gitlab", folder=folder).out)
    assert gitlab["location"] == {"path": "broken.yaml", "lines": {"begin": 3}}
    sarif = json.loads(mcd("validate", "broken.yaml", "-o", "sarif", folder=folder).out)
    assert sarif["version"] == "2.1.0"
    assert sarif["runs"][0]["results"][0]["ruleId"] == "schema.unknown_key"


def test_a_hundred_problems_are_printed_and_the_rest_is_counted(folder: Path) -> None:
    (folder / "many.yaml").write_text(HELLO + "".join(f"k{i}: 1\n" for i in range(130)))
    lines = mcd("validate", "many.yaml", folder=folder).out.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "… and 30 more problems."


def test_render_prints_the_objects_and_nothing_else(folder: Path) -> None:
    done = mcd("render", "--commit", COMMIT, folder=folder)
    assert (done.code, done.err) == (0, "")
    kinds = [obj["kind"] for obj in yaml.safe_load_all(done.out)]
    assert kinds == ["ServiceAccount", "NetworkPolicy", "Service", "Deployment", "HTTPRoute", "PrometheusRule"]


def test_render_of_a_broken_file_prints_no_object(folder: Path) -> None:
    done = mcd("render", "-f", "broken.yaml", folder=folder)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("broken.yaml:3:20: components.web.portt: ")


def test_line_comes_before_the_app_and_environment_names_it(folder: Path) -> None:
    done = mcd("render", "--line", "--environment", "site-9", "-o", "json", folder=folder)
    answer = json.loads(done.out)
    assert answer["objects"][0]["kind"] == "Namespace"
    assert answer["objects"][0]["metadata"]["name"] == "site-9"
    assert {o["metadata"].get("namespace", "site-9") for o in answer["objects"]} == {"site-9"}
    assert answer["secrets"] == []
    assert answer["warnings"] == []


def test_the_image_and_the_commit_are_taken_as_given(folder: Path) -> None:
    done = mcd("render", "--image", "r.example.com/hello:7", "--commit", "ABCDEF0", folder=folder)
    assert "image: r.example.com/hello:7\n" in done.out
    assert "mcd.internal/commit: ABCDEF0\n" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["validate", "absent.yaml"], "absent.yaml: there is no such file. Check the path.\n"),
        (["validate", "."], ".: it is a folder. Write ./app.yaml.\n"),
        (["render", "-f", "a" * 5000], "File name too long. Check the path.\n"),
        (["render", "--commit", "xyz"], '--commit: "xyz" is not a commit. Use 7 to 40 hex digits.\n'),
        (["render", "--image", "A B"], '--image: "A B" is not an image. Write it like registry/app:1.2.\n'),
        (["render", "--environment", "A B"], '--environment: "A B" is not a name. Use a-z, 0-9 and -.\n'),
        (["render", "--branch", "a\nb"], '--branch: "a\\nb" is not a name in git. Check it.\n'),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(folder: Path, words: list[str], said: str) -> None:
    done = mcd(*words, folder=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(said)


def test_a_bad_context_is_exit_2_with_its_place(folder: Path) -> None:
    (folder / "context.yaml").write_text("cluster:\n  kubernets: '1.33'\n")
    done = mcd("validate", "--context", "context.yaml", folder=folder)
    assert done.code == 2
    assert done.err == 'context.yaml:2:3: cluster.kubernets: there is no "kubernets" here. Did you mean "kubernetes"?\n'


def test_explain_knows_every_field_and_suggests_for_the_rest(folder: Path) -> None:
    done = mcd("explain", "components.web.health", folder=folder)
    assert done.code == 0
    assert "components.NAME.health" in done.out
    unknown = mcd("explain", "helth", folder=folder)
    assert (unknown.code, unknown.out) == (3, "")
    assert unknown.err == 'there is no field "helth". Did you mean "health"?\n'


def test_explain_knows_every_state_and_reason_that_is_ever_printed() -> None:
    for word in (*(why.value for why in WORDS), *(one.value for one in Reason)):
        found = [one for one in (looked_up.state(word), looked_up.reason(word)) if one is not None]
        assert found, word
        assert all(len(looked_up.as_text(one).splitlines()) > 1 for one in found), word
        assert all(yaml.safe_load(one.patch) for one in found if isinstance(one, looked_up.State) and one.patch)


def test_explain_of_what_why_prints_says_what_to_do(folder: Path) -> None:
    done = mcd("explain", "crash-loop", folder=folder)
    assert done.code == 0
    assert done.out.splitlines() == [
        "crash-loop",
        "  reason   CrashLooping",
        "  sentence the program ends with exit CODE.",
        "  step     Mend the program and push.",
    ]
    told = json.loads(mcd("explain", "oomkilled", "-o", "json", folder=folder).out)
    assert [one["reason"] for one in told["states"]] == ["OOMKilled"]
    assert "out-of-memory" in told["states"][0]["states"]
    assert mcd("explain", "CrashLoopBackOff", folder=folder).out.startswith("CrashLooping\n")
    assert mcd("explain", "mcddown", folder=folder).out.startswith("# McdDown\n"), "MCD itself may be down"
    assert 'Did you mean "devices-busy"?' in mcd("explain", "device-busy", folder=folder).err


def test_explain_alone_lists_every_field_and_knows_the_words_of_others(folder: Path) -> None:
    from mcd.appyaml.schema import document

    listed = mcd("explain", folder=folder).out.splitlines()
    assert [line.split("  ")[0] for line in listed] == [entry.where for entry in document.entries()]
    assert all(line.split("  ", 1)[1].strip() for line in listed)
    assert len(json.loads(mcd("explain", "-o", "json", folder=folder).out)["fields"]) == len(listed)
    assert 'Did you mean "permdir"?' in mcd("explain", "volumes", folder=folder).err
    assert mcd("explain", "zzzz", folder=folder).err.endswith("`mcd explain` lists all of them.\n")
    assert set(document.ELSEWHERE.values()) <= {entry.word for entry in document.entries()}


def test_schema_is_json_schema(folder: Path) -> None:
    assert json.loads(mcd("schema", folder=folder).out)["$schema"].endswith("2020-12/schema")


def test_a_hostile_file_is_a_problem_and_no_trace(folder: Path) -> None:
    (folder / "bomb.yaml").write_text("[" * 200_000)
    done = mcd("validate", "bomb.yaml", folder=folder)
    assert (done.code, done.out) == (1, "bomb.yaml:1:33: nested more than 32 deep. Use fewer levels.\n")


ENVIRONMENTS = HELLO + (
    "environments:\n"
    "  site-a: {components: {web: {limits: {memory: 1Mi}}}}\n"
    "  site-b: {components: {web: {limits: {memory: 128Mi}}}}\n"
)
SITE_A = "sites.yaml:4:48: environments.site-a.components.web.limits.memory: 1Mi is out of range. Use 16Mi to 4Ti.\n"
SITE_B = (
    "sites.yaml:5:48: components.web.limits.memory: 128Mi is less than resources.memory 256Mi."
    " Raise the limit or lower the request.\n"
)


def test_validate_judges_every_environment_and_with_a_name_that_one(folder: Path) -> None:
    (folder / "sites.yaml").write_text(ENVIRONMENTS)
    assert mcd("validate", "sites.yaml", folder=folder).out == SITE_A + SITE_B
    assert mcd("validate", "sites.yaml", "--environment", "site-b", folder=folder).out == SITE_A + SITE_B
    assert mcd("validate", "sites.yaml", "--environment", "site-a", folder=folder).out == SITE_A


def test_an_environment_that_no_entry_is_for_is_warned(folder: Path) -> None:
    (folder / "sites.yaml").write_text(ENVIRONMENTS.replace("1Mi", "1Gi"))
    done = mcd("render", "-f", "sites.yaml", "--environment", "site-z", folder=folder)
    known = 'Did you mean "site-a"?'
    assert done.code == 0
    assert done.err == f'sites.yaml:3:1: warning: environments: no entry is for "site-z". {known}\n'
    assert mcd("validate", "sites.yaml", "--environment", "site-z", "--strict", folder=folder).code == 1


@pytest.mark.parametrize("name", [b"f\xff.yaml", b"e\x1b[31m.yaml", b"a\n::error ::b.yaml"])
def test_a_file_whose_name_cannot_be_shown_is_refused_in_one_line(folder: Path, name: bytes) -> None:
    (folder / os.fsdecode(name)).write_text(BROKEN)
    for words in (("validate",), ("validate", "-o", "github"), ("render", "-f")):
        done = mcd(*words, os.fsdecode(name), folder=folder)
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith(": this name cannot be shown. Rename the file.\n")
        assert done.err.count("\n") == 1
        assert "\x1b" not in done.err


def test_no_product_line_is_a_namespace_of_the_platform(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("appname: hello\ncomponents: {web: {type: web}}\n")
    for name in ("kube-system", "default", "mcd-system"):
        done = mcd("render", "--line", "--environment", name, folder=tmp_path)
        said = f'--environment: "{name}" belongs to the platform. Choose another.\n'
        assert (done.code, done.out, done.err) == (2, "", said)
