"""A dry run on a database that was restored from a backup: what it says first is what the wish would end with."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from mcd import model
from mcd.api.rehearsal import dry_run
from mcd.model import ConditionType
from mcd.store import intents, reads
from mcd.store.tx import Tx
from tests.controllers.test_restored import outdated, restored
from tests.controllers.world import ADMIN, LINE, World


async def scaled(tx: Tx, now: datetime) -> model.Rollout:
    changes = {"components": {"web": {"replicas": 3}}}
    await intents.change_settings(ADMIN, tx, now, "hello", changes=changes)
    found = await reads.live_rollout(ADMIN, tx, "hello")
    assert found is not None
    return found


@pytest.mark.parametrize("line", ["ready", "not ready"])
async def test_a_hold_is_told_before_what_passes_by_itself(here: World, tmp_path: Path, line: str) -> None:
    """One that only waited for its product line would be shown as a plan that is carried out in a moment."""
    file = await outdated(here, tmp_path)
    async with restored(here, file, tmp_path / "restored") as made:
        if line == "not ready":
            async with made.runtime.db.writing() as tx:
                await intents.change_product_line(ADMIN, tx, made.clock(), LINE, wishes={"quota": {"cpu": "40"}})
        async with made.runtime.db.reading() as tx:
            found = await reads.product_line(ADMIN, tx, LINE)
        assert found.state.is_now(ConditionType.READY) is (line == "ready")
        answer = await dry_run(made.runtime, ADMIN, scaled)
        assert "which this database does not know" in answer.message
        assert answer.writes == 0
