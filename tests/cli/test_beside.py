"""The files that app.yaml names are read beside it, and nothing that lies elsewhere is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mcd.cli.beside import LARGEST, files_beside
from mcd.errors import Code, McdError
from tests.cli.test_local import mcd

APP = "appname: hello\ncomponents: {w: {type: daemon, files: {/x/f: {source: deploy/f.conf}}}}\n"
MISSING = 'app.yaml:2:55: components.w.files["/x/f"].source: there is no file "deploy/f.conf" beside app.yaml.\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "repo"
    (inside / "deploy").mkdir(parents=True)
    (inside / "app.yaml").write_text(APP)
    (tmp_path / "secret.txt").write_text("outside")
    return inside


def held(output: str) -> list[str]:
    return [text for o in json.loads(output)["objects"] if o["kind"] == "ConfigMap" for text in o["data"].values()]


def test_render_reads_a_file_beside_app_yaml_wherever_the_command_stands(folder: Path) -> None:
    (folder / "deploy" / "f.conf").write_text("inside")
    done = mcd("render", "-f", "repo/app.yaml", "-o", "json", folder=folder.parent)
    assert (done.code, held(done.out), done.err) == (0, ["inside"], "")
    done = mcd("render", "-f", "-", "-o", "json", folder=folder, stdin=APP)
    assert (done.code, held(done.out)) == (0, ["inside"])


def test_validate_reads_it_too_and_says_what_is_absent(folder: Path) -> None:
    done = mcd("validate", folder=folder)
    assert (done.code, done.out) == (1, MISSING)
    (folder / "deploy" / "f.conf").write_text("inside")
    assert mcd("validate", folder=folder).code == 0


def test_a_problem_in_a_file_names_it_as_the_command_was_given_the_folder(folder: Path) -> None:
    (folder / "app.yaml").write_text(APP.replace("f.conf}", "f.conf, template: true}"))
    (folder / "deploy" / "f.conf").write_text("one\n  {{ .Nope }}\n")
    done = mcd("validate", "repo/app.yaml", folder=folder.parent)
    assert done.out.startswith('repo/deploy/f.conf:2:3: components.w.files["/x/f"].source: there is no .Nope.')


def test_no_link_leads_out_of_the_folder(folder: Path) -> None:
    (folder / "deploy" / "f.conf").symlink_to("../../secret.txt")
    assert mcd("render", folder=folder).err == MISSING
    (folder / "deploy" / "f.conf").unlink()
    (folder / "deploy").rmdir()
    (folder / "deploy").symlink_to("..")
    (folder.parent / "f.conf").write_text("outside")
    assert mcd("render", folder=folder).err == MISSING


def test_a_link_inside_the_folder_is_no_file_as_on_a_server(folder: Path) -> None:
    (folder / "real.conf").write_text("inside")
    (folder / "deploy" / "f.conf").symlink_to("../real.conf")
    (folder / "linked").symlink_to("deploy")
    assert files_beside(str(folder / "app.yaml"), ["deploy/f.conf", "linked/f.conf"]) == {}


def test_what_is_no_regular_file_is_absent_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    assert files_beside(str(folder / "app.yaml"), ["pipe", "deploy", "gone", "app.yaml/x"]) == {}


def test_a_link_to_itself_is_said_in_one_line(folder: Path) -> None:
    (folder / "deploy" / "f.conf").symlink_to("f.conf")
    done = mcd("render", folder=folder)
    assert done.code == 2
    assert done.err.startswith("deploy/f.conf: ")
    assert done.err.count("\n") == 1


def test_no_more_is_read_of_a_file_than_refuses_it(folder: Path) -> None:
    with (folder / "big").open("wb") as file:
        file.truncate(2**40)
    (data,) = files_beside(str(folder / "app.yaml"), ["big"]).values()
    assert len(data) == LARGEST + 1


def test_files_of_more_than_16_mib_together_are_not_held(folder: Path) -> None:
    for number in range(33):
        with (folder / f"f{number}").open("wb") as file:
            file.truncate(LARGEST)
    with pytest.raises(McdError) as wrong:
        files_beside(str(folder / "app.yaml"), [f"f{number}" for number in range(33)])
    assert wrong.value.code is Code.TOO_LARGE
