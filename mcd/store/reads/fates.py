"""What became of Releases: which were only built, which run or ran, which failed and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from mcd.model import Actor, HealthState, Reason, Release, Verb
from mcd.model.fates import Became, Tried, became
from mcd.store import tables as t
from mcd.store.lookup import find_app
from mcd.store.nouns import Row, state_of
from mcd.store.tx import Tx


async def fates(actor: Actor, tx: Tx, app: str, releases: Sequence[Release]) -> Mapping[int, Became]:
    """Of each of these Releases of the App, by its number. Raises McdError not_found."""
    row = await find_app(actor, tx, Verb.READ, app)
    table, numbers = t.rollout.c, [release.number for release in releases]
    newest = (
        select(table.release, func.max(table.number).label("newest"), func.max(table.ready_at).label("ready"))
        .where(table.app_id == row["id"], table.release.in_(numbers))
        .group_by(table.release)
    )
    ready = {each["newest"]: each["ready"] is not None for each in await tx.rows(newest)}
    found = await tx.rows(select(t.rollout).where(table.app_id == row["id"], table.number.in_(ready)))
    tried = {
        each["release"]: Tried(state_of(each), each["live"], ready[each["number"]], _cause(each)) for each in found
    }
    return {release.number: became(release, tried.get(release.number)) for release in releases}


def _cause(rollout: Row) -> Reason | None:
    failed = (Reason(h["reason"]) for h in rollout["health"] if h["state"] == HealthState.FAILED.value)
    return next(failed, None)
