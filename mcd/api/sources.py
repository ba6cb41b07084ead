"""A commit that a person names, found in the App's repository, so that it can become a Release.

Git is asked before the transaction of the wish begins; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mcd.errors import Code, McdError, echo, not_found
from mcd.forge.beside import files_beside
from mcd.forge.forge import Commit
from mcd.forge.receive import belongs, refs_of, repository_path
from mcd.forge.text import read_text
from mcd.model import Actor, App, ConditionType, Noun, Verb
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.lookup import permit
from mcd.store.tx import Tx

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Source:
    """A commit and its app.yaml. `branch` is one that holds it, empty when none is known to. `release` is its number
    when it is one already."""

    commit: Commit
    branch: str
    app_yaml: str
    files: Mapping[str, bytes | None]
    """Those of the repository that app.yaml names."""
    release: int | None


def check_repository(runtime: Runtime, app: str, repository: str | None) -> None:
    """Whether an App may be bound to this repository. Another App's own one is nobody else's to deploy from. Raises
    McdError(invalid)."""
    if repository is None:
        return
    if repository.startswith("mcd:") and repository != f"mcd:{app}":
        raise McdError(
            Code.INVALID, f'"{echo(repository)}" is the repository of another App.', f"Leave it out, or use mcd:{app}."
        )
    runtime.forge(repository)


async def find(runtime: Runtime, actor: Actor, app: str, commit: str) -> Source:
    """`commit` is the beginning of an id, 7 digits or more. Raises McdError not_found (also for a commit without an
    app.yaml), forbidden, conflict, too_large, unavailable."""
    async with runtime.db.reading() as tx:
        found = await reads.app(actor, tx, app)
        await permit(actor, tx, Verb.DEPLOY, Noun.APP, app, found.product_line)
    if found.repository == f"mcd:{app}" and not belongs(repository_path(runtime.settings.repositories, app), found.id):
        # What lies there was an App's that is gone; its commits are nobody's to see.
        raise not_found("commit", commit)
    forge = runtime.forge(found.repository)
    at = await forge.resolve(found.repository, commit)
    text = await read_text(forge, found.repository, at.id, found.path)
    async with runtime.db.reading() as tx:
        number = await _number(actor, tx, app, at.id)
    if number is not None:
        return Source(at, "", text, {}, number)
    said = await runtime.compiler.said(text, found.path) if "source" in text else None
    files = await files_beside(
        forge, found.repository, at.id, found.path, said.sources if said is not None else ()
    )  # fmt: skip
    return Source(at, await _branch(runtime, found, at.id), text, files, None)


async def _branch(runtime: Runtime, app: App, commit: str) -> str:
    """The branch that deploys, if it holds the commit; else one of MCD's own repository that ends in it, or empty: the
    whole history of each would be too much to read for a name."""
    forge = runtime.forge(app.repository)
    try:
        tip = await forge.resolve(app.repository, f"refs/heads/{app.branch}")
        if await forge.is_ancestor(app.repository, commit, tip.id):
            return app.branch
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
    if app.repository != f"mcd:{app.name}":
        return ""
    refs = refs_of(repository_path(runtime.settings.repositories, app.name))
    ends = (ref.removeprefix(_HEADS) for ref, at in refs.items() if ref.startswith(_HEADS) and at == commit)
    return next(ends, "")


async def _number(actor: Actor, tx: Tx, app: str, commit: str) -> int | None:
    try:
        return (await reads.release_by_commit(actor, tx, app, commit)).number
    except McdError as error:
        if error.code is Code.NOT_FOUND:
            return None
        raise


async def release_of(actor: Actor, tx: Tx, now: datetime, app: str, source: Source) -> int:
    """The Release of the commit: the one that there is, tried again when it failed, or a new one. It does not deploy by
    itself, because the wish that it is made for does."""
    number = await _number(actor, tx, app, source.commit.id)
    if number is not None:
        release = await reads.release(actor, tx, app, number)
        if release.state.is_now(ConditionType.STALLED):
            await intents.retry_release(actor, tx, now, app, number)
        return number
    made = await intents.make_release(
        actor,
        tx,
        now,
        app,
        commit=source.commit.id,
        branch=source.branch,
        author=source.commit.author,
        title=source.commit.title,
        app_yaml=source.app_yaml,
        files=source.files,
    )
    return made.number
