"""What the command refuses, as a person sees it: one line on stderr, nothing started, no stack trace."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cluster import node, places, processes, up
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line
from tests.servers.cluster import run


def _refused(home: Path, *arguments: str, **environment: str) -> str:
    done = run(home, *arguments, **environment)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not list(home.glob("run/*.pid"))
    first = done.stderr.splitlines()[-1] if done.stderr.startswith("waiting") else done.stderr.splitlines()[0]
    assert first.startswith("cluster: ")
    return first.removeprefix("cluster: ")


def test_a_node_that_is_neither_real_nor_sim_is_refused(tmp_path: Path) -> None:
    assert _refused(tmp_path, "up", MCD_NODE="fake") == "MCD_NODE: there is no 'fake'. Use real or sim."


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a" * 31, "../a", "1a", "a\n", ""])
def test_a_cluster_name_that_could_be_a_path_is_refused(tmp_path: Path, name: str) -> None:
    assert "is not a cluster name" in _refused(tmp_path, "up", f"--name={name}", "--node", "sim")


def test_a_gateway_port_that_is_taken_is_refused_by_its_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = _refused(tmp_path, "up", MCD_NODE="sim", MCD_GATEWAY_PORT=str(port))
    assert said == f"port {port} of the gateway is taken by another program. Stop it or change MCD_GATEWAY_PORT."


def test_no_go_and_no_cache_is_refused(tmp_path: Path) -> None:
    # The programs of this very environment and of the system, but no Go.
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("apt-get", "docker-registry", "buildah", "crun", "skopeo", "mmdebstrap"):
        (folder / name).symlink_to(shutil.which("true") or "/bin/true")
    said = run_without_go(tmp_path / "home", folder, tmp_path / "cache")
    assert said.startswith("cluster: no Go on the PATH, and not in the cache ")


def run_without_go(home: Path, folder: Path, cache: Path) -> str:
    code = (
        "import sys, pathlib; from scripts.cluster import binaries; binaries._USUAL_GO = pathlib.Path('/nowhere'); "
        "from scripts.cluster.__main__ import main; sys.argv = ['cluster', 'build', '--node', 'sim']; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=places.CHECKOUT,
        env={"PATH": str(folder), "HOME": str(home), "MCD_CLUSTER_HOME": str(home), "MCD_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_home_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in _refused(tmp_path / "file" / "home", "up", MCD_NODE="sim")


def test_a_kubeconfig_that_is_not_there_is_refused(tmp_path: Path) -> None:
    said = _refused(tmp_path, "up", MCD_KUBECONFIG=str(tmp_path / "none"))
    assert said == f"MCD_KUBECONFIG: there is no file {tmp_path}/none. Correct it, or unset it for a local cluster."


def test_a_given_kubeconfig_starts_nothing_and_is_reported(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("{}")
    home = tmp_path / "home"
    done = run(home, "up", MCD_KUBECONFIG=str(mine))
    assert done.returncode == 0
    assert str(mine) in done.stderr
    status = json.loads(run(home, "status", "-o", "json", MCD_KUBECONFIG=str(mine)).stdout)
    assert status["given"] is True
    assert status["clusters"]["local"]["kubeconfigs"]["mcd"] == str(mine)
    assert not home.exists()


def test_the_status_of_nothing_says_how_to_start_and_exits_3(tmp_path: Path) -> None:
    done = run(tmp_path, "status")
    assert done.returncode == 3
    assert done.stdout.startswith("there is no cluster in ")
    assert json.loads(run(tmp_path, "status", "-o", "json").stdout)["running"] is False


def test_down_and_reset_of_nothing_are_no_error(tmp_path: Path) -> None:
    assert run(tmp_path, "down").returncode == 0
    assert run(tmp_path, "reset").returncode == 0
    assert run(tmp_path, "down").returncode == 0


def test_a_home_with_something_of_a_person_s_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    said = _refused(tmp_path, "up", MCD_NODE="sim")
    assert said.startswith(f"MCD_CLUSTER_HOME: {tmp_path} is not empty (thesis.txt).")
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_reset_takes_only_what_the_cluster_made(tmp_path: Path) -> None:
    for name in ("logs", "thesis"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.log").touch()
    for name in ("registry.yaml", ".state.json.4711", ".profile", "clusters.txt"):
        (tmp_path / name).touch()
    done = run(tmp_path, "reset")
    assert done.returncode == 0
    assert ".profile, clusters.txt, thesis in it stays" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == [".profile", "clusters.txt", "lock", "thesis"]
    assert (tmp_path / "thesis" / "a.log").exists()


def test_unknown_names_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    assert _refused(tmp_path, "reset", "--name", "beta").startswith("there is no cluster 'beta'")
    assert _refused(tmp_path, "env").startswith("there is no cluster 'local'")
    assert _refused(tmp_path, "logs", "kubelet").startswith("there is no log of 'kubelet'. Known: none yet")
    assert _refused(tmp_path, "postgres", "url").startswith("PostgreSQL is not running")


def test_down_works_with_a_damaged_state_file(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    assert run(tmp_path, "down").returncode == 0
    assert _refused(tmp_path, "up", MCD_NODE="sim").endswith("Delete it, or forget the cluster (reset).")
    assert run(tmp_path, "reset").returncode == 0
    assert not (tmp_path / "state.json").exists()


def test_a_real_node_without_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterProblem, match=r"needs root .* or use MCD_NODE=sim"):
        up.up(tmp_path, "local", "real", Line(io.StringIO()))
    assert list(tmp_path.iterdir()) == []


def test_a_second_home_cannot_take_the_machine_s_real_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path / "owner"
    monkeypatch.setattr(node, "_CLAIM", tmp_path / "claim")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "claim").write_text(f"{processes.boot()}\n{owner}\n")
    with pytest.raises(
        ClusterProblem, match=rf"belongs to the cluster in {owner}.*make down MCD_CLUSTER_HOME={owner}\. .*=sim"
    ):
        node.claim(tmp_path / "mine")
    (tmp_path / "claim").write_text(f"of-an-earlier-boot\n{owner}\n")
    assert node.claimed_by() is None


def test_a_full_disk_is_refused_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = type("Usage", (), {"free": 10 * 1024**2})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    with pytest.raises(ClusterProblem, match=r"10 MiB are free, this cluster needs 512 MiB\. Free some room"):
        up.up(tmp_path, "local", "sim", Line(io.StringIO()))
    assert [each.name for each in tmp_path.iterdir()] == ["lock"]
