"""`mcd diff` of files and commits: no server, no network, every field that differs, and nothing that does not."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Mcd, Ran

OLD = """\
appname: shop
components:
  web: {type: web, image: "r.test/shop:1", port: 8080, replicas: 2, env: {COLOUR: red, KEPT: "1"}}
  gone: {type: daemon, image: "r.test/shop:1"}
"""
NEW = """\
appname: shop
components:
  web: {type: web, image: "r.test/shop:1", port: 8080, replicas: 3, env: {COLOUR: blue, KEPT: "1"}}
  clean: {type: cron, image: "r.test/shop:1", schedule: "0 3 * * *"}
"""
BROKEN = "appname: shop\ncomponents: {web: {type: web, portt: 1}}\n"


@dataclass
class Repository:
    """A checkout of a person, with nobody's configuration."""

    folder: Path
    mcd: Mcd

    def git(self, *words: str) -> str:
        who = {f"GIT_{role}_{what}": "li@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(["git", *words], cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_conf", ".conf")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, **files: str) -> str:
        self.write(**files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def diff(self, *words: str, cwd: Path | None = None, **more: Any) -> Ran:
        return self.mcd("diff", *words, cwd=cwd or self.folder, **more)


@pytest.fixture
def repo(tmp_path: Path, here: Mcd) -> Repository:
    folder = tmp_path / "repo"
    folder.mkdir()
    made = Repository(folder, here)
    made.git("init", "-q", "-b", "main")
    return made


def heads(told: Ran) -> list[str]:
    assert told.code == 0, told.err
    return [line for line in told.out.splitlines() if not line.startswith(" ")]


def below(told: Ran, head: str) -> list[str]:
    lines = told.out.splitlines()
    start = lines.index(head) + 1
    found = []
    for line in lines[start:]:
        if not line.startswith(" "):
            break
        found.append(line.strip())
    return found


# --- two files --------------------------------------------------------------------------------------------------------


def test_two_files_differ_object_by_object_and_field_by_field(repo: Repository) -> None:
    repo.write(old_yaml=OLD, new_yaml=NEW)
    told = repo.diff("old.yaml", "new.yaml")
    assert heads(told) == [
        "configured Deployment/shop-web",
        "created    CronJob/shop-clean",
        "configured PrometheusRule/shop",
        "deleted    Deployment/shop-gone",
    ]
    assert below(told, "configured Deployment/shop-web") == [
        "- spec.replicas: 2",
        "+ spec.replicas: 3",
        '- spec.template.spec.containers[web].env[COLOUR].value: "red"',
        '+ spec.template.spec.containers[web].env[COLOUR].value: "blue"',
    ]
    assert '+ spec.schedule: "0 3 * * *"' in below(told, "created    CronJob/shop-clean")
    assert below(told, "deleted    Deployment/shop-gone") == []
    assert told.err == "old.yaml → new.yaml: 1 created, 2 configured, 1 deleted, 5 unchanged.\n"


def test_an_image_that_a_push_would_build_is_said_to_be_a_stand_in(repo: Repository) -> None:
    worker = "  worker: {type: daemon, command: run}\n"
    repo.write(old_yaml="appname: shop\ncomponents:\n  web: {type: web}\n")
    repo.write(new_yaml=(repo.folder / "old.yaml").read_text() + worker)
    told = repo.diff("old.yaml", "new.yaml")
    (shown,) = {line.split('"')[1] for line in told.out.splitlines() if ".image: " in line}
    said = f"Nothing is built here: {shown} stands for the image that a push builds, the same on both sides.\n"
    assert said in told.err
    same = repo.diff("old.yaml", "old.yaml")
    assert "built" not in same.err, "no image is shown"


def test_a_file_and_itself_do_not_differ(repo: Repository) -> None:
    repo.write(old_yaml=OLD)
    told = repo.diff("old.yaml", "old.yaml", "--exit-code")
    assert (told.code, told.out) == (0, "")
    assert told.err.endswith("0 created, 0 configured, 0 deleted, 8 unchanged.\n")


def test_a_difference_is_no_failure_unless_it_is_asked_for(repo: Repository) -> None:
    repo.write(old_yaml=OLD, new_yaml=NEW)
    assert repo.diff("old.yaml", "new.yaml").code == 0
    assert repo.diff("old.yaml", "new.yaml", "--exit-code").code == 4


def test_a_program_reads_the_changes_in_the_shape_of_the_api(repo: Repository) -> None:
    repo.write(old_yaml=OLD, new_yaml=NEW)
    answer = json.loads(repo.diff("old.yaml", "new.yaml", "-o", "json").out)
    assert answer["schema"] == "mcd/v1"
    assert (answer["unchanged"], answer["warnings"]) == (5, [])
    first = answer["changes"][0]
    names = {"api_version": "apps/v1", "kind": "Deployment", "namespace": "demo", "name": "shop-web"}
    assert (first["object"], first["action"]) == (names, "configured")
    assert first["diff"].splitlines()[:2] == ["- spec.replicas: 2", "+ spec.replicas: 3"]
    named = repo.diff("old.yaml", "new.yaml", "-o", "name").out.splitlines()
    assert named[0] == "Deployment/shop-web"


def test_the_environment_and_the_context_decide_what_is_compared(repo: Repository) -> None:
    here = "\nenvironments: {site-9: {components: {web: {replicas: 5}}}}\n"
    repo.write(old_yaml=OLD, new_yaml=OLD + here, context_yaml="cluster: {prometheus_operator: false}\n")
    assert heads(repo.diff("old.yaml", "new.yaml")) == []
    told = repo.diff("old.yaml", "new.yaml", "--environment", "site-9", "--context", "context.yaml")
    assert heads(told) == ["configured Deployment/shop-web"]
    assert below(told, "configured Deployment/shop-web") == ["- spec.replicas: 2", "+ spec.replicas: 5"]


def test_secrets_are_told_by_the_names_of_their_keys_and_claims_stay(repo: Repository) -> None:
    more = OLD.replace('KEPT: "1"', "KEPT: {secret: payment/token}") + "permdir: true\n"
    repo.write(old_yaml=more, new_yaml=OLD)
    told = repo.diff("old.yaml", "new.yaml")
    assert "deleted    Secret/shop-secret-payment" in heads(told)
    assert "held       PersistentVolumeClaim/shop-permdir: it holds data, so it stays in the cluster" in heads(told)
    back = repo.diff("new.yaml", "old.yaml")
    assert '+ data.token: "***"' in below(back, "created    Secret/shop-secret-payment")


def test_a_text_of_many_lines_is_told_by_the_lines_that_differ(repo: Repository) -> None:
    files = 'files:\n  /etc/a.conf: "listen 80\\nserver a\\nend\\n"\n'
    repo.write(old_yaml=OLD + files, new_yaml=OLD + files.replace("server a", "server b"))
    told = repo.diff("old.yaml", "new.yaml")
    lines = below(told, "configured ConfigMap/shop-web-files")
    assert [line.partition(" line ")[2] for line in lines] == ['2: "server a"', '2: "server b"']


def test_errors_of_either_file_are_told_with_its_name(repo: Repository) -> None:
    repo.write(old_yaml=OLD, broken_yaml=BROKEN)
    for words in (("old.yaml", "broken.yaml"), ("broken.yaml", "old.yaml")):
        told = repo.diff(*words)
        assert (told.code, told.out) == (1, "")
        assert told.err.startswith('broken.yaml:2:31: components.web.portt: there is no "portt" here.')


# --- commits ----------------------------------------------------------------------------------------------------------


def test_two_commits_differ_by_what_app_yaml_and_its_files_say_there(repo: Repository) -> None:
    source = OLD + "files: {/etc/site.conf: {source: deploy/site.conf}}\n"
    first = repo.commit(app_yaml=source, deploy__site_conf="listen 80\nend\n")
    second = repo.commit(deploy__site_conf="listen 81\nend\n")
    third = repo.commit(readme="nothing that runs")
    repo.write(app_yaml="this is not looked at", deploy__site_conf="nor this")
    told = repo.diff(first, second)
    assert "configured ConfigMap/shop-web-files" in heads(told)
    lines = below(told, "configured ConfigMap/shop-web-files")
    assert [line.partition(" line ")[2] for line in lines] == ['1: "listen 80"', '1: "listen 81"']
    assert heads(repo.diff(second, third)) == []
    assert heads(repo.diff(f"{first[:9]}..{third[:9]}")) == heads(told)


def test_a_commit_is_compared_with_the_file_as_it_is_now(repo: Repository) -> None:
    repo.commit(app_yaml=OLD)
    repo.write(app_yaml=OLD.replace("replicas: 2", "replicas: 4"))
    told = repo.diff("HEAD")
    assert below(told, "configured Deployment/shop-web") == ["- spec.replicas: 2", "+ spec.replicas: 4"]
    assert told.err.startswith("HEAD:app.yaml → app.yaml: ")


def test_a_branch_is_named_with_two_dots(repo: Repository) -> None:
    repo.commit(app_yaml=OLD)
    repo.git("checkout", "-q", "-b", "more")
    repo.commit(app_yaml=NEW)
    assert heads(repo.diff("main..")) == heads(repo.diff("main", "more")) != []


def test_a_file_of_another_folder_is_named_and_found_from_anywhere(repo: Repository) -> None:
    repo.commit(apps__shop__app_yaml=OLD)
    repo.commit(apps__shop__app_yaml=NEW)
    whole = heads(repo.diff("HEAD~1", "HEAD", "-f", "apps/shop/app.yaml"))
    assert whole
    assert heads(repo.diff("HEAD~1", "HEAD", cwd=repo.folder / "apps" / "shop")) == whole


def test_an_app_that_was_not_there_yet_is_all_new(repo: Repository) -> None:
    repo.commit(readme="nothing yet")
    repo.commit(app_yaml=OLD)
    told = repo.diff("HEAD~1", "HEAD")
    assert all(head.startswith("created ") for head in heads(told))
    assert told.err.splitlines()[0] == "HEAD~1:app.yaml is not there."
    neither = repo.diff("HEAD~1", "HEAD~1")
    assert (neither.code, neither.err.splitlines()[-1]) == (
        2,
        "neither HEAD~1:app.yaml nor HEAD~1:app.yaml is there. Name the file with -f.",
    )


def test_errors_of_a_commit_are_told_with_its_name(repo: Repository) -> None:
    repo.commit(app_yaml=OLD)
    repo.commit(app_yaml=BROKEN)
    told = repo.diff("HEAD~1", "HEAD")
    assert told.code == 1
    assert told.err.startswith("HEAD:app.yaml:2:31: components.web.portt: ")


def test_nothing_of_the_repository_runs_and_nothing_in_it_changes(repo: Repository) -> None:
    repo.commit(app_yaml=OLD)
    repo.commit(app_yaml=NEW)
    ran = repo.folder / "ran"
    for name in ("core.fsmonitor", "core.pager", "diff.external", "core.sshCommand"):
        repo.git("config", name, f"touch {ran}; false")
    repo.git("config", "diff.x.textconv", f"touch {ran}; cat")
    (repo.folder / ".gitattributes").write_text("*.yaml diff=x filter=x\n")
    before = {path: path.stat().st_mtime_ns for path in (repo.folder / ".git").rglob("*")}
    assert heads(repo.diff("HEAD~1", "HEAD"))
    assert not ran.exists()
    assert {path: path.stat().st_mtime_ns for path in (repo.folder / ".git").rglob("*")} == before


def test_a_link_in_a_commit_is_not_followed(repo: Repository) -> None:
    repo.commit(app_yaml=OLD + "files: {/etc/x: {source: passwd}}\n", passwd="root")
    (repo.folder / "passwd").unlink()
    (repo.folder / "passwd").symlink_to("/etc/hostname")
    repo.commit()
    told = repo.diff("HEAD~1", "HEAD")
    assert told.code == 1
    assert 'there is no file "passwd" beside app.yaml.' in told.err


# --- which of the two is meant ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.yaml", "b.yaml"), "a.yaml: there is no such file. Check the path."),
        (("old.yaml",), "old.yaml: one file is nothing to compare. Name two, or write `mcd diff -f old.yaml`"),
        (("old.yaml", "-", "-"), "3 things are more than two. Name two files, or two commits."),
        (("-", "-"), "stdin can be read once. Name a file for one of the two."),
        (("HEAD~9",), "HEAD~9: there is no such file, and no commit of this name here. Check it."),
        (("--upload-pack=x", "old.yaml"), ""),
        (("old.yaml", "old.yaml", "--commit", "abcdef1"), "mcd: --commit says nothing of files and commits."),
        (("shop", "--context", "old.yaml"), "mcd: --context says nothing of what runs."),
        (("shop", "--exit-code"), "mcd: --exit-code says nothing of what runs."),
        (("old.yaml", "old.yaml", "--environment", "A B"), '--environment: "A B" is not a name.'),
        (("old.yaml", "old.yaml", "--context", "nowhere"), "nowhere: there is no such file."),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(repo: Repository, words: tuple[str, ...], said: str) -> None:
    repo.write(old_yaml=OLD)
    told = repo.diff(*words)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(said)
    assert len(told.err.splitlines()) == 1


def test_a_word_that_could_be_an_app_is_an_app(repo: Repository) -> None:
    repo.commit(app_yaml=OLD)
    told = repo.diff("main")
    assert told.code == 4
    assert "no server is known" in told.err


def test_outside_a_repository_a_commit_is_refused(tmp_path: Path, here: Mcd) -> None:
    told = here("diff", "HEAD~1", "HEAD")
    assert told.code == 2
    assert told.err == "HEAD~1: there is no such file, and no commit of this name here. Check it.\n"


def test_a_folder_that_a_commit_took_away_is_still_read_from_the_one_before(repo: Repository) -> None:
    app = OLD.replace("components:", "files: {/x/a: {source: a.conf}}\ncomponents:")
    repo.commit(old__deep__app_yaml=app, old__deep__a_conf="one", kept="1")
    repo.git("rm", "-rq", "old")
    repo.commit(kept="2")
    assert not (repo.folder / "old").exists()
    told = repo.diff("HEAD~1", "HEAD", "-f", "old/deep/app.yaml", "-o", "json")
    assert told.code == 0, told.err
    assert {change["action"] for change in json.loads(told.out)["changes"]} == {"deleted"}
    assert "ConfigMap" in told.out
    (repo.folder / "beside").mkdir()
    assert repo.diff("HEAD~1", "HEAD", "-f", "../old/x/../deep/app.yaml", cwd=repo.folder / "beside").code == 0
    assert "no commit of this name" in repo.diff("nope", "HEAD", "-f", "old/deep/app.yaml").err
