"""A settled world for each test, from one migrated database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controllers.world import World, migrated, world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template") / "mcd.db")


@pytest.fixture
async def here(tmp_path: Path, template: Path) -> AsyncIterator[World]:
    async with world(tmp_path, template) as made:
        yield made
