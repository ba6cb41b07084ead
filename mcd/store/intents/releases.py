"""Wishes about Releases: a push brings one, a person tries one again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from mcd.errors import Code, McdError
from mcd.model import Actor, ConditionType, EventKind, Footprint, Noun, Reason, Release, Trigger, Verb
from mcd.model.conditions import ignored as ignored_conditions
from mcd.model.why import Note, say, told
from mcd.objects import Ref
from mcd.store import events, names, neighbours
from mcd.store import tables as t
from mcd.store.due import hint, wished
from mcd.store.files import NO_FILES, Files, freeze
from mcd.store.ids import new_id
from mcd.store.lookup import find_app, find_release, not_going
from mcd.store.nouns import Row, conditions_json, footprint_json, ref_json, release_of, state_of
from mcd.store.rolling import Wanted, add, event_name, fresh_conditions, live_of, newest_settings
from mcd.store.tx import Tx

TITLE_LIMIT = 200
"""Characters of a commit's title and author that are kept."""


async def push(
    actor: Actor,
    tx: Tx,
    now: datetime,
    app: str,
    *,
    commit: str,
    branch: str,
    author: str = "",
    title: str = "",
    app_yaml: str = "",
    files: Files = NO_FILES,
    tag: str = "",
    forced: bool = False,
    deploys: bool = True,
    ignored: str = "",
    wished_deletes: Iterable[Ref] = (),
    footprint: Footprint | None = None,
) -> Release:
    """A commit arrived. Its Release is made, or, when the commit was here before, wished again: a ready one gets a
    Rollout (a branch that was moved back), a failed one is tried again, one on its way goes on. `branch` is empty for a
    tag that came alone; `files` are those that app.yaml names; `ignored` says why nobody shall work on it: then one
    that is there stays as it is; `footprint` is known when it was compiled. Raises McdError not_found, forbidden,
    conflict (the App is being deleted, another one has a host of it)."""
    row = await find_app(actor, tx, Verb.DEPLOY, app, lock=True)
    not_going(Noun.APP, app, row)
    names.check_commit(commit)
    deletes = [ref_json(ref) for ref in wished_deletes]
    old = await _of_commit(tx, row, commit)
    if old is None:
        number = await _add(
            tx, now, actor, row, commit=commit, branch=branch, tag=tag, author=author[:TITLE_LIMIT],
            title=title[:TITLE_LIMIT], app_yaml=app_yaml, deploys=deploys and not ignored, ignored=ignored, files=files,
            wished_deletes=deletes, **_printed(footprint),
        )  # fmt: skip
    else:
        number = old["number"]
        if not ignored:
            named = {"branch": branch or old["branch"], "tag": tag or old["tag"], **_printed(footprint)}
            await _again(tx, now, actor, row, old, deploys=deploys, deletes=deletes, named=named)
    if not ignored:
        await neighbours.settle(tx, row["id"])
        if deploys:
            await neighbours.refuse_taken(tx, row, await _id(tx, row, number))
    said = say(
        Note.PUSHED_IGNORED if ignored else Note.PUSHED,
        commit=commit[:12],
        how=told(Note.PUSHED_BY_FORCE if forced else Note.PUSHED_PLAIN),
        where=told(Note.TO_BRANCH, branch=branch) if branch else told(Note.AS_TAG, tag=tag),
        number=number,
        title=title[:TITLE_LIMIT],
        why=ignored,
    )
    data = {"commit": commit, "branch": branch, "tag": tag, "forced": forced, "ignored": ignored}
    _tell(tx, now, actor, EventKind.PUSHED, row, number, said, data)
    return await _release(tx, row, number)


async def make_release(
    actor: Actor,
    tx: Tx,
    now: datetime,
    app: str,
    *,
    commit: str,
    branch: str,
    author: str = "",
    title: str = "",
    app_yaml: str = "",
    files: Files = NO_FILES,
) -> Release:
    """A Release of a commit that a person named: nothing was pushed, and it does not deploy by itself. `branch` is one
    that holds the commit, or empty. The Release that the commit has already is answered as it is. Raises McdError
    not_found, forbidden, conflict (the App is being deleted)."""
    row = await find_app(actor, tx, Verb.DEPLOY, app, lock=True)
    not_going(Noun.APP, app, row)
    names.check_commit(commit)
    old = await _of_commit(tx, row, commit)
    if old is not None:
        return release_of(old, app)
    number = await _add(
        tx, now, actor, row, commit=commit, branch=branch, tag="", author=author[:TITLE_LIMIT],
        title=title[:TITLE_LIMIT], app_yaml=app_yaml, files=files, deploys=False, wished_deletes=[],
    )  # fmt: skip
    said = say(
        Note.RELEASE_MADE,
        number=number,
        commit=commit[:12],
        where=told(Note.OF_BRANCH, branch=branch) if branch else "",
        who=actor.name,
        title=title[:TITLE_LIMIT],
    )
    _tell(tx, now, actor, EventKind.CREATED, row, number, said, {"commit": commit, "branch": branch})
    return await _release(tx, row, number)


def _printed(footprint: Footprint | None) -> dict[str, Any]:
    return {} if footprint is None else {"footprint": footprint_json(footprint), "compiled": True}


