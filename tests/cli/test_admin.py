"""`mcd admin`, as an operator types it, on a database of its own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ADMIN = [sys.executable, "-m", "mcd", "admin"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"MCD_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}


def run(environment: dict[str, str], *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [*ADMIN, *words]
    return subprocess.run(
        command, env=environment, input=given, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_fresh_installation_is_set_up_and_again_without_harm(environment: dict[str, str]) -> None:
    assert run(environment, "migrate").returncode == 0
    keys = Path(environment["MCD_DATA"], "keys.json")
    before = keys.read_text()
    assert keys.stat().st_mode & 0o777 == 0o600
    assert run(environment, "migrate").returncode == 0
    assert keys.read_text() == before


def test_the_password_of_an_admin_is_printed_once_and_nothing_else(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    made = run(environment, "create-admin", "alice")
    assert made.returncode == 0
    assert len(made.stdout.strip()) >= 12
    assert made.stdout.count("\n") == 1


def test_a_rotation_adds_a_key_and_seals_again(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    keys = Path(environment["MCD_DATA"], "keys.json")
    old = list(json.loads(keys.read_text()))
    added = run(environment, "add-key")
    assert added.returncode == 0
    assert list(json.loads(keys.read_text()))[1:] == old
    sealed = run(environment, "seal-again")
    assert sealed.returncode == 0, sealed.stderr
    assert old[0] in sealed.stdout


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MCD_LISTEN", "nowhere", "MCD_LISTEN"),
        ("MCD_WORKERS", "0", "MCD_WORKERS"),
        ("MCD_DATABASE_URL", "mysql://user:hunter2@db/mcd", "MCD_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_not_its_value(
    environment: dict[str, str], variable: str, value: str, said: str
) -> None:
    answer = run({**environment, variable: value}, "migrate")
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "hunter2" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = run({**environment, "MCD_DATA": str(tmp_path / "file" / "data")}, "migrate")
    assert answer.returncode == 6
    assert len(answer.stderr.strip().splitlines()) == 1


def test_serving_without_tables_says_what_to_run(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    Path(environment["MCD_DATA"], "mcd.db").unlink()
    command = [sys.executable, "-m", "mcd", "serve"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 6
    # Who starts it may know where.
    assert f"mcd: {environment['MCD_DATA']}/mcd.db: the database does not have the tables" in answer.stderr
    assert "mcd admin migrate" in answer.stderr


def test_a_lost_key_ring_is_not_replaced_while_values_are_sealed_with_it(environment: dict[str, str]) -> None:
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
    assert answer.returncode == 6
    assert "k1234" in answer.stderr
    assert not (data / "keys.json").exists()


@pytest.mark.parametrize("words", [("repositories",), ("seal-again",), ("create-admin", "eve")])
@pytest.mark.parametrize("there", ["nothing", "an empty folder", "the folder above it", "an empty file"])
def test_a_folder_without_an_installation_is_named_and_left_as_it_is(
    environment: dict[str, str], tmp_path: Path, there: str, words: tuple[str, ...]
) -> None:
    """SQLite would make the file, and the answer would be to migrate the wrong folder."""
    data = Path(environment["MCD_DATA"])
    if there == "the folder above it":
        run({"MCD_DATA": str(data / "data"), "PATH": environment["PATH"], "HOME": str(tmp_path)}, "migrate")
    elif there != "nothing":
        data.mkdir()
    if there == "an empty file":
        (data / "mcd.db").touch()
    before = sorted(tmp_path.rglob("*"))
    answer = run(environment, *words)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (2, "", 1)
    assert f"{data}: no data of MCD" in answer.stderr
    assert "Set MCD_DATA to the folder of your `mcd serve`" in answer.stderr
    assert ".local/mcd/data" in answer.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_without_mcd_data_the_default_folder_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["MCD_DATA"]
    answer = run(environment, "repositories")
    assert answer.returncode == 2
    assert f"{tmp_path}/.local/share/mcd: no data of MCD" in answer.stderr
    assert "MCD_DATA is not set" in answer.stderr


def test_repositories_beside_a_database_elsewhere_need_their_folder(environment: dict[str, str]) -> None:
    environment["MCD_DATABASE_URL"] = f"sqlite:///{environment['MCD_DATA']}-db"
    assert run(environment, "migrate").returncode == 0
    assert "Nothing was removed." in run(environment, "repositories").stdout
    answer = run({**environment, "MCD_DATA": f"{environment['MCD_DATA']}-not"}, "repositories")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "there is no such folder" in answer.stderr
