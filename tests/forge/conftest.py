"""The folder of repositories and a clone beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dulwich.repo import Repo

from tests.forge.written import bare


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "git").mkdir()
    return tmp_path / "git"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Repo]:
    with bare(tmp_path / "clone") as repo:
        yield repo
