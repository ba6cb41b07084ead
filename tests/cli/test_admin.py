"""`mcd admin`, as an operator types it, on a database of its own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Mcd, Ran, here
from tests.servers.registry import free_port

__all__ = ["here"]

Admin = Callable[..., Ran]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"MCD_DATA": str(tmp_path / "data")}


@pytest.fixture
def run(here: Mcd) -> Admin:
    def call(environment: dict[str, str], *words: str) -> Ran:
        return here("admin", *words, env=environment)

    return call


def test_a_fresh_installation_is_set_up_and_again_without_harm(run: Admin, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "mcd", "admin", "migrate"]
    first = subprocess.run(command, env={**environment, "PATH": "/usr/bin:/bin"}, check=False, timeout=60)
    assert first.returncode == 0
    keys = Path(environment["MCD_DATA"], "keys.json")
    before = keys.read_text()
    assert keys.stat().st_mode & 0o777 == 0o600
    assert run(environment, "migrate").code == 0
    assert keys.read_text() == before


def test_the_password_of_an_admin_is_printed_once_and_nothing_else(run: Admin, environment: dict[str, str]) -> None:
    run(environment, "migrate")
    made = run(environment, "create-admin", "alice")
    assert made.code == 0
    assert len(made.out.strip()) >= 12
    assert made.out.count("\n") == 1


def test_a_rotation_adds_a_key_and_seals_again(run: Admin, environment: dict[str, str]) -> None:
    run(environment, "migrate")
    keys = Path(environment["MCD_DATA"], "keys.json")
    old = list(json.loads(keys.read_text()))
    added = run(environment, "add-key")
    assert added.code == 0
    assert list(json.loads(keys.read_text()))[1:] == old
    sealed = run(environment, "seal-again")
    assert sealed.code == 0, sealed.err
    assert old[0] in sealed.out


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MCD_LISTEN", "nowhere", "MCD_LISTEN"),
        ("MCD_WORKERS", "0", "MCD_WORKERS"),
        ("MCD_DATABASE_URL", "mysql://user:hunter2@db/mcd", "MCD_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_not_its_value(
    run: Admin, environment: dict[str, str], variable: str, value: str, said: str
) -> None:
    answer = run({**environment, variable: value}, "migrate")
    assert answer.code == 2
    assert said in answer.err
    assert "hunter2" not in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(run: Admin, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = run({**environment, "MCD_DATA": str(tmp_path / "file" / "data")}, "migrate")
    assert answer.code == 6
    assert len(answer.err.strip().splitlines()) == 1


def test_serving_without_tables_says_what_to_run(run: Admin, here: Mcd, environment: dict[str, str]) -> None:
    run(environment, "migrate")
    Path(environment["MCD_DATA"], "mcd.db").unlink()
    answer = here("serve", env=environment | {"MCD_LISTEN": f"127.0.0.1:{free_port()}"})
    assert answer.code == 6
    # Who starts it may know where.
    assert f"mcd: {environment['MCD_DATA']}/mcd.db: the database does not have the tables" in answer.err
    assert "mcd admin migrate" in answer.err


def test_a_lost_key_ring_is_not_replaced_while_values_are_sealed_with_it(
    run: Admin, environment: dict[str, str]
) -> None:
    run(environment, "migrate")
    data = Path(environment["MCD_DATA"])
    with sqlite3.connect(data / "mcd.db") as database:
        database.execute(
            "INSERT INTO secret (owner_id, name, version, key, owner, key_id, nonce, sealed, created_at, created_by)"
            " VALUES ('c', 'n', 1, 'k', 'cluster', 'k1234', x'00', x'00', '2026-05-03 10:00:00.000000', 'a')"
        )
    database.close()
    (data / "keys.json").unlink()
    answer = run(environment, "migrate")
    assert answer.code == 6
    assert "k1234" in answer.err
    assert not (data / "keys.json").exists()


@pytest.mark.parametrize("words", [("repositories",), ("seal-again",), ("create-admin", "eve")])
@pytest.mark.parametrize("there", ["nothing", "an empty folder", "the folder above it", "an empty file"])
def test_a_folder_without_an_installation_is_named_and_left_as_it_is(
    run: Admin, environment: dict[str, str], tmp_path: Path, there: str, words: tuple[str, ...]
) -> None:
    """SQLite would make the file, and the answer would be to migrate the wrong folder."""
    data = Path(environment["MCD_DATA"])
    if there == "the folder above it":
        run({"MCD_DATA": str(data / "data")}, "migrate")
    elif there != "nothing":
        data.mkdir()
    if there == "an empty file":
        (data / "mcd.db").touch()
    before = sorted(tmp_path.rglob("*"))
    answer = run(environment, *words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert f"{data}: no data of MCD" in answer.err
    assert "Set MCD_DATA to the folder of your `mcd serve`" in answer.err
    assert ".local/mcd/data" in answer.err
    assert sorted(tmp_path.rglob("*")) == before


def test_without_mcd_data_the_default_folder_is_named(run: Admin, tmp_path: Path) -> None:
    answer = run({"HOME": str(tmp_path)}, "repositories")
    assert answer.code == 2
    assert f"{tmp_path}/.local/share/mcd: no data of MCD" in answer.err
    assert "MCD_DATA is not set" in answer.err


def test_repositories_beside_a_database_elsewhere_need_their_folder(run: Admin, environment: dict[str, str]) -> None:
    environment["MCD_DATABASE_URL"] = f"sqlite:///{environment['MCD_DATA']}-db"
    assert run(environment, "migrate").code == 0
    assert "Nothing was removed." in run(environment, "repositories").out
    answer = run({**environment, "MCD_DATA": f"{environment['MCD_DATA']}-not"}, "repositories")
    assert (answer.code, answer.out) == (2, "")
    assert "there is no such folder" in answer.err
