"""The examples, run as they are: the programs of the shop really call one another, and all of them end on SIGTERM."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcd.build import dockerfile
from mcd.build.images import Sources
from tests.servers.registry import free_port

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECONDS = 10.0
# -S and -s: the standard library and nothing else.
PYTHON = [sys.executable, "-S", "-s", "-B"]


class Program:
    """One running program of an example."""

    def __init__(self, file: Path, **variables: str) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **variables}
        self.process = subprocess.Popen(
            [*PYTHON, str(file)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self) -> str:
        """Sends SIGTERM; answers what was said. Fails when the program does not end well within a moment."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, said
        assert "Traceback" not in said
        return said


@contextlib.contextmanager
def running(*programs: Program) -> Iterator[None]:
    try:
        yield
    finally:
        for one in programs:
            if one.process.poll() is None:
                one.process.kill()
                one.process.communicate()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.02)


def run(file: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, str(EXAMPLES / "shop" / file)], env=variables, capture_output=True, text=True, timeout=SECONDS
    )


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def shop(file: str, **variables: str) -> Program:
    return Program(EXAMPLES / "shop" / file, **variables)


def test_the_programs_of_the_shop_call_one_another_and_end_on_sigterm(ports: tuple[int, int]) -> None:
    at_web, at_catalog = (f"http://127.0.0.1:{port}" for port in ports)
    web = shop("web.py", PORT=str(ports[0]), CATALOG_URL=at_catalog, MCD_VERSION="v<1>")
    with running(web):
        until(lambda: get(f"{at_web}/live")[0] == 200, "web does not live")
        assert get(f"{at_web}/ready")[0] == 503, "web is ready without ever having seen the catalog"
        catalog = shop("catalog.py", PORT=str(ports[1]))
        orders = shop("orders.py", CATALOG_URL=at_catalog, SECONDS_BETWEEN="0.05")
        with running(catalog, orders):
            until(lambda: get(f"{at_web}/ready")[0] == 200, "web does not become ready")
            until(lambda: "Orders so far: 0" not in get(at_web + "/")[1], "the daemon orders nothing")
            status, page = get(at_web + "/")
            assert status == 200
            assert "<li>cup: 9</li><li>tea: 4</li>" in page
            assert "version v&lt;1&gt;" in page
            for _ in range(2):
                seeded = run("seed.py", CATALOG_URL=at_catalog)
                assert (seeded.returncode, seeded.stdout.count("seeded")) == (0, 3), seeded.stderr
            assert get(at_web + "/")[1].count("<li>") == 5
            report = run("report.py", WEB_URL=at_web)
            assert report.returncode == 0, report.stderr
            found = json.loads(report.stdout)["report"]
            assert found["products"] == 5
            assert found["orders"] > 0
            assert '"ordered": "' in orders.end()
            assert '"request": "POST /orders", "status": 201' in catalog.end()
        assert get(f"{at_web}/ready")[0] == 200, "a catalog that is away for a moment takes the page away"
        assert get(at_web + "/")[0] == 503
        assert '"ended": "SIGTERM"' in web.end()


def test_the_daemon_outlives_a_catalog_that_is_not_there() -> None:
    orders = shop("orders.py", CATALOG_URL=f"http://127.0.0.1:{free_port()}", SECONDS_BETWEEN="0.01")
    with running(orders):
        assert orders.process.stdout is not None
        assert "Connection refused" in orders.process.stdout.readline()
        orders.end()


@pytest.mark.parametrize("file", ["report.py", "seed.py"])
def test_a_run_that_finds_nobody_fails_in_one_line(file: str) -> None:
    at = f"http://127.0.0.1:{free_port()}"
    done = run(file, WEB_URL=at, CATALOG_URL=at)
    assert done.returncode == 1
    assert done.stderr.startswith(at)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"name": 1, "price": 2}', b'{"name": "x", "price": -1}', b'{"product": "gone"}', b"x" * 70000],
)
def test_the_catalog_refuses_what_is_no_product_and_no_order(ports: tuple[int, int], body: bytes) -> None:
    at = f"http://127.0.0.1:{ports[1]}"
    catalog = shop("catalog.py", PORT=str(ports[1]))
    with running(catalog):
        until(lambda: get(f"{at}/ready")[0] == 200, "the catalog does not start")
        for path in ("/products", "/orders"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(urllib.request.Request(at + path, body), timeout=3)
            assert caught.value.code == 422
            caught.value.close()
        assert json.loads(get(f"{at}/orders")[1])["count"] == 0
        catalog.end()


def test_hello_says_hello_and_ends_on_sigterm() -> None:
    port = free_port()
    hello = Program(EXAMPLES / "hello" / "app.py", PORT=str(port))
    with running(hello):
        until(lambda: get(f"http://127.0.0.1:{port}/healthz")[0] == 200, "hello does not start")
        assert get(f"http://127.0.0.1:{port}/") == (200, "Hello from MCD\n")
        assert get(f"http://127.0.0.1:{port}/else")[0] == 404
        hello.end()


@pytest.mark.parametrize("name", ["hello", "shop", "gpu"])
def test_every_example_is_valid(name: str) -> None:
    command = [str(Path(sys.executable).with_name("mcd")), "validate", str(EXAMPLES / name / "app.yaml"), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["errors"] == 0, found
    assert {problem["code"] for file in found["files"] for problem in file["problems"]} <= {"gpu.unchecked"}


@pytest.mark.parametrize("name", ["hello", "shop"])
def test_every_dockerfile_builds_on_our_base_as_our_user(name: str) -> None:
    text = (EXAMPLES / name / "Dockerfile").read_text()
    stages = dockerfile.stages(dockerfile.read(text), {})
    assert [Sources("r:5").resolve(use) for use in dockerfile.uses(stages)] == ["r:5/base/python3.11"]
    assert "USER 10001" in text


def test_every_name_that_the_shop_calls_is_a_component_of_its_own() -> None:
    text = (EXAMPLES / "shop" / "app.yaml").read_text()
    called = re.findall(r"http://shop-([a-z]+)(?::(\d+))?", text)
    assert set(called) == {("catalog", "8000"), ("web", "")}
    assert "catalog:\n    type: service\n    ports: {http: 8000}" in text
