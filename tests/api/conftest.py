"""The real application over the real store. `api` opens a copy of a prepared database: people, product lines and Apps
that wait for controllers. `live` runs a whole control plane beside it, with a cluster in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.client import Api, Stage, api_of, on_stage, prepare
from tests.controllers.world import World, migrated, world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template") / "mcd.db")


@pytest.fixture(scope="session")
def stage(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return asyncio.run(prepare(tmp_path_factory.mktemp("stage"), template))


@pytest.fixture
async def api(stage: Stage, tmp_path: Path) -> AsyncIterator[Api]:
    async with on_stage(stage, tmp_path) as made:
        yield made


@pytest.fixture
async def here(tmp_path: Path, template: Path) -> AsyncIterator[World]:
    async with world(tmp_path, template) as made:
        yield made


@pytest.fixture
async def live(here: World) -> Api:
    return await api_of(here)
