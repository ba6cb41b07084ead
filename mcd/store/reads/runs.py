"""Questions about Releases and Rollouts: which there were, how far they came, what the builder said."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import select

from mcd.errors import Code, McdError, Problem, echo, not_found
from mcd.model import Actor, Change, ComponentHealth, ConditionType, Noun, Release, Rollout, Verb
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.files import files_of
from mcd.store.lookup import find_app, find_release, find_rollout
from mcd.store.nouns import Row, change_of, health_of, problem_of, release_of, rollout_of, state_of
from mcd.store.pages import FIRST, MOST, Page, Part, page
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of a build's log from one on. Ask again with `after = next` for what came since."""

    lines: tuple[str, ...]
    next: int
    ended: bool
    """The Release is ready or failed: no more will come."""


@dataclass(frozen=True, slots=True)
class RolloutSeen:
    """A Rollout with what its passes saw and did, the newest of each component and object."""

    rollout: Rollout
    health: tuple[ComponentHealth, ...]
    changes: tuple[Change, ...]


async def releases(actor: Actor, tx: Tx, app: str, part: Part = FIRST, *, ignored: bool | None = None) -> Page[Release]:
    """Newest first. `ignored`: only those that their push did not deploy, or only the others."""
    row = await find_app(actor, tx, Verb.READ, app)
    statement = select(t.release).where(t.release.c.app_id == row["id"])
    if ignored is not None:
        statement = statement.where(t.release.c.ignored != "" if ignored else t.release.c.ignored == "")
    keys = [t.release.c.number]
    return await page(tx, statement, keys, part, lambda found: release_of(found, app), newest_first=True)


async def release(actor: Actor, tx: Tx, app: str, number: int | None = None, *, files: bool = False) -> Release:
    """One, or the newest that is not ignored. `files`: with what it is compiled with. Raises McdError not_found."""
    row = await find_app(actor, tx, Verb.READ, app)
    if number is not None:
        found: Row | None = await find_release(tx, row, number)
    else:
        newest = select(t.release).where(t.release.c.app_id == row["id"], t.release.c.ignored == "")
        found = await tx.row(newest.order_by(t.release.c.number.desc()).limit(1))
    if found is None:
        raise not_found(Noun.RELEASE, f"{app}/")
    held = await files_of(tx, [found["id"]]) if files else {}
    return release_of(found, app, held.get(found["id"]))


async def release_by_commit(actor: Actor, tx: Tx, app: str, commit: str) -> Release:
    """By the id of its commit or the beginning of it, of 7 digits or more. Raises McdError not_found, conflict when
    several begin so."""
    row = await find_app(actor, tx, Verb.READ, app)
    if len(commit) < 7 or not set(commit) <= set("0123456789abcdef"):
        raise not_found(Noun.RELEASE, commit)
    found = await tx.rows(
        select(t.release)
        .where(t.release.c.app_id == row["id"], t.release.c.commit.startswith(commit, autoescape=True))
        .limit(2)
    )
    if not found:
        raise not_found(Noun.RELEASE, commit)
    if len(found) > 1:
        raise McdError(Code.CONFLICT, f'several commits begin with "{echo(commit)}".', "Write more of its digits.")
    return release_of(found[0], app)


async def release_problems(actor: Actor, tx: Tx, app: str, number: int) -> tuple[Problem, ...]:
    """What was wrong with app.yaml at that commit; empty when nothing was."""
    row = await find_app(actor, tx, Verb.READ, app)
    found = await find_release(tx, row, number)
    return tuple(problem_of(problem) for problem in found["problems"])


async def release_log(actor: Actor, tx: Tx, app: str, number: int, *, after: int = 0, limit: int = MOST) -> LogPart:
    """The builder's output from line `after` (0: the beginning), at most `limit` lines."""
    row = await find_app(actor, tx, Verb.READ, app)
    found = await find_release(tx, row, number)
    table = t.build_log
    lines = await tx.rows(
        select(table.c.line, table.c.text)
        .where(table.c.release_id == found["id"], table.c.line > after)
        .order_by(table.c.line)
        .limit(max(1, min(limit, 10_000)))
    )
    last = lines[-1]["line"] if lines else after
    return LogPart(tuple(line["text"] for line in lines), last, _has_ended(found))


async def build_tail(actor: Actor, tx: Tx, app: str, number: int, limit: int) -> tuple[str, ...]:
    """The last lines of the builder's output."""
    row = await find_app(actor, tx, Verb.READ, app)
    found = await find_release(tx, row, number)
    table = t.build_log
    newest = select(table.c.text).where(table.c.release_id == found["id"]).order_by(table.c.line.desc()).limit(limit)
    return tuple(reversed([line["text"] for line in await tx.rows(newest)]))


def _has_ended(release: Row) -> bool:
    if release["ready_at"] is not None or release["next_run_at"] is None:
        return True
    return state_of(release).is_now(ConditionType.STALLED)


async def rollouts(actor: Actor, tx: Tx, app: str, part: Part = FIRST) -> Page[Rollout]:
    """Newest first."""
    row = await find_app(actor, tx, Verb.READ, app)
    statement = select(t.rollout).where(t.rollout.c.app_id == row["id"])
    keys = [t.rollout.c.number]
    return await page(tx, statement, keys, part, lambda found: rollout_of(found, app), newest_first=True)


async def rollout_numbered(actor: Actor, tx: Tx, app: str, number: int) -> Rollout:
    """By App and number. Raises McdError not_found."""
    row = await find_app(actor, tx, Verb.READ, app)
    found = await tx.row(select(t.rollout).where(t.rollout.c.app_id == row["id"], t.rollout.c.number == number))
    if found is None:
        raise not_found(Noun.ROLLOUT, f"{app}/{number}")
    return rollout_of(found, app)


async def releases_numbered(actor: Actor, tx: Tx, app: str, numbers: Collection[int]) -> tuple[Release, ...]:
    """Those that there are of these numbers, in one query; at most as many as a page has."""
    row = await find_app(actor, tx, Verb.READ, app)
    wanted = sorted(set(numbers))[:MOST]
    found = await tx.rows(select(t.release).where(t.release.c.app_id == row["id"], t.release.c.number.in_(wanted)))
    return tuple(release_of(each, app) for each in found)


async def rollout(actor: Actor, tx: Tx, rollout_id: str) -> Rollout:
    """By its id. Raises McdError not_found."""
    row, app = await find_rollout(actor, tx, Verb.READ, rollout_id)
    return rollout_of(row, app["name"])


async def rollout_seen(actor: Actor, tx: Tx, rollout_id: str) -> RolloutSeen:
    """By its id, with health and changes. What a program said before it died is for who may read logs, and for who
    deploys: they must hear of it what fails. Raises McdError not_found."""
    row, app = await find_rollout(actor, tx, Verb.READ, rollout_id)
    health = [health_of(health) for health in row["health"]]
    if not any(may(actor, verb, app["line"]) for verb in (Verb.SHELL, Verb.DEPLOY)):
        health = [replace(one, evidence=()) for one in health]
    return RolloutSeen(
        rollout_of(row, app["name"]),
        tuple(health),
        tuple(change_of(change) for change in row["changes"]),
    )
