"""P11 and P12 in small: a real server is asked, both sides are counted, and a refusal is no measurement."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench import api, data, load, tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("asked")
    asyncio.run(data.installation(made / "many", 30, 10, 2))
    return made


def test_an_authenticated_get_is_measured_beside_a_bare_route(folder: Path) -> None:
    found = api.run(api.API, folder, apps=30, turns=1, seconds=0.3)
    assert 0 < found.share.median < 1
    assert min(found.ours_us, found.writing_us, found.bound_us) > 0
    assert found.p99 > 0
    assert found.asked_of_clusters == 0
    assert "`GET /api/v1/apps/APP`" in tables.asked_table(found)


def test_who_is_refused_is_not_counted_as_fast(folder: Path) -> None:
    async def asked(port: int) -> None:
        await load.closed(port, b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n", 0.2, 1)

    with api.served("mcd", folder / "many") as server, pytest.raises(RuntimeError, match="401"):
        asyncio.run(asked(server.port))


def test_a_request_that_waited_for_its_turn_counts_from_when_it_was_due(folder: Path) -> None:
    place = asyncio.run(data.installation(folder / "many", 30, 10, 2))
    with api.served("bare", place.folder) as server:
        asked = api.request(api.API.bound_path, place, admin=False)
        found = asyncio.run(load.paced(server.port, asked, 50, 0.4, 1))
    assert found.requests == 20
    assert found.quantile(0.99) >= found.quantile(0.5) > 0


def test_every_app_of_the_data_set_is_in_a_line_and_no_line_is_empty() -> None:
    assert sum(data.sizes(data.APPS, data.LINES)) == data.APPS
    assert min(data.sizes(60, 10)) >= 1
    assert sum(data.sizes(60, 10)) == 60
