"""A settled world for each test, from one migrated database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.controllers.world import World, migrated, world, world_on
from tests.kube import apiserver


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template") / "mcd.db")


@pytest.fixture
async def here(tmp_path: Path, template: Path) -> AsyncIterator[World]:
    async with world(tmp_path, template) as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[apiserver.ApiServer]:
    with apiserver.running_or_skip() as started:
        yield started


@pytest.fixture
async def real(tmp_path: Path, template: Path, server: apiserver.ApiServer) -> AsyncIterator[World]:
    async with world_on(server, tmp_path, template) as made:
        yield made
