"""A server whose controllers are gone: doctor names it as a problem, and who wishes or looks is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from mcd.store import liveness
from tests.cli.conftest import Mcd, Platform, Played, data


@pytest.fixture
def alone(platform: Platform) -> Iterator[Platform]:
    """No controller says that it is alive for half a minute."""
    platform.deployed("left")

    async def silent() -> None:
        now = platform.world.runtime.now()
        platform.world.loop._beat_at = now
        async with platform.world.runtime.db.writing() as tx:
            await liveness.stopped(tx, "test", now)

    async def back() -> None:
        platform.world.loop._beat_at = None
        await platform.world.loop.beat()

    platform.inside(silent)
    yield platform
    platform.inside(back)


def test_doctor_says_since_when_and_what_to_do_and_fails(root: Mcd, alone: Platform) -> None:
    told = root("doctor")
    assert told.code == 1
    (line,) = [line for line in told.out.splitlines() if " controllers " in line]
    words = r"problem +controllers +no controller of MCD has run since \S+Z \(\w+\).* Start `mcd serve`, or .*"
    assert re.fullmatch(words, line), line
    checks = {c["name"]: c for c in json.loads(root("doctor", "-o", "json").out)["checks"]}
    assert checks["controllers"]["state"] == "problem"
    assert checks["database"]["state"] == "ok"


def test_doctor_counts_and_names_those_that_are_alive(root: Mcd, platform: Platform) -> None:
    checks = {c["name"]: c for c in json.loads(root("doctor", "-o", "json").out)["checks"]}
    assert (checks["controllers"]["state"], checks["controllers"]["message"]) == ("ok", "1 alive: test")


def test_a_wish_is_taken_and_a_warning_beside_it_says_that_nobody_works_on_it(dora: Mcd, alone: Platform) -> None:
    table, told = dora("restart", "left"), dora("scale", "left", "web=2", "-o", "json")
    assert "is requested" in table.out
    assert data(told)["app"] == "left"
    for each in (table, told):
        (line,) = [line for line in each.err.splitlines() if line.startswith("warning: ")]
        assert line.startswith("warning: It is stored, and nobody works on it now: no controller of MCD has run since ")
        assert line.endswith("It goes on when an admin starts `mcd serve`.")


def test_status_says_it_as_the_next_step(dora: Mcd, alone: Platform) -> None:
    told = dora("status", "left")
    assert told.code == 0
    assert told.err.startswith("next: Nobody works on it or looks at it: no controller of MCD has run since ")


def test_what_a_server_warns_of_moves_no_terminal(here: Mcd, stub_server: Played) -> None:
    headers = {"Content-Type": "application/json", "Warning": '299 - "\x1b[2Jgone", 199 x "y", 299 - "more"'}
    stub_server.answers["/api/v1/whoami"] = (200, headers, b'{"name": "dora"}')
    told = here("whoami", env={"MCD_SERVER": stub_server.url, "MCD_TOKEN": "mcd_pat_x"})
    assert "\x1b" not in told.err
    assert [line for line in told.err.splitlines() if "gone" in line or "more" in line][-1] == "warning: more"
    assert "199" not in told.err
