"""Dry runs: what a wish would write, worked out by the very functions that the controllers use, and nothing written.

The wish is done in a transaction that is taken back; the pair is compiled as a Rollout would compile it; the live
objects are read; the plan is told. No decision is made here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime

from mcd import model
from mcd.api import places
from mcd.api.app_shapes import DryRun
from mcd.api.around import around, untaken
from mcd.api.carry import rehearse
from mcd.api.diffs import changes_of, replaced_by
from mcd.api.images import Foretold, foretell
from mcd.api.shapes import Problem
from mcd.api.what_there_is import with_models
from mcd.appyaml.live import Desired, of_the_line
from mcd.errors import Code, McdError, has_errors
from mcd.forge.trees import Folder
from mcd.kube.decision import Decision, Intent, as_pushed, decide
from mcd.kube.live import LiveObjects
from mcd.kube.seen import seen_for
from mcd.model import Actor, Noun, Reason, ReleaseItem, RolloutItem, Stalled
from mcd.runtime import Runtime
from mcd.store import reads, work
from mcd.store.reads import Part
from mcd.store.tx import Tx

Wish = Callable[[Tx, datetime], Awaitable[model.Rollout]]
"""Makes the Rollout that is to be rehearsed."""


async def dry_run(
    runtime: Runtime, actor: Actor, wish: Wish, *, deletes_are_wished: bool = False, folder: Folder | None = None
) -> DryRun:
    """The exact ChangeSet of the Rollout that `wish` of the person makes. `folder` is the build context of a commit
    that was not pushed yet. Raises McdError of the wish, invalid with all problems of app.yaml, unavailable when the
    cluster cannot be read."""

    async def act(tx: Tx, now: datetime) -> tuple[RolloutItem, Mapping[str, str]]:
        rollout = await wish(tx, now)
        loaded = (await work.load(tx, Noun.ROLLOUT, [rollout.id]))[rollout.id]
        assert isinstance(loaded, RolloutItem)
        release = (await work.load(tx, Noun.RELEASE, [loaded.release.id]))[loaded.release.id]
        assert isinstance(release, ReleaseItem)
        return loaded, release.builds

    item, builds = await rehearse(runtime, act)
    known = item.release.footprint is not None
    if not known:
        # Nobody has compiled it yet. The loop will, and knows then what other Apps are to it.
        item = await around(runtime, actor, item)
    found = await _compiled(runtime, item)
    if not known:
        item = await untaken(runtime, actor, item, found.footprint)
    spec = found.compiled.spec
    assert spec is not None
    foretold = await foretell(runtime, item, spec, builds, folder)
    item = replace(item, release=replace(item.release, images=foretold.images))
    wanted = await _compiled(runtime, item)
    return _told(item, wanted, await _decided(runtime, item, wanted, deletes_are_wished), foretold)


async def _compiled(runtime: Runtime, item: RolloutItem) -> Desired:
    """As the Rollout would compile it. Raises McdError(invalid) with all problems."""
    wanted = await runtime.compiler.desired(item, item.rollout, item.previous)
    if has_errors(wanted.problems):
        count = sum(has_errors([p]) for p in wanted.problems)
        raise McdError(
            Code.INVALID,
            f"{item.app.path} of Release {item.release.number} has {count} problem{'s' if count > 1 else ''}.",
            "Mend them, then try again.",
            reason=Reason.INVALID_APP_YAML,
            problems=with_models(wanted.problems, item.pools, item.line.name),
        )
    return wanted


async def _decided(runtime: Runtime, item: RolloutItem, wanted: Desired, deletes_are_wished: bool) -> Decision:
    intent = Intent(item, wanted.objects, of_the_line(wanted, item.line.namespace), runtime.owner)
    if deletes_are_wished:
        intent = as_pushed(intent)
    live = LiveObjects(await places.client_of(runtime, places.Place(item.app, item.line, item.cluster, item.inventory)))
    return decide(intent, await seen_for(intent, live), runtime.now())


def _told(item: RolloutItem, wanted: Desired, decision: Decision, foretold: Foretold) -> DryRun:
    found, stop = decision.plan, decision.stop
    if isinstance(stop, Stalled):
        # The Rollout would end here: what is not held would not be written either.
        found = replace(found, apply=(), delete=(), prune_digest="")
    return DryRun(
        release=item.release.number,
        settings=item.settings.revision,
        changes=changes_of(found, _to_make(item, wanted)),
        unchanged=len(found.unchanged),
        writes=len(found.apply) + len(found.delete),
        reason=stop.reason if stop is not None else None,
        message=stop.message if stop is not None else "",
        to_build=list(foretold.to_build),
        confirm_prune=found.prune_digest,
        replaces=replaced_by(found),
        warnings=[Problem.of(p) for p in wanted.problems],
    )


def _to_make(item: RolloutItem, wanted: Desired) -> frozenset[str]:
    """What was never made for the App and would be now. A dry run makes none."""
    spec = wanted.compiled.spec
    return frozenset(spec.generated if spec is not None else ()) - set(item.app.generated)


async def pools_of(actor: Actor, tx: Tx, cluster: str) -> tuple[model.NodePool, ...]:
    """Every pool of a cluster."""
    found: list[model.NodePool] = []
    cursor: str | None = None
    while True:
        part = await reads.node_pools(actor, tx, Part(500, cursor), cluster=cluster)
        found += part.items
        cursor = part.next_cursor
        if cursor is None:
            return tuple(found)
