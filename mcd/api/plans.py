"""What a push would do: to which App it goes, whether its app.yaml may run there, and what it deletes.

Reads the commit, the store and the compiler, and writes nothing. It must not know how a push comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mcd.api.around import compiled
from mcd.api.rehearsal import pools_of
from mcd.appyaml.compiler import ComponentSpec
from mcd.appyaml.live import FILE, Desired, Pair
from mcd.errors import Code, McdError, Problem, echo
from mcd.forge.beside import files_beside
from mcd.forge.forge import Commit, Forge
from mcd.forge.text import read_text
from mcd.forge.wire import ZERO, PushRequest, RefUpdate
from mcd.kube.decision import wishes_deleted
from mcd.model import (
    Actor,
    App,
    Cluster,
    Footprint,
    InventoryEntry,
    NodePool,
    Noun,
    ProductLine,
    Reconciled,
    Release,
    Rollout,
    Settings,
    Verb,
)
from mcd.objects import Object, Ref, ref_of
from mcd.runtime import Runtime
from mcd.store import names, reads
from mcd.store.lookup import permit
from mcd.store.tx import Tx

PUSHED = "mcd:q"
"""The repository of a quarantine."""

_OPTION = "product-line="


@dataclass(frozen=True, slots=True)
class Target:
    """Where a push goes. `app.id` is empty for an App that this push makes. `branch` is the one that deploys."""

    app: App
    branch: str
    line: ProductLine
    cluster: Cluster
    pools: tuple[NodePool, ...]
    settings: Settings
    inventory: tuple[InventoryEntry, ...]
    live: Rollout | None
    running: Release | None


@dataclass(frozen=True, slots=True)
class Planned:
    """What the deployed commit says. With errors among the problems nothing may be stored."""

    commit: Commit
    app_yaml: str
    files: Mapping[str, bytes | None]
    """Those that app.yaml names."""
    appname: str
    components: tuple[str, ...]
    webs: tuple[ComponentSpec, ...]
    """Its components that answer at an address."""
    problems: tuple[Problem, ...]
    deletes: tuple[Ref, ...]
    forced: bool
    footprint: Footprint | None
    """What it has to do with other Apps."""


async def app_to_push(actor: Actor, tx: Tx, name: str) -> App | None:
    """The App, if the person may push to it, or None when the push makes it. Raises McdError: invalid (name),
    forbidden, conflict (the App is going, its source is elsewhere)."""
    names.check_name("an App", name)
    try:
        app = await reads.app(actor, tx, name)
    except McdError as error:
        if error.code is Code.NOT_FOUND:
            # Perhaps it exists and is not this person's to see: then making it is refused, and says no more than that.
            return None
        raise
    await permit(actor, tx, Verb.DEPLOY, Noun.APP, name, app.product_line)
    if app.deleted_at is not None:
        raise McdError(Code.CONFLICT, f'app "{name}" is being deleted.', "Wait until it is gone, then push again.")
    if app.repository != f"mcd:{name}":
        raise McdError(
            Code.CONFLICT,
            f"{name} is deployed from {echo(app.repository)}.",
            "Push there, or bind the App to mcd: again.",
        )
    return app


async def target_of(actor: Actor, tx: Tx, name: str, asked: PushRequest, now: datetime) -> Target:
    """Raises McdError as `app_to_push`, and invalid for push options that are none or a branch that is not clear."""
    wanted = _line_option(asked.options)
    app = await app_to_push(actor, tx, name)
    if app is None:
        line_name = wanted or _default_line(actor)
        branch = _first_branch(asked)
    else:
        line_name, branch = app.product_line, app.branch
        if wanted and wanted != line_name:
            raise McdError(
                Code.CONFLICT, f"{name} is in product line {line_name}, not {echo(wanted)}.", "Leave the option out."
            )
    line = await reads.product_line(actor, tx, line_name)
    await permit(actor, tx, Verb.DEPLOY, Noun.PRODUCT_LINE, line_name, line_name)
    cluster = await reads.cluster(actor, tx, line.cluster)
    pools = await pools_of(actor, tx, cluster.name)
    if app is None:
        new = App("", name, line_name, f"mcd:{name}", "app.yaml", branch, now, None)
        return Target(new, branch, line, cluster, pools, Settings(name, 0, {}, now, actor.name), (), None, None)
    live = await reads.live_rollout(actor, tx, name)
    return Target(
        app, branch, line, cluster, pools,
        settings=await reads.settings(actor, tx, name),
        inventory=await reads.inventory(actor, tx, name),
        live=live,
        running=await reads.release(actor, tx, name, live.release, files=True) if live is not None else None,
    )  # fmt: skip


def _line_option(options: tuple[str, ...]) -> str:
    wanted = ""
    for option in options:
        if not option.startswith(_OPTION) or option == _OPTION:
            raise McdError(
                Code.INVALID, f'there is no push option "{echo(option, 60)}".', "Use git push -o product-line=NAME."
            )
        wanted = option.removeprefix(_OPTION)
    return wanted


def _default_line(actor: Actor) -> str:
    if actor.default_product_line:
        return actor.default_product_line
    if len(actor.roles) == 1:
        return next(iter(actor.roles))
    raise McdError(
        Code.INVALID, "this push makes a new App, and you have no default product line.",
        "Say which: git push -o product-line=NAME.",
    )  # fmt: skip


def _first_branch(asked: PushRequest) -> str:
    """The branch that a new App is deployed from: the one that is pushed, or main or master among several."""
    branches = [u.branch for u in asked.updates if u.branch and not u.deletes]
    if len(branches) == 1:
        return branches[0]
    for usual in ("main", "master"):
        if usual in branches:
            return usual
    raise McdError(
        Code.INVALID, "the first push of an App must bring the branch that it is deployed from.",
        "Push one branch first, for example main.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plans:
    """What a push is planned with: the server, the person, and the commits as they came."""

    runtime: Runtime
    actor: Actor
    forge: Forge


async def plan_push(plans: Plans, target: Target, update: RefUpdate, branch: str, tag: str) -> Planned:
    """Reads and compiles the commit in the context of its product line; `branch` and `tag` are those that it is
    deployed under. Raises McdError when app.yaml is not there or no file, names too many files, or what people wrote
    about the line is wrong."""
    forge, compiler = plans.forge, plans.runtime.compiler
    commit = await forge.resolve(PUSHED, update.new)
    text = await _app_yaml(forge, commit.id, target.app.path)
    said = await compiler.said(text, target.app.path or FILE, target.line.name) if "source" in text else None
    files = await files_beside(forge, PUSHED, commit.id, target.app.path, said.sources if said is not None else ())
    release = replace(_release(target, commit, text), branch=branch, tag=tag, files=files)
    pair = Pair(target.app, release, target.settings, target.line, target.cluster, target.pools)
    _, wanted = await compiled(plans.runtime, plans.actor, pair)
    forced = update.old != ZERO and not await forge.is_ancestor(PUSHED, update.old, update.new)
    spec = wanted.compiled.spec
    return Planned(
        commit=commit,
        app_yaml=text,
        files=files,
        appname=spec.label_name if spec is not None else target.app.name,
        components=tuple(c.name for c in spec.components) if spec is not None else (),
        webs=tuple(c for c in spec.components if c.web is not None) if spec is not None else (),
        problems=wanted.problems,
        deletes=await _deletes(plans, target, wanted) if wanted.compiled.ok else (),
        forced=forced,
        footprint=wanted.footprint,
    )


async def _app_yaml(forge: Forge, commit: str, path: str) -> str:
    try:
        return await read_text(forge, PUSHED, commit, path)
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        raise McdError(
            Code.INVALID,
            f"there is no {echo(path)} in {commit[:12]}.",
            "Add one (mcd init writes it), commit and push.",
        ) from None


def _release(target: Target, commit: Commit, text: str) -> Release:
    state = Reconciled(1, 0, (), None)
    return Release(
        "", target.app.name, 0, commit.id, target.branch, "", commit.author, commit.title, text, {}, True,
        commit.committed_at, "", state,
    )  # fmt: skip


async def _deletes(plans: Plans, target: Target, wanted: Desired) -> tuple[Ref, ...]:
    """What is there or on its way and that the new render does not name, but for what holds data: exactly what the
    push wishes deleted."""
    there = {entry.ref for entry in target.inventory}
    if target.running is not None:
        running = target.running
        async with plans.runtime.db.reading() as tx:
            facts = await reads.facts_of(plans.actor, tx, running, (target.line, target.cluster))
        pair = Pair(target.app, running, target.settings, target.line, target.cluster, target.pools, facts)
        there |= _refs((await plans.runtime.compiler.desired(pair, None, None)).objects)
    return wishes_deleted(there, _refs(wanted.objects))


def _refs(objects: tuple[Object, ...]) -> set[Ref]:
    return {ref_of(obj) for obj in objects}
