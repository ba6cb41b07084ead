"""MCD in its own medicine: a real Prometheus scrapes a real `mcd serve`, evaluates every rule of the chart, and one
alert fires when its cause is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcd.observability import metrics
from mcd.settings import Environment
from mcd.store import intents
from mcd.store.keyring import create_keyring
from mcd.store.migrate import migrate
from mcd.store.session import Database
from scripts.metrics_page import RULES, alerts
from tests.controllers.world import ADMIN
from tests.servers.prometheus import Prometheus, prometheus

START_SECONDS = 60.0

NOBODY_THERE = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str]]:
    """Prometheus, and the address of the MCD that it scrapes: one whose only cluster does not answer."""
    folder = tmp_path_factory.mktemp("scraped")
    asyncio.run(_prepared(folder / "data"))
    short = folder / "short.yaml"
    short.write_text(_short(RULES.read_text("utf-8")))
    with _serving(folder / "data") as address, prometheus(folder, [address], [RULES, short]) as found:
        yield found, address


async def _prepared(data: Path) -> None:
    data.mkdir()
    settings = Environment(data=data)
    await asyncio.to_thread(migrate, settings.database)
    db = Database(settings.database, create_keyring(settings.keys_file))
    try:
        async with db.writing() as tx:
            await intents.create_cluster(ADMIN, tx, datetime.now(UTC), "north", kubeconfig=NOBODY_THERE, facts={})
    finally:
        await db.close()


def _short(text: str) -> str:
    """The same rules under other names, with seconds in the place of minutes."""
    groups = yaml.safe_load(re.sub(r"\[\d+m\]", "[5s]", text))["groups"]
    for group in groups:
        group["name"] += "-short"
        for rule in group["rules"]:
            rule["alert"] = f"Short{rule['alert']}"
            rule["for"] = "2s" if rule["alert"] != "ShortMcdAppsStandStill" else "0s"
    return yaml.safe_dump({"groups": groups})


@contextlib.contextmanager
def _serving(data: Path) -> Iterator[str]:
    """`mcd serve`, and where it listens."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MCD_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mcd", "serve"],
        env={**kept, "MCD_DATA": str(data), "MCD_LISTEN": "127.0.0.1:0"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield _address(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not waiting.select(left) or not (line := process.stdout.readline()):
                break
            said = json.loads(line)
            if said["event"] == "listening":
                return str(said["address"])
    pytest.fail(f"mcd serve did not say within {START_SECONDS:g} s where it listens")


def _of(told: Any) -> dict[str, dict[str, Any]]:
    return {rule["name"]: rule for group in told["groups"] for rule in group["rules"]}


def test_it_is_up(scraped: tuple[Prometheus, str]) -> None:
    told = scraped[0].until("targets", lambda t: [a["health"] for a in t["activeTargets"]] == ["up"])
    (target,) = told["activeTargets"]
    assert target["lastError"] == ""
    assert target["scrapePool"] == "mcd"


def test_every_rule_is_evaluated_without_an_error(scraped: tuple[Prometheus, str]) -> None:
    told = scraped[0].until("rules", lambda t: all(rule["health"] != "unknown" for rule in _of(t).values()))
    wrong = {name: rule["lastError"] for name, rule in _of(told).items() if rule["health"] != "ok"}
    assert wrong == {}
    assert set(_of(told)) >= {rule["alert"] for rule in alerts()}


def test_a_cluster_that_does_not_answer_raises_its_alert_and_no_other(scraped: tuple[Prometheus, str]) -> None:
    def fires(told: Any) -> bool:
        return any(a["state"] == "firing" and a["labels"]["alertname"] == "ShortMcdClusterAway" for a in told["alerts"])

    told = scraped[0].until("alerts", fires)
    firing = [alert for alert in told["alerts"] if alert["state"] == "firing"]
    assert {alert["labels"]["alertname"] for alert in firing} == {"ShortMcdClusterAway"}
    (alert,) = firing
    assert alert["labels"]["cluster"] == "north"
    assert alert["annotations"]["summary"] == "cluster north is away"


def test_prometheus_holds_what_is_declared_and_nothing_else(scraped: tuple[Prometheus, str]) -> None:
    scraped[0].until("query?query=mcd_cluster_up", lambda told: bool(told["result"]))
    names = set(scraped[0].ask("label/__name__/values"))
    ends = ("_bucket", "_sum", "_count")
    declared = {*metrics.FAMILIES, *metrics.PROCESS, *(name + end for name in metrics.FAMILIES for end in ends)}
    foreign = {name for name in names if not name.startswith(("scrape_", "ALERTS")) and name != "up"}
    assert foreign <= declared
    assert {"mcd_db_transaction_seconds_bucket", "mcd_event_loop_lag_seconds_count", "process_open_fds"} <= names


def test_every_value_of_a_label_is_one_that_is_declared(scraped: tuple[Prometheus, str]) -> None:
    told = scraped[0].until('query?query={__name__=~"mcd_.%2B"}', lambda told: len(told["result"]) > 100)
    for series in (found["metric"] for found in told["result"]):
        name = re.sub(r"_(bucket|sum|count)$", "", series["__name__"])
        family = metrics.FAMILIES.get(series["__name__"]) or metrics.FAMILIES[name]
        for label, value in series.items():
            allowed = family.labels.get(label, "")
            assert isinstance(allowed, str) or value in allowed, (name, label, value)
