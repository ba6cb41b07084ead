"""Logs, commands in pods and events, by the command against the real application."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.cli.conftest import Mcd, Platform, data, signed_in


def pod_of(dora: Mcd, platform: Platform, app: str) -> str:
    return next(ref.name for ref in platform.world.kube.objects() if ref.kind == "Pod" and ref.name.startswith(app))


def test_logs_are_shown_with_their_pod_and_limited(dora: Mcd, platform: Platform) -> None:
    platform.deployed("teller")
    pod = pod_of(dora, platform, "teller")
    platform.world.kube.set_logs("demo", pod, "web", [b"one", "zwei \u00fc".encode(), b"\x1b[31mthree"])
    told = dora("logs", "teller")
    assert told.out == f"{pod} web one\n{pod} web zwei ü\n{pod} web \x1b[31mthree\n", (
        "a pipe gets the bytes as they were"
    )
    assert dora("logs", "teller/web", "--pod", pod, "--tail", "1").out == "\x1b[31mthree\n"
    told = dora("logs", "teller/nothing")
    assert (told.code, told.err.count("\n")) == (3, 1)
    vera = signed_in(dora, platform, "vera")
    assert vera("logs", "teller").code == 4


def test_the_exit_code_of_a_command_in_a_pod_is_the_exit_code(dora: Mcd, platform: Platform) -> None:
    platform.deployed("runner")
    asked: list[list[str]] = []

    def answer(command: object) -> tuple[bytes, bytes, int]:
        asked.append(list(command))  # type: ignore[call-overload]
        return b"out\xff\n", b"err\n", 7

    platform.world.kube.set_commands(answer)
    process = subprocess.run(
        [sys.executable, "-m", "mcd", "exec", "runner/web", "--", "prog", "-a", "--wait", "--", "x y"],
        env={**os.environ, "MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens["dora"]},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (process.returncode, process.stdout, process.stderr) == (7, b"out\xff\n", b"err\n")
    assert asked == [["prog", "-a", "--wait", "--", "x y"]]
    told = signed_in(dora, platform, "vera")("exec", "runner", "--", "id")
    assert (told.code, told.err.count("\n")) == (4, 1)
    assert dora("exec", "never-was", "--", "id").code == 3


def test_events_are_listed_oldest_first_and_followed(dora: Mcd, platform: Platform) -> None:
    platform.deployed("heard")
    told = dora("events", "heard", "-o", "json")
    numbers = [i["sequence"] for i in data(told)["items"]]  # type: ignore[attr-defined]
    assert numbers == sorted(numbers)
    env = {**os.environ, "MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens["dora"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "mcd", "events", "heard", "-f"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    for _ in numbers:
        process.stdout.readline()
    platform.inside(
        lambda: platform.world.push("appname: heard\ncomponents:\n  web: {type: web, image: 'r.test/x:9'}\n", "heard")
    )
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert " pushed " in line
    assert process.returncode == 130


def test_who_reads_no_further_ends_what_is_shown_and_blames_nobody(dora: Mcd, platform: Platform) -> None:
    """`mcd logs | head -1`."""
    platform.deployed("headed")
    platform.world.kube.set_logs("demo", pod_of(dora, platform, "headed"), "web", [b"x" * 1000] * 1000)
    with subprocess.Popen(
        [sys.executable, "-m", "mcd", "logs", "headed"],
        env={**os.environ, "MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens["dora"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == ("", 1)


def test_where_nothing_ended_one_line_says_so(dora: Mcd, platform: Platform) -> None:
    platform.deployed("lasting")
    told = dora("logs", "lasting", "--previous")
    assert (told.code, told.out) == (3, "")
    assert "no pod of lasting has a container that ended before. See `mcd status lasting`." in told.err
