"""The key of secrets is rotated while MCD runs: who does it is told what to restart, in which order, and why."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcd.store import intents, liveness
from mcd.store.keyring import read_keyring
from mcd.store.session import Database
from mcd.store.tx import Tx
from tests.controllers.world import ADMIN

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "operate.md"
ORDER = re.compile(r"mcd serve controllers.*mcd serve api", re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"MCD_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "200"}


def admin(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mcd", "admin", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def written(environment: dict[str, str], work: Callable[[Tx], Awaitable[Any]]) -> None:
    """What a running MCD wrote into the database, with the keys of the file as it is."""
    data = Path(environment["MCD_DATA"])

    async def write() -> None:
        db = Database(f"sqlite:///{data}/mcd.db", read_keyring(data / "keys.json"))
        try:
            async with db.writing() as tx:
                await work(tx)
        finally:
            await db.close()

    asyncio.run(write())


def test_who_seals_again_is_told_what_must_have_been_restarted_and_in_which_order(environment: dict[str, str]) -> None:
    assert admin(environment, "migrate").returncode == 0
    now = datetime.now(UTC)
    written(environment, lambda tx: intents.create_cluster(ADMIN, tx, now, "local", kubeconfig="x", facts={}))
    written(environment, lambda tx: liveness.beat(tx, "controllers-1", now))
    added = admin(environment, "add-key")
    assert ORDER.search(added.stdout)
    assert added.stdout.rstrip().endswith("mcd admin seal-again")
    first = admin(environment, "seal-again")
    assert first.returncode == 0, first.stderr
    assert "1 values were sealed again" in first.stdout
    assert "cannot open what is sealed now" in first.stderr
    assert ORDER.search(first.stderr)
    assert "Controllers that are alive: controllers-1." in first.stderr
    again = admin(environment, "seal-again")
    assert again.stdout.startswith("0 values were sealed again")
    assert again.stderr == "", "nothing was sealed, and nobody need restart anything"


@pytest.mark.parametrize("command", ["add-key", "seal-again"])
def test_the_help_of_a_rotation_says_the_order_of_restarts(environment: dict[str, str], command: str) -> None:
    told = " ".join(admin(environment, command, "--help").stdout.split())
    assert "restart" in told
    assert ORDER.search(told)


def test_the_page_about_a_rotation_says_the_order_of_restarts() -> None:
    part = HOW_TO.read_text().partition("## Rotate the key of secrets")[2].partition("\n## ")[0]
    steps = ["mcd admin add-key", "mcd serve controllers", "mcd serve api", "mcd admin seal-again"]
    places = [part.index(step) for step in steps]
    assert places == sorted(places)
    assert "does not know" in part
