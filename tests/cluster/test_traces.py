"""What the real node leaves outside its home is taken away again, and nothing that was there before or is used."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster import processes, traces


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's folders, with a cgroup tree as version 1 has them."""
    for name, place in (
        ("_CONTAINERD", "run/c"),
        ("_KUBELET", "kubelet"),
        ("_CNI", "cni"),
        ("_LOGS", "log/containers"),
    ):
        monkeypatch.setattr(traces, name, tmp_path / place)
    monkeypatch.setattr(traces, "_CGROUPS", tmp_path / "cgroup")
    for folder in ("run", "log", "cgroup/cpu", "home/node/pod-logs/x"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cgroup/cpu/cgroup.procs").touch()
    return tmp_path


@pytest.fixture
def ran(machine: Path) -> Iterator[Path]:
    """A node that ran and was killed."""
    traces.note(machine / "home")
    _used(machine, "ours")
    return machine


def _used(machine: Path, who: str) -> None:
    for folder in (
        "run/c/s",
        "kubelet/device-plugins",
        "cni/results",
        "log/containers",
        "cgroup/cpu/kubepods/burstable",
    ):
        (machine / folder).mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(machine / "run/c/s" / who))
    (machine / "kubelet/device-plugins/kubelet_internal_checkpoint").touch()
    (machine / f"cni/results/mcd-{who}-eth0").write_text(json.dumps({"networkName": "mcd"}))
    (machine / f"log/containers/{who}.log").symlink_to(machine / "home/node/pod-logs/x/0.log")


def test_everything_that_the_node_made_is_gone(ran: Path) -> None:
    assert traces.remove(ran / "home") == []
    assert sorted(str(each.relative_to(ran)) for each in ran.rglob("*")) == [
        "cgroup", "cgroup/cpu", "cgroup/cpu/cgroup.procs", "home", "home/node", "home/node/pod-logs",
        "home/node/pod-logs/x", "log", "run",
    ]  # fmt: skip


def test_a_second_start_does_not_make_it_somebody_else_s(ran: Path) -> None:
    traces.note(ran / "home")
    assert traces.remove(ran / "home") == []
    assert not (ran / "kubelet").exists()


def test_what_was_there_before_stays(machine: Path) -> None:
    _used(machine, "theirs")
    (machine / "log/containers/theirs.log").unlink()
    before = sorted(machine.rglob("*"))
    traces.note(machine / "home")
    assert traces.remove(machine / "home") == []
    assert sorted(machine.rglob("*")) == before


def test_what_somebody_else_put_there_since_stays_and_is_named(ran: Path) -> None:
    (ran / "kubelet/config.yaml").touch()
    (ran / "cni/results/podman-x").write_text(json.dumps({"networkName": "podman"}))
    (ran / "log/containers/other.log").symlink_to("/var/log/pods/other/0.log")
    (ran / "cgroup/cpu/kubepods/burstable/tasks").touch()  # as a cgroup that holds a process: it cannot be removed
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(ran / "run/c/s/live"))
        live.listen()
        left = traces.remove(ran / "home")
    assert left == sorted(
        str(ran / each) for each in ("run/c", "kubelet", "cni", "log/containers", "cgroup/cpu/kubepods")
    )
    assert [each.name for each in (ran / "run/c/s").iterdir()] == ["live"]
    assert [each.name for each in (ran / "log/containers").iterdir()] == ["other.log"]
    assert [each.name for each in (ran / "cni/results").iterdir()] == ["podman-x"]
    assert (ran / "kubelet/config.yaml").exists()


def test_after_a_reboot_what_lies_in_memory_is_somebody_else_s(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "boot", lambda: "another")
    traces.remove(ran / "home")
    assert (ran / "run/c/s/ours").exists()
    assert (ran / "cgroup/cpu/kubepods").exists()
    assert not (ran / "kubelet").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"/": "x", "/etc": "x"}', '{"/usr/lib": ""}'])
def test_a_damaged_note_takes_nothing_away(machine: Path, text: str) -> None:
    _used(machine, "theirs")
    (machine / "log/containers/theirs.log").unlink()
    (machine / "home/node/made.json").write_text(text)
    assert traces.remove(machine / "home") == []
    assert (machine / "kubelet/device-plugins/kubelet_internal_checkpoint").exists()
