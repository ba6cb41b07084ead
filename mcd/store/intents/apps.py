"""Wishes about Apps: make one, change where its source is, delete it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from mcd.errors import Code, McdError, echo
from mcd.model import Actor, App, EventKind, Noun, Verb
from mcd.model.why import Note, say
from mcd.store import events, names
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.due import wished
from mcd.store.finish import finish_app
from mcd.store.ids import new_id
from mcd.store.lookup import expect, find_app, find_line, not_going
from mcd.store.nouns import Row, app_of
from mcd.store.rolling import live_of
from mcd.store.tx import Tx

RESERVED_FOR = timedelta(days=30)
"""How long the name of a deleted App is kept for its product line: bookmarks, alerts and neighbours still mean it."""


async def create_app(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    product_line: str,
    repository: str | None = None,
    path: str = "app.yaml",
    branch: str = "main",
) -> App:
    """`repository` None: one that MCD itself holds. The App starts with Settings revision 0, which is empty. Raises
    McdError invalid, not_found (product line), forbidden, conflict (taken)."""
    names.check_name("an App", name)
    line = await find_line(actor, tx, Verb.DEPLOY, product_line, lock=True)
    not_going(Noun.PRODUCT_LINE, product_line, line)
    await _name_is_free(actor, tx, now, name, line["id"])
    where = repository or f"mcd:{name}"
    _check_source(where, path, branch)
    app_id = new_id(now)
    await tx.run(
        insert(t.app).values(
            id=app_id,
            name=name,
            product_line_id=line["id"],
            repository=where,
            path=path,
            branch=branch,
            created_at=now,
            created_by=actor.name,
        )
    )
    await tx.run(insert(t.settings).values(app_id=app_id, revision=0, values={}, created_at=now, created_by=actor.name))
    _tell(tx, now, actor, EventKind.CREATED, name, product_line, say(Note.APP_MADE, name=name, line=product_line))
    return await _app(tx, app_id, product_line)


async def _name_is_free(actor: Actor, tx: Tx, now: datetime, name: str, line_id: str) -> None:
    holder = await tx.row(
        select(t.app, t.product_line.c.name.label("line"))
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .where(t.app.c.name == name)
        .order_by(t.app.c.gone_at.is_(None).desc(), t.app.c.gone_at.desc())
        .limit(1)
    )
    if holder is None:
        return
    if holder["gone_at"] is not None:
        if holder["product_line_id"] == line_id or holder["gone_at"] + RESERVED_FOR <= now:
            return
        until = (holder["gone_at"] + RESERVED_FOR).date().isoformat()
        raise McdError(
            Code.CONFLICT,
            f'the name "{name}" belonged to an App that was deleted, and is kept until {until}.',
            "Choose another name.",
        )
    if not may(actor, Verb.READ, holder["line"]):
        raise McdError(Code.CONFLICT, f'the name "{name}" is taken.', "Choose another name.")
    going = ", and is being deleted" if holder["deleted_at"] is not None else ""
    raise McdError(
        Code.CONFLICT,
        f'the name "{name}" is taken: product line {holder["line"]}, made by {holder["created_by"]}{going}.',
        "Choose another name.",
    )


def _check_source(repository: str, path: str, branch: str) -> None:
    names.check_line_of_text("a repository", repository, 1024)
    names.check_line_of_text("a path", path, 1024)
    names.check_line_of_text("a branch", branch, 244)
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "" in parts or "." in parts:
        raise McdError(
            Code.INVALID, f'"{echo(path)}" is not a path inside the repository.', "Use a path like app.yaml."
        )
    if branch.startswith(("-", "/")) or ".." in branch:
        raise McdError(Code.INVALID, f'"{echo(branch)}" is not a branch.', "Use its short name, like main.")


async def change_app(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    repository: str | None = None,
    path: str | None = None,
    branch: str | None = None,
    expected: int | None = None,
) -> App:
    """What is None stays. Takes effect with the next push. `expected` is the generation that was read."""
    row = await find_app(actor, tx, Verb.SET, name, lock=True)
    expect(Noun.APP, name, expected, row["generation"])
    not_going(Noun.APP, name, row)
    new = {
        "repository": row["repository"] if repository is None else repository,
        "path": row["path"] if path is None else path,
        "branch": row["branch"] if branch is None else branch,
    }
    _check_source(**new)
    changed = sorted(word for word, value in new.items() if value != row[word])
    if changed:
        await tx.run(update(t.app).where(t.app.c.id == row["id"]).values(generation=row["generation"] + 1, **new))
        said = say(Note.APP_CHANGED, name=name, what=", ".join(changed))
        _tell(tx, now, actor, EventKind.CHANGED, name, row["line"], said)
    return await _app(tx, row["id"], row["line"])


async def delete_app(actor: Actor, tx: Tx, now: datetime, name: str, *, expected: int | None = None) -> App:
    """The live Rollout carries the delete out; `gone` in its Result finishes it. An App that never had a Rollout has
    nothing in a cluster and is gone at once. Repeating it changes nothing, but what waits for its time is looked at
    now."""
    row = await find_app(actor, tx, Verb.SET, name, lock=True)
    expect(Noun.APP, name, expected, row["generation"])
    if row["deleted_at"] is not None:
        await _carry_on(tx, now, row["id"])
        return app_of(row, row["line"])
    await tx.run(update(t.app).where(t.app.c.id == row["id"]).values(deleted_at=now, generation=row["generation"] + 1))
    _tell(tx, now, actor, EventKind.DELETED, name, row["line"], say(Note.APP_GOING, name=name))
    # A Release on its way must not be looked at any more: nobody would run it.
    await tx.run(update(t.release).where(t.release.c.app_id == row["id"]).values(next_run_at=None))
    live: Row | None = await live_of(tx, row["id"])
    if live is None:
        await finish_app(tx, now, actor, row)
    else:
        await tx.run(
            update(t.rollout).where(t.rollout.c.id == live["id"]).values(deleted_at=now, **wished(t.rollout, now))
        )
        tx.wished = True
    return await _app(tx, row["id"], row["line"])


async def _carry_on(tx: Tx, now: datetime, app_id: str) -> None:
    """A person asks again for a delete under way: whatever held it may be gone, and nobody waits for the next look."""
    live: Row | None = await live_of(tx, app_id)
    if live is not None:
        await tx.run(update(t.rollout).where(t.rollout.c.id == live["id"]).values(**wished(t.rollout, now)))
        tx.wished = True


def _tell(tx: Tx, now: datetime, actor: Actor, kind: EventKind, name: str, line: str, message: str) -> None:
    events.append(tx, now, actor, kind, message, noun=Noun.APP, name=name, product_line=line, app=name)


async def _app(tx: Tx, app_id: str, line: str) -> App:
    row = await tx.row(select(t.app).where(t.app.c.id == app_id))
    assert row is not None
    return app_of(row, line)
