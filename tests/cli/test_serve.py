"""`mcd serve` with an address that it cannot have: one line that says which setting, and nothing is begun."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mcd.cli.installation import read_environment
from mcd.errors import Code, McdError

SETTINGS = [("MCD_LISTEN", "api"), ("MCD_METRICS_LISTEN", "controllers")]

NO_ADDRESS = ["nowhere", ":7070", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:70 70", " :80", "::1:80",
              "127.0.0.1:²", "127.0.0.1:٣", "127.0.0.1:080", "http://x:80", "\x1b[2J:80"]  # fmt: skip
NO_PORT = ["127.0.0.1:65536", "127.0.0.1:99999", "[::1]:70000"]


def serve(tmp_path: Path, variable: str, half: str, value: str) -> tuple[int, str]:
    """Exit code, and what was said."""
    environment = {"MCD_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), variable: value}
    command = [sys.executable, "-m", "mcd", "serve", half]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()
    return done.returncode, done.stderr


@pytest.mark.parametrize(("variable", "half"), SETTINGS)
def test_a_bad_address_is_one_line_and_wrong_usage(tmp_path: Path, variable: str, half: str) -> None:
    said = f"mcd: {variable}: 99999 is not a port. Use 1 to 65535, or 0 for a free one. Set it right and start again.\n"
    assert serve(tmp_path, variable, half, "127.0.0.1:99999") == (2, said)
    said = (
        f"mcd: {variable}: 192.0.2.1 is no address of this machine. Use one that it has, for example 127.0.0.1:7070.\n"
    )
    assert serve(tmp_path, variable, half, "192.0.2.1:7070") == (2, said)


@pytest.mark.parametrize("variable", [variable for variable, _ in SETTINGS])
def test_every_other_text_is_no_address(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (*NO_ADDRESS, *NO_PORT):
        monkeypatch.setenv(variable, value)
        with pytest.raises(McdError) as refused:
            read_environment()
        assert refused.value.code is Code.INVALID
        shown = ascii(value) + " is not an address. Write" if value in NO_ADDRESS else " is not a port. Use"
        assert shown in refused.value.message
        assert str(refused.value).isprintable()
        assert ".." not in str(refused.value)


@pytest.mark.parametrize("value", ["127.0.0.1:0", "0.0.0.0:7070", "[::1]:65535", "mcd-api.internal:80"])
def test_addresses_of_every_kind_are_taken(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCD_LISTEN", value)
    assert read_environment().listen == value


@pytest.mark.parametrize(("variable", "half"), SETTINGS)
def test_a_port_that_is_taken_is_one_line_and_may_be_free_later(tmp_path: Path, variable: str, half: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = serve(tmp_path, variable, half, address)
    assert code == 6
    assert (
        said == f"mcd: {address} is taken by another program. Stop that program, or set {variable} to another port.\n"
    )


def test_controllers_alone_read_nothing_of_the_api_nor_what_they_do_not_use() -> None:
    """Each of these is megabytes, for as long as the process lives."""
    unused = ("mcd.api", "fastapi", "alembic", "kubernetes", "requests")
    told = f"import sys, mcd.cli.serve; print([m for m in sys.modules if m.startswith({unused})])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