async def _id(tx: Tx, app: Row, number: int) -> str:
    return str((await find_release(tx, app, number))["id"])


async def _of_commit(tx: Tx, app: Row, commit: str) -> Row | None:
    return await tx.row(select(t.release).where(t.release.c.app_id == app["id"], t.release.c.commit == commit))


async def _add(tx: Tx, now: datetime, actor: Actor, app: Row, *, files: Files, ignored: str = "", **values: Any) -> int:
    """Writes a new Release, due now unless it is ignored, and answers its number."""
    table = t.release
    highest = await tx.value(select(func.max(table.c.number)).where(table.c.app_id == app["id"]))
    number: int = (highest or 0) + 1
    release_id = new_id(now)
    if ignored:
        values |= {"conditions": conditions_json(ignored_conditions(ignored, 1, now)), "observed_generation": 1}
    else:
        values |= _due(now, 1)
    await tx.run(
        insert(table).values(
            id=release_id,
            app_id=app["id"],
            number=number,
            rollouts_before=await _rollouts(tx, app["id"]),
            created_at=now,
            created_by=actor.name,
            ignored=ignored,
            sees=neighbours.sight(actor),
            **values,
        )
    )
    await freeze(tx, release_id, files)
    tx.wished = tx.wished or not ignored
    return number


def _due(now: datetime, generation: int) -> dict[str, Any]:
    new = fresh_conditions(now, generation, Reason.NEW, say(Note.NOT_TAKEN_YET))
    return {"conditions": new, "next_run_at": now}


async def end_ignoring(actor: Actor, tx: Tx, now: datetime, release: Row) -> None:
    """Somebody wishes what no push deployed. Nothing happens to one that is not ignored."""
    if release["ignored"]:
        due = {**wished(t.release, now), **_due(now, release["generation"] + 1)}
        values = {"ignored": "", "sees": neighbours.sight(actor), **due}
        await tx.run(update(t.release).where(t.release.c.id == release["id"]).values(**values))
        tx.wished = True


async def retry_release(actor: Actor, tx: Tx, now: datetime, app: str, number: int) -> Release:
    """Looks at a Release again that failed, with its log begun anew, and deploys it when it is ready; one that is still
    on its way goes on. Raises McdError conflict for one that is ready: there is nothing to try."""
    row = await find_app(actor, tx, Verb.DEPLOY, app, lock=True)
    not_going(Noun.APP, app, row)
    old = await find_release(tx, row, number)
    if old["ready_at"] is not None:
        raise McdError(Code.CONFLICT, f"Release {number} of {app} is ready.", "Deploy it.")
    await _again(tx, now, actor, row, old, deploys=True, deletes=old["wished_deletes"], named={})
    failed = state_of(old).is_now(ConditionType.STALLED)
    said = say(Note.RELEASE_TRIED_AGAIN if failed else Note.RELEASE_GOES_ON, number=number, app=app)
    _tell(tx, now, actor, EventKind.CHANGED, row, number, said, {})
    return await _release(tx, row, number)


async def _again(
    tx: Tx,
    now: datetime,
    actor: Actor,
    app: Row,
    old: Row,
    *,
    deploys: bool,
    deletes: list[dict[str, str]],
    named: Mapping[str, Any],
) -> None:
    """What is still on its way goes on with its log and its work: only what becomes of it then is noted. `named` are
    branch and tag of the push: they are those of a Release that nobody worked on so far."""
    if old["ready_at"] is not None:
        live = await live_of(tx, app["id"])
        if deploys and (live is None or live["release"] != old["number"]):
            settings = await newest_settings(tx, app["id"])
            await add(tx, now, actor, app, Wanted(old["number"], settings, Trigger.PUSH, wished_deletes=tuple(deletes)))
        return
    values = {
        "deploys": deploys or old["deploys"],
        "wished_deletes": deletes,
        "sees": neighbours.sight(actor),
        "rollouts_before": await _rollouts(tx, app["id"]),
        **(named if old["ignored"] else {}),
    }
    if state_of(old).is_now(ConditionType.STALLED):
        await tx.run(delete(t.build_log).where(t.build_log.c.release_id == old["id"]))
        values |= {"problems": [], **wished(t.release, now)}
        tx.wished = True
    waiting = t.release.c.id == old["id"]
    await tx.run(update(t.release).where(waiting).values(**values))
    await end_ignoring(actor, tx, now, old)
    unheld = or_(t.release.c.lease_until.is_(None), t.release.c.lease_until <= now)
    await hint(tx, now, t.release, waiting & unheld)


async def _rollouts(tx: Tx, app_id: str) -> int:
    """The number of the newest Rollout. What a person asks for after a push outranks the push."""
    return int(await tx.value(select(func.max(t.rollout.c.number)).where(t.rollout.c.app_id == app_id)) or 0)


def _tell(
    tx: Tx, now: datetime, actor: Actor, kind: EventKind, app: Row, number: int, message: str, data: dict[str, Any]
) -> None:
    events.append(
        tx,
        now,
        actor,
        kind,
        message,
        noun=Noun.RELEASE,
        name=event_name(app["name"], number),
        product_line=app["line"],
        app=app["name"],
        data={"release": number, **data},
    )


async def _release(tx: Tx, app: Row, number: int) -> Release:
    return release_of(await find_release(tx, app, number), app["name"])
