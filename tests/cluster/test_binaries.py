"""Building: once, resumed, alone, with a line for every refusal. A small program stands for Go."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cluster import binaries, places, processes
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MCD_CACHE", str(folder))
    return folder


def _stub_go(folder: Path, build: str, version: str = "go1.99.0") -> Path:
    """A `go`: says its version, downloads nothing, and builds by a line of shell with the target as $out."""
    go = folder / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        f"""#!/bin/sh
case "$1" in
env) echo {version} ;;
mod) ;;
build) echo "$@" >> {folder}/builds
  while [ "$1" != -o ]; do shift; done; out=$2
  {build} ;;
esac
"""
    )
    go.chmod(go.stat().st_mode | stat.S_IXUSR)
    return go


def _line() -> tuple[Line, io.StringIO]:
    stream = io.StringIO()
    return Line(stream), stream


def _use(monkeypatch: pytest.MonkeyPatch, go: Path) -> None:
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")


def test_each_tool_pins_one_version_and_names_no_host_of_a_registry() -> None:
    for program in binaries.PROGRAMS:
        assert re.fullmatch(r"v\d+\.\d+\.\d+", binaries.version(program.tool))
    for file in places.MODULES.rglob("go.*"):
        assert "://" not in re.sub(r"(?m)^//.*$", "", file.read_text())


def test_all_kubernetes_modules_have_the_version_of_kubernetes() -> None:
    text = (places.MODULES / "kubernetes" / "go.mod").read_text()
    replaced = dict(re.findall(r"^\s+(k8s\.io/\S+) => \S+ (v\S+)$", text, re.MULTILINE))
    assert len(replaced) == 33
    assert set(replaced.values()) == {binaries.version("kubernetes").replace("v1.", "v0.", 1)}


def test_what_is_in_the_cache_is_not_built_again(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, _stub_go(tmp_path, 'echo program > "$out"'))
    line, _ = _line()
    binaries.build(("etcd", "kwok"), line)
    binaries.build(("etcd", "kwok"), line)
    assert len((tmp_path / "builds").read_text().splitlines()) == 2
    assert binaries.missing(("etcd", "kwok")) == ()


def test_a_whole_cache_needs_no_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries.path("etcd").parent.mkdir(parents=True)
    binaries.path("etcd").write_text("program")
    monkeypatch.setenv("PATH", "")
    line, _ = _line()
    binaries.build(("etcd",), line)


def test_no_go_is_said_with_what_is_missing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binaries, "_USUAL_GO", Path("/nowhere/go"))
    line, _ = _line()
    with pytest.raises(ClusterProblem, match=r"no Go on the PATH.*etcd, kwok.*Install Go"):
        binaries.build(("etcd", "kwok"), line)


def test_an_old_go_is_refused_before_anything_is_built(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, _stub_go(tmp_path, 'echo program > "$out"', version="go1.19.8"))
    line, _ = _line()
    with pytest.raises(ClusterProblem, match=r"Go 1\.24\.0 or newer is needed to build etcd; .* is go1\.19\.8"):
        binaries.build(("etcd",), line)
    assert not (tmp_path / "builds").exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("dial tcp: lookup proxy.example: no such host", "no network, or no Go module proxy"),
        ("write /x: no space left on device", "the disk is full"),
        ("x.go:1:1: syntax error", "its last lines follow"),
    ],
)
def test_a_failed_build_says_why_and_leaves_nothing_in_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: str
) -> None:
    _use(monkeypatch, _stub_go(tmp_path, f'echo half > "$out"; echo "{said}" >&2; exit 1'))
    line, _ = _line()
    with pytest.raises(ClusterProblem, match=expected) as caught:
        binaries.build(("etcd",), line)
    assert said in caught.value.detail
    assert [each.name for each in binaries.path("etcd").parent.iterdir()] == [".lock"]


def test_a_full_disk_is_refused_before_anything_is_built(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, _stub_go(tmp_path, 'echo program > "$out"'))
    monkeypatch.setattr(binaries, "_ROOM_BYTES", 1024**5)
    line, _ = _line()
    with pytest.raises(ClusterProblem, match="GiB are free, building 1 programs needs"):
        binaries.build(("etcd",), line)
    assert not (tmp_path / "builds").exists()


def _build_in_another_process(names: str) -> subprocess.Popen[str]:
    code = (
        "from scripts.cluster import binaries; from scripts.cluster.progress import Line; "
        f"binaries.build({tuple(names.split())!r}, Line())"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=_ROOT, stderr=subprocess.PIPE, text=True)


def test_a_build_killed_in_the_middle_is_gone_and_is_resumed_with_what_is_missing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = f'echo half > "$out"; if [ -e {tmp_path}/slow ]; then echo $$ > {tmp_path}/pid; exec sleep 1000; fi'
    _use(monkeypatch, _stub_go(tmp_path, slow))
    line, _ = _line()
    binaries.build(("etcd",), line)
    (tmp_path / "slow").touch()
    builder = _build_in_another_process("etcd kwok")
    processes.wait_until("the build", lambda: "" if (tmp_path / "pid").is_file() else "no pid", 20)
    processes.wait_until("its pid", lambda: "" if (tmp_path / "pid").read_text().strip() else "no pid", 20)
    go = processes.identity(int((tmp_path / "pid").read_text()))
    assert go is not None
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    processes.wait_until("Go to end with its parent", lambda: "" if processes.identity(go.pid) != go else "runs", 10)
    assert not binaries.path("kwok").exists()

    (tmp_path / "slow").unlink()
    binaries.build(("etcd", "kwok"), line)
    built = [line.split()[-1] for line in (tmp_path / "builds").read_text().splitlines()]
    assert built == ["go.etcd.io/etcd/server/v3", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok/cmd/kwok"]
    assert sorted(each.name for each in binaries.path("kwok").parent.iterdir()) == [".lock", "kwok"]


def test_two_builders_build_one_program_once_and_the_second_says_that_it_waits(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = f'touch {tmp_path}/begun; while [ ! -e {tmp_path}/go-on ]; do sleep 0.05; done; echo program > "$out"'
    _use(monkeypatch, _stub_go(tmp_path, waiting))
    first = _build_in_another_process("etcd")
    processes.wait_until("the first build", lambda: "" if (tmp_path / "begun").exists() else "not begun", 20)
    second = _build_in_another_process("etcd")
    assert second.stderr is not None
    said = second.stderr.readline()
    (tmp_path / "go-on").touch()
    assert [first.wait(20), second.wait(20)] == [0, 0]
    for each in (first, second):
        each.communicate()
    assert "waiting for another process that builds etcd" in said
    assert len((tmp_path / "builds").read_text().splitlines()) == 1


def test_progress_says_what_how_far_and_how_long(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, _stub_go(tmp_path, 'echo program > "$out"'))
    line, stream = _line()
    binaries.build(("etcd", "kwok"), line)
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r"building etcd v[\d.]+ \(1 of 2\): usually \d+s", lines[0])
    assert re.fullmatch(r"built etcd v[\d.]+ in \d+s", lines[1])
    assert lines[2].startswith("building kwok")
