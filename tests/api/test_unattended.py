"""An API without controllers stores what is wished, and says to all who wish or look that nobody works on it."""

from __future__ import annotations

import math
import re

from mcd.api.unattended import command
from mcd.observability import metrics
from mcd.store import liveness
from tests.api.client import Api

AGO = r" \(1h\)"
SINCE = rf"no controller of MCD has run since 2026-05-03T\d\d:\d\d:\d\dZ{AGO}"


def alone(api: Api) -> None:
    """The controllers die and nobody notices for an hour."""
    api.world.clock.forward(3600)


async def stopped(api: Api) -> None:
    async with api.world.runtime.db.writing() as tx:
        await liveness.stopped(tx, "test", api.world.clock())


def value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)


# --- /readyz --------------------------------------------------------------------------------------------------------


async def test_it_is_ready_to_read_and_names_what_is_missing_with_since_when_and_what_to_do(api: Api) -> None:
    await stopped(api)
    alone(api)
    for path, first in (("/readyz", "ok"), ("/readyz?verbose", "[+] database: ")):
        answer = await api.get(path, "")
        assert answer.status_code == 200
        assert answer.text.startswith(first)
        said = next(line for line in answer.text.splitlines() if "controllers" in line)
        assert answer.text.count(said) == 1
        assert re.fullmatch(
            rf"\[-\] controllers: {SINCE}, and a \w+ has been due for [\dhms]+\. What is wished is stored, and nobody "
            r"works on it\. Start `mcd serve`, or read its log\.",
            said,
        ), said
    assert (await api.get("/readyz?verbose", "")).text.endswith("\nok\n")


def test_what_is_to_be_started_is_what_the_database_allows() -> None:
    """Two processes on one SQLite file would both believe to be alone."""
    assert command("sqlite:////data/mcd.db") == "`mcd serve`"
    assert command("postgresql://mcd@db/mcd") == "`mcd serve controllers`"


async def test_controllers_that_are_alive_are_named_and_one_that_does_not_keep_up_is_a_warning(api: Api) -> None:
    async with api.world.runtime.db.writing() as tx:
        await liveness.beat(tx, "second", api.world.clock())
    assert "[+] controllers: 2 alive: second, test\n" in (await api.get("/readyz?verbose", "")).text
    api.world.clock.forward(300)
    async with api.world.runtime.db.writing() as tx:
        await liveness.beat(tx, "second", api.world.clock())
    said = (await api.get("/readyz?verbose", "")).text
    assert re.search(r"\[!\] controllers: 1 alive: second, and a \w+ has been due for 5m: all workers are busy", said)
    assert (await api.get("/readyz", "")).text == "ok\n"


# --- /metrics -------------------------------------------------------------------------------------------------------


async def test_the_api_alone_tells_how_late_the_work_is_who_works_and_how_apps_stand(api: Api) -> None:
    alone(api)
    text = (await api.get("/metrics", "")).text
    assert "\nmcd_controllers_alive 0.0\n" in text
    assert 3600 <= (value("mcd_due_age_seconds", noun="release") or 0) < 3700
    assert value("mcd_apps", state="progressing") == 7
    assert value("mcd_cluster_up", cluster="local") == 1


async def test_a_scrape_that_follows_another_does_not_ask_the_database_again(api: Api) -> None:
    await api.get("/metrics", "")
    alone(api)
    await api.get("/metrics", "")
    assert value("mcd_controllers_alive") == 1


async def test_what_the_database_does_not_tell_is_not_told_from_memory(api: Api) -> None:
    await api.get("/metrics", "")
    assert value("mcd_controllers_alive") == 1
    api.world.runtime.gauges._at = -math.inf
    await api.world.runtime.db.close()
    for file in api.world.runtime.settings.data.glob("mcd.db*"):
        file.unlink()
    text = (await api.get("/metrics", "")).text
    assert "\nmcd_controllers_alive NaN\n" in text
    assert "mcd_apps{" not in text
    assert "mcd_data_free_bytes" in text


# --- who wishes, who looks --------------------------------------------------------------------------------------------


async def test_a_wish_is_stored_and_its_answer_warns_that_nobody_works_on_it(api: Api) -> None:
    path, wish = "/api/v1/apps/own-dora/rollouts", {"restart": ["web"]}
    assert "Warning" not in (await api.post(path, wish)).headers
    alone(api)
    answer = await api.post(path, wish)
    assert answer.status_code == 202
    said = answer.headers["Warning"]
    assert re.fullmatch(
        rf'299 - "It is stored, and nobody works on it now: {SINCE}\. It goes on when an admin starts '
        r'`mcd serve`\."',
        said,
    ), said
    for wished, body in (("settings", {"components": {"web": {"replicas": 2}}}),):
        answer = await api.ask("PATCH", f"/api/v1/apps/own-dora/{wished}", body)
        assert "nobody works on it" in answer.headers["Warning"], answer.text


async def test_what_needs_no_controller_and_what_is_refused_carries_no_warning(api: Api) -> None:
    alone(api)
    answer = await api.ask("PUT", "/api/v1/product-lines/demo/members/nina", {"role": "viewer"}, "olaf")
    refused = await api.post("/api/v1/apps/own-dora/rollouts", {"release": 99})
    looked = await api.get("/api/v1/apps/own-dora/status")
    assert refused.status_code >= 400
    assert [a.status_code for a in (answer, looked)] == [200, 200]
    assert not [a for a in (answer, refused, looked) if "Warning" in a.headers]


async def test_the_status_of_an_app_says_as_its_next_step_that_nobody_works_and_then_stays_so(api: Api) -> None:
    path = "/api/v1/apps/own-dora/status"
    assert "Nobody" not in (await api.get(path)).json()["next_step"]
    alone(api)
    answer = await api.get(path)
    words = rf"Nobody works on it or looks at it: {SINCE.removesuffix(AGO)}\. Ask an admin to start `mcd serve`\."
    assert re.fullmatch(words, answer.json()["next_step"])
    alone(api)
    assert (await api.get(path, headers={"If-None-Match": answer.headers["ETag"]})).status_code == 304
