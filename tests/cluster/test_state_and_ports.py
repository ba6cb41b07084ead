"""The state file, the ports and the progress lines: what is remembered, refused and said."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest

from scripts.cluster import layout, ports, progress, state
from scripts.cluster.problems import ClusterProblem, masked
from scripts.cluster.progress import Line


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    saved = state.State("sim", ["local", "beta"], {"etcd": 20001}, {"local/base": "abc"})
    state.save(tmp_path, saved)
    assert state.load(tmp_path) == saved


def test_a_home_without_state_is_an_empty_one(tmp_path: Path) -> None:
    assert state.load(tmp_path) == state.State()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1, "ports": []}', '{"format": 1}'])
def test_a_damaged_state_file_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ClusterProblem, match=r"state\.json.*reset"):
        state.load(tmp_path)


def test_a_secret_file_is_for_its_owner_only(tmp_path: Path) -> None:
    state.write(tmp_path / "tokens.csv", "secret\n")
    assert (tmp_path / "tokens.csv").stat().st_mode & 0o777 == 0o600


def test_writing_the_same_text_again_does_not_touch_the_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert state.write(file, "one\n")
    before = file.stat().st_ino
    assert not state.write(file, "one\n")
    assert file.stat().st_ino == before
    assert state.write(file, "two\n")


def test_a_file_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("not a folder")
    with pytest.raises(ClusterProblem, match="cannot be written"):
        state.write(tmp_path / "folder" / "file", "text")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_remembered_port_stays() -> None:
    port = ports.chosen("etcd", None, set())
    assert ports.chosen("etcd", port, set()) == port


def test_picked_ports_are_outside_the_range_of_clients_and_of_node_ports() -> None:
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports.chosen("etcd", None, set()) for _ in range(50)) < min(first_of_clients, 30000)


@pytest.mark.parametrize("name", ["gateway", "registry", "local/api"])
def test_a_known_address_is_never_changed_silently(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(ClusterProblem, match=f"port {taken} of the {name} is taken"):
            ports.chosen(name, taken, set())


def test_a_port_that_only_we_know_is_picked_anew_when_it_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert ports.chosen("etcd", taken, set()) != taken


def test_a_given_port_that_is_taken_or_no_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("MCD_GATEWAY_PORT", str(other.getsockname()[1]))
        with pytest.raises(ClusterProblem, match="is taken by another program"):
            ports.chosen("gateway", None, set())
    for wrong in ("0", "65536", "http", "-1", "８０"):
        monkeypatch.setenv("MCD_GATEWAY_PORT", wrong)
        with pytest.raises(ClusterProblem, match=r"is not a port\. Use 1 to 65535"):
            ports.chosen("gateway", None, set())


def test_every_port_has_a_component_that_listens_on_it() -> None:
    names = {*layout.SHARED_PORTS, *layout.ports_of("local", "real"), *layout.ports_of("beta", "sim")}
    owners = {name: layout.owner_of(name) for name in names}
    assert owners["local/api"] == "local/kube-apiserver"
    assert owners["beta/kwok"] == "beta/kwok"
    assert owners["gateway"] == "local/traefik"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.4, "59s"), (60, "1m00s"), (80, "1m20s"), (3599.7, "1h00m"), (7500, "2h05m")]
)
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert progress.spoken(seconds) == text


def test_remaining_time_follows_the_pace_and_never_runs_out_before_the_work() -> None:
    assert progress.remaining(100, 40, 200, 1.0) == 260
    assert progress.remaining(100, 40, 200, 2.0) == 560
    assert progress.remaining(100, 1000, 0, 1.0) == 10


def test_a_log_gets_a_progress_line_now_and_then_and_no_control_characters() -> None:
    now = [0.0]
    stream = io.StringIO()
    line = Line(stream, lambda: now[0])
    for _ in range(100):
        line.show("building")
        now[0] += 1
    line.say("built")
    assert stream.getvalue().splitlines() == ["building"] * 5 + ["built"]


def test_a_terminal_gets_one_line_that_is_rewritten() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    now = [0.0]
    stream = Terminal()
    line = Line(stream, lambda: now[0])
    for step in range(3):
        line.show(f"step {step}")
        now[0] += 1
    line.say("built")
    assert stream.getvalue() == "\r\x1b[Kstep 0\r\x1b[Kstep 1\r\x1b[Kstep 2\r\x1b[Kbuilt\n"


def test_the_password_of_a_package_proxy_is_in_no_message() -> None:
    assert masked("GOPROXY=https://me:s3cret@proxy.example/x") == "GOPROXY=https://***@proxy.example/x"
    assert "s3cret" not in str(ClusterProblem("https://me:s3cret@proxy.example: refused"))
    assert "s3cret" not in str(ClusterProblem("no", ("get https://me:s3cret@proxy.example",)).detail)
