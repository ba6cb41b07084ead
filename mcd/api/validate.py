"""/validate and /apps/{app}/diff: an app.yaml checked, or compared with what runs, before anything is pushed."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter

from mcd import model
from mcd.api.access import Maker, Reader, RuntimeOf
from mcd.api.app_shapes import DryRun
from mcd.api.around import compiled
from mcd.api.paths import AppName
from mcd.api.rehearsal import dry_run, pools_of
from mcd.api.shapes import Validation
from mcd.api.strict import StrictRoute
from mcd.api.what_there_is import with_models
from mcd.api.wishes import DiffAsk, Validate
from mcd.appyaml.live import Pair
from mcd.errors import Code, McdError, echo
from mcd.forge.trees import Folder
from mcd.model import Actor
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["validate"], route_class=StrictRoute)

NO_COMMIT = "0" * 40


@router.post("/validate", operation_id="validate")
async def validate(wish: Validate, actor: Reader, runtime: RuntimeOf) -> Validation:
    """All problems of an app.yaml at once: of the file alone, or also against a product line and an App's Settings.
    The answer is 200 also when there are problems."""
    if wish.app is None and wish.product_line is None:
        files = None if wish.files is None else _opened(wish.files)
        return Validation.of(await runtime.compiler.problems(wish.app_yaml, wish.file, files))
    async with runtime.db.reading() as tx:
        pair = await _pair(actor, tx, runtime.now(), wish)
    _, found = await compiled(runtime, actor, pair)
    return Validation.of(with_models(found.problems, pair.pools, pair.line.name))


async def _pair(actor: Actor, tx: Tx, now: datetime, wish: Validate) -> Pair:
    """What would be compiled if the text were pushed. For an App that is not there yet, one that has no Settings."""
    nobody = model.Settings("", 0, {}, now, "")
    settings = nobody if wish.app is None else await reads.settings(actor, tx, wish.app)
    if wish.app is None:
        line_name = wish.product_line or ""
        app = model.App("", "", line_name, "", wish.file, "main", now, None)
    else:
        app = replace(await reads.app(actor, tx, wish.app), path=wish.file)
        line_name = wish.product_line or app.product_line
    line = await reads.product_line(actor, tx, line_name)
    cluster = await reads.cluster(actor, tx, line.cluster)
    state = model.Reconciled(1, 0, (), None)
    release = model.Release(
        "", app.name, 0, NO_COMMIT, app.branch, "", "", "", wish.app_yaml, {}, False, now, actor.name, state,
        files=None if wish.files is None else _opened(wish.files),
    )  # fmt: skip
    return Pair(app, release, settings, line, cluster, await pools_of(actor, tx, cluster.name))


def _opened(files: Mapping[str, str]) -> dict[str, bytes]:
    """Raises McdError(invalid) for a content that is no base64."""
    found = {}
    for path, content in files.items():
        try:
            found[path] = b64decode(content, validate=True)
        except binascii.Error:
            hint = "Send the content of the file in base64."
            raise McdError(Code.INVALID, f'files: "{echo(path)}" is not base64.', hint) from None
    return found


@router.post("/apps/{app}/diff", operation_id="diff_app")
async def diff_app(app: AppName, wish: DiffAsk, actor: Maker, runtime: RuntimeOf) -> DryRun:
    """What a push of this app.yaml would write. An image that the push would build is shown by its future tag, unless
    `context` says that it was built before."""

    files = _opened(wish.files)

    async def rehearsed(tx: Tx, now: datetime) -> model.Rollout:
        found = await _app(actor, tx, now, app, wish.product_line)
        release = await intents.push(
            actor,
            tx,
            now,
            app,
            commit=await _commit(actor, tx, app, wish, files),
            branch=wish.branch or found.branch,
            app_yaml=wish.app_yaml,
            files=files,
            deploys=False,
        )
        asked = await intents.request_rollout(actor, tx, now, app, release=release.number)
        return asked.rollout

    folder = Folder(wish.context.tree, frozenset(wish.context.names)) if wish.context is not None else None
    return await dry_run(runtime, actor, rehearsed, deletes_are_wished=True, folder=folder)


async def _commit(actor: Actor, tx: Tx, app: str, wish: DiffAsk, files: Mapping[str, bytes]) -> str:
    """The commit that the text will be. One that was pushed with another text or other files is not it: its Release is
    what it is."""
    if wish.commit is None:
        return NO_COMMIT
    try:
        known = await reads.release_by_commit(actor, tx, app, wish.commit)
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return wish.commit
    if known.app_yaml != wish.app_yaml:
        return NO_COMMIT
    kept = (await reads.release(actor, tx, app, known.number, files=True)).files or {}
    return wish.commit if {path: raw for path, raw in kept.items() if raw is not None} == files else NO_COMMIT


async def _app(actor: Actor, tx: Tx, now: datetime, name: str, product_line: str | None) -> model.App:
    try:
        return await reads.app(actor, tx, name)
    except McdError as error:
        if error.code is not Code.NOT_FOUND or product_line is None:
            raise
    return await intents.create_app(actor, tx, now, name, product_line=product_line)
