"""Starting, recognising and stopping processes: never somebody else's, never twice, never one left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster import processes
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.processes import Component

_SLEEP = ("sleep", "1000")


def _component(name: str = "local/sleeper", command: tuple[str, ...] = _SLEEP, missing: str = "") -> Component:
    return Component(name, command, lambda: missing, ready_seconds=0.3, stop_seconds=2)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for name in processes.names(tmp_path):
        processes.stop(tmp_path, name, 1)


def _pid(home: Path, name: str = "local/sleeper") -> int:
    live = processes.running(home, name)
    assert live is not None
    return live.pid


def test_a_second_start_changes_nothing(home: Path) -> None:
    assert processes.start(home, _component())
    first = _pid(home)
    assert not processes.start(home, _component())
    assert _pid(home) == first


def test_another_command_line_restarts_the_component(home: Path) -> None:
    processes.start(home, _component())
    first = processes.running(home, "local/sleeper")
    assert first is not None
    assert processes.start(home, _component(command=("sleep", "1001")))
    assert _pid(home) != first.pid
    assert processes.identity(first.pid, first.fingerprint) != first


def test_a_changed_file_restarts_the_component(home: Path) -> None:
    config = home / "config"
    config.write_text("one")
    component = Component("local/sleeper", _SLEEP, lambda: "", files=(config,))
    processes.start(home, component)
    first = _pid(home)
    assert not processes.start(home, component)
    config.write_text("two")
    assert processes.start(home, component)
    assert _pid(home) != first


def test_a_component_that_died_is_started_again(home: Path) -> None:
    processes.start(home, _component())
    first = _pid(home)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    assert processes.running(home, "local/sleeper") is None
    assert processes.start(home, _component())
    assert _pid(home) != first


def test_a_pid_that_now_is_somebody_else_is_neither_taken_for_ours_nor_killed(home: Path) -> None:
    stranger = subprocess.Popen(_SLEEP)
    try:
        # As if this test's own process had been ours once, and its pid were the stranger's now.
        mine = processes.identity(os.getpid())
        theirs = processes.identity(stranger.pid)
        assert mine is not None
        assert theirs is not None
        file = processes.pid_file(home, "local/sleeper")
        file.parent.mkdir(parents=True)
        earlier = f"{theirs.pid} {mine.started} {theirs.boot} x"
        for text in (earlier, f"{theirs.pid} {theirs.started} another-boot x"):
            file.write_text(text)
            assert not processes.stop(home, "local/sleeper", 0.1)
            assert not file.exists()
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("text", ["", "x", "1 2 3", "a b c d", "1 2 3 4 5"])
def test_a_damaged_pid_file_is_removed(home: Path, text: str) -> None:
    file = processes.pid_file(home, "etcd")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert processes.running(home, "etcd") is None
    assert not file.exists()


def test_a_program_that_ignores_sigterm_is_killed(home: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
    )
    processes.start(home, _component(command=(sys.executable, "-c", stubborn)))
    processes.wait_until("the start", lambda: "" if processes.tail(home, "local/sleeper") else "no line", 10)
    live = processes.running(home, "local/sleeper")
    assert live is not None
    assert processes.stop(home, "local/sleeper", 0.2)
    assert processes.identity(live.pid, live.fingerprint) != live


def test_a_person_s_environment_does_not_reach_the_component(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere")
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    processes.start(home, Component("env", ("sleep", "1000"), lambda: "", {"ONLY": "this"}))
    names = {each.split(b"=")[0] for each in Path(f"/proc/{_pid(home, 'env')}/environ").read_bytes().split(b"\0")}
    assert names & {b"KUBECONFIG", b"MY_TOKEN"} == set()
    assert b"ONLY" in names


def test_what_is_not_ready_in_time_is_said_with_the_last_lines_of_its_log(home: Path) -> None:
    talking = ("sh", "-c", "for n in 1 2 3 4 5 6 7; do echo line $n; done; exec sleep 1000")
    component = _component(command=talking, missing="no answer")
    processes.start(home, component)
    with pytest.raises(ClusterProblem, match=r"not ready after 0 s: no answer") as caught:
        processes.wait_ready(home, component)
    assert caught.value.detail == ("line 3", "line 4", "line 5", "line 6", "line 7")


def test_what_ends_while_it_starts_is_not_waited_for(home: Path) -> None:
    component = Component("etcd", ("sh", "-c", "echo bad flag; exit 1"), lambda: "no answer", ready_seconds=600)
    processes.start(home, component)
    with pytest.raises(ClusterProblem, match="etcd ended while it was starting") as caught:
        processes.wait_ready(home, component)
    assert caught.value.detail == ("bad flag",)


def test_a_program_that_is_not_there_is_one_line(home: Path) -> None:
    with pytest.raises(ClusterProblem, match="etcd: cannot be started"):
        processes.start(home, _component("etcd", ("/nowhere/etcd",)))
    assert processes.running(home, "etcd") is None


def test_a_stack_trace_is_left_out_of_the_last_lines(home: Path) -> None:
    log = processes.log_file(home, "etcd")
    log.parent.mkdir()
    log.write_text(
        """{"level":"fatal","msg":"discovery failed","error":"no space left on device"}
panic: cannot write: no space left on device

goroutine 1 [running]:
go.etcd.io/etcd/server/v3/etcdmain.Main({0x3dcfd5b08120, 0x12, 0x12})
\tgo.etcd.io/etcd/server/v3@v3.6.8/etcdmain/main.go:40 +0xf3
main.main()
\tgo.etcd.io/etcd/server/v3@v3.6.8/main.go:31 +0x28
"""
    )
    told = processes.tail(home, "etcd")
    assert [each.split(":")[0] for each in told] == ['{"level"', "panic"]
