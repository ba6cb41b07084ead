"""Git's credential helper: the token of the server that git talks to, and of no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcd.cli.contexts import Context, remember


@pytest.fixture
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("MCD_CONFIG_HOME", str(tmp_path))
    for name in ("MCD_SERVER", "MCD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    remember(Context("here", "http://127.0.0.1:7070", "mcd_pat_one", "li"))
    return {"MCD_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}


def ask(environment: dict[str, str], action: str, question: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mcd", "credential", action]
    return subprocess.run(
        command, input=question, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_git_gets_the_token_of_the_server_that_it_asks_for(signed_in: dict[str, str]) -> None:
    answer = ask(signed_in, "get", "protocol=http\nhost=127.0.0.1:7070\n\n")
    assert answer.stdout == "username=mcd\npassword=mcd_pat_one\n"


@pytest.mark.parametrize(
    "question", ["protocol=http\nhost=127.0.0.1:7071\n", "protocol=https\nhost=127.0.0.1:7070\n", "x\n", ""]
)
def test_no_other_server_gets_the_token(signed_in: dict[str, str], question: str) -> None:
    answer = ask(signed_in, "get", question)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_what_git_wants_to_store_is_not_kept(signed_in: dict[str, str], tmp_path: Path) -> None:
    before = (tmp_path / "contexts.json").read_text()
    answer = ask(signed_in, "store", "protocol=http\nhost=127.0.0.1:7070\nusername=a\npassword=evil\n\n")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert (tmp_path / "contexts.json").read_text() == before
