"""`make up` and its ends, as far as they touch a person's own things: the sign-in, the folder of data, the words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcd.cli import contexts
from mcd.cli.contexts import Context
from scripts.cluster.problems import ClusterProblem
from scripts.up import server, signed_in

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:7070"
WORK = Context("work", "https://mcd.example.com", "mcd_pat_work", "alice")


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCD_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MCD_CLUSTER_HOME", raising=False)
    contexts.remember(WORK)


def _clone(tmp_path: Path, folder: str) -> Path:
    """A clone whose `make up` has signed in with a password, on the port that every clone wants."""
    home = tmp_path / folder / ".local" / "mcd"
    home.mkdir(parents=True)
    known = contexts.load()
    mine = Context(signed_in.name(home), URL, f"mcd_pat_{folder}", "admin")
    contexts.save(contexts.Contexts(known.current, {**known.all, mine.name: mine}))
    return home


def test_two_clones_on_one_port_keep_their_own_sign_in(tmp_path: Path) -> None:
    one, two = _clone(tmp_path, "one"), _clone(tmp_path, "two")
    for home, token in ((one, "mcd_pat_one"), (two, "mcd_pat_two"), (one, "mcd_pat_one")):
        assert signed_in.sign_in(home, URL, "admin", "") == token
        assert contexts.chosen().token == token, "mcd itself talks to the other clone"
    assert set(contexts.load().all) == {"work", signed_in.name(one), signed_in.name(two)}


def test_reset_removes_its_own_context_only_and_goes_back(tmp_path: Path) -> None:
    one, two = _clone(tmp_path, "one"), _clone(tmp_path, "two")
    signed_in.sign_in(one, URL, "admin", "")
    assert signed_in.forget(two) == "", "that clone never made itself the current one"
    assert signed_in.forget(one) == signed_in.name(one)
    known = contexts.load()
    assert (known.current, known.all["work"]) == ("work", WORK)
    assert set(known.all) == {"work", signed_in.name(two)}
    assert signed_in.forget(one) == ""


def test_a_context_that_a_damaged_note_names_is_not_removed(tmp_path: Path) -> None:
    home = _clone(tmp_path, "one")
    (home / "context").write_text(json.dumps({"name": "work", "before": ""}))
    assert signed_in.forget(home) == ""
    assert contexts.load().all["work"] == WORK


def test_somebody_else_s_sign_in_is_not_used(tmp_path: Path) -> None:
    home = _clone(tmp_path, "one")
    contexts.remember(Context(signed_in.name(home), URL, "mcd_pat_bob", "bob"))
    with pytest.raises(ClusterProblem, match=f"not signed in at {URL} as admin.*--context {signed_in.name(home)}"):
        signed_in.sign_in(home, URL, "admin", "")


def _up(words: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, env={**os.environ, "MCD_CLUSTER_HOME": str(home)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_reset_beside_a_folder_called_mcd_leaves_it(tmp_path: Path) -> None:
    """A clone is called that, and lies beside whatever MCD_CLUSTER_HOME names."""
    (tmp_path / "mcd").mkdir()
    (tmp_path / "mcd" / "README.md").touch()
    (tmp_path / "cluster-mcd" / "data").mkdir(parents=True)
    done = _up([sys.executable, "-m", "scripts.up", "--reset"], tmp_path / "cluster")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mcd" / "README.md").exists()
    assert (tmp_path / "cluster-mcd" / "data").is_dir(), "a folder that `make up` never wrote to"


def test_reset_takes_what_make_up_wrote_and_names_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "cluster-mcd"
    for name in ("data", "work", "mine"):
        (folder / name).mkdir(parents=True)
    (folder / "port").write_text("7070")
    done = _up([sys.executable, "-m", "scripts.up", "--reset"], tmp_path / "cluster")
    assert done.returncode == 0, done.stderr
    assert f"make up` did not make it: {folder}/mine" in done.stderr
    assert [each.name for each in folder.iterdir()] == ["mine"]


def test_a_folder_of_somebody_else_is_not_taken_for_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCD_CLUSTER_HOME", str(tmp_path / "cluster"))
    (tmp_path / "cluster-mcd").mkdir()
    (tmp_path / "cluster-mcd" / "notes").touch()
    with pytest.raises(ClusterProblem, match=r"cluster-mcd is not empty \(notes\)"):
        server.planned({}, "")


def test_make_status_of_a_stopped_cluster_is_an_answer_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "cluster-mcd").mkdir()
    (tmp_path / "cluster-mcd" / "port").write_text("7070")
    done = _up(["make", "-s", "status", f"PATH={os.environ['PATH']}"], tmp_path / "cluster")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mcd serve stopped" in done.stdout
    assert f"export MCD_DATA={tmp_path}/cluster-mcd/data" in done.stdout
    assert "Start it again: make up" in done.stdout
