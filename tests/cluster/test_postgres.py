"""The PostgreSQL of `make up DB=postgres`."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from scripts.cluster import processes
from tests.servers.cluster import run

pytestmark = pytest.mark.postgres


def test_it_starts_once_keeps_its_data_and_stops_with_clients_connected(tmp_path: Path) -> None:
    up = run(tmp_path, "postgres", "up")
    assert up.returncode == 0, up.stderr
    url = up.stdout.strip()
    try:
        first = processes.running(tmp_path, "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number int)")
        assert run(tmp_path, "postgres", "up").stdout.strip() == url
        assert processes.running(tmp_path, "postgres") == first
        with psycopg.connect(url):
            assert run(tmp_path, "postgres", "down").returncode == 0
        assert run(tmp_path, "postgres", "up").stdout.strip() == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    finally:
        run(tmp_path, "reset")
    assert processes.live_owners(tmp_path) == set()
    assert [each.name for each in tmp_path.iterdir()] == ["lock"]


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    url = run(tmp_path, "postgres", "up").stdout.strip()
    try:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace("mcd:", "mcd:wrong"))
    finally:
        run(tmp_path, "reset")
