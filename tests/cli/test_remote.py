"""The command against the real application: real API, store and controllers, a cluster in memory."""

from __future__ import annotations

import json

from tests.cli.conftest import Mcd, Platform


def test_apps_are_listed_with_what_runs_of_them(dora: Mcd, platform: Platform) -> None:
    platform.deployed("lister")
    told = dora("app", "list")
    assert told.code == 0, told.err
    row = next(line for line in told.out.splitlines() if line.startswith("lister"))
    assert row.split()[:3] == ["lister", "demo", "ready"]
    names = dora("app", "list", "-o", "name").out.split()
    assert "app/lister" in names
    assert json.loads(dora("app", "list", "-o", "json").out)["schema"] == "mcd/v1"


def test_status_says_each_component_and_its_address(dora: Mcd, platform: Platform) -> None:
    platform.deployed("seer")
    told = dora("status", "seer")
    assert told.code == 0, told.err
    assert "seer in demo" in told.out
    assert "ready (Rollout 1, Release 1" in told.out
    assert "http://seer.apps.localhost" in told.out
