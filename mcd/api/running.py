"""What runs of an App, as it is compiled from its live Rollout: components with addresses, the exact objects.

Compiled once and remembered while nothing of it changes, so that a page costs no compiler. It must not ask a cluster.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from mcd import model
from mcd.api.addresses import urls
from mcd.api.app_shapes import DryRun
from mcd.api.parts import Part
from mcd.api.places import Place
from mcd.api.rehearsal import Wish, dry_run, pools_of
from mcd.appyaml.live import Pair
from mcd.appyaml.schema.defaults import LONG
from mcd.errors import Code, McdError, Problem
from mcd.model import Actor
from mcd.model.way_back import taken_back
from mcd.objects import Object
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.tx import Tx

KEPT = 400
"""Apps whose objects are remembered, those that were looked at last."""


@dataclass(frozen=True, slots=True)
class Running:
    """Without objects where the pair does not compile any more: `problems` say why."""

    parts: tuple[Part, ...] = ()
    objects: tuple[Object, ...] = ()
    problems: tuple[Problem, ...] = ()


Drawn = tuple[Running, model.Release]


@dataclass(slots=True)
class Drafts:
    """What was compiled already, in this process."""

    _known: OrderedDict[str, Running] = field(default_factory=OrderedDict)
    _parts: OrderedDict[str, Drawn] = field(default_factory=OrderedDict)

    def kept(self, place: Place, rollout: model.Rollout) -> Drawn | None:
        """Components, addresses and problems with the Release, when nothing of the Rollout and of its place changed
        since they were compiled. What is true of other Apps may be older. Nothing is read for it."""
        return self._parts.get(_key_of(place, rollout))

    async def drawn(self, runtime: Runtime, place: Place, pair: Pair, rollout: model.Rollout) -> Drawn:
        """The same, compiled if need be. Not to be asked inside a transaction. Raises McdError(unavailable)."""
        found = (await self.of(runtime, pair, rollout), pair.release)
        if pair.release.app_yaml:
            self._parts[_key_of(place, rollout)] = found
        while len(self._parts) > KEPT:
            self._parts.popitem(last=False)
        return found

    async def of(self, runtime: Runtime, pair: Pair, rollout: model.Rollout | None) -> Running:
        """Raises McdError(unavailable)."""
        key = _key(pair, rollout)
        found = self._known.get(key)
        if found is None:
            found = await _compiled(runtime, pair, rollout)
            self._known[key] = found
        self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found


async def pair_of(actor: Actor, tx: Tx, place: Place, release: int, settings: int | None) -> Pair:
    """All that a Release is compiled with under a Settings revision (None: the newest). Raises McdError not_found."""
    name = place.app.name
    found = await reads.release(actor, tx, name, release, files=True)
    return Pair(
        place.app,
        found,
        await reads.settings(actor, tx, name, settings),
        place.line,
        place.cluster,
        await pools_of(actor, tx, place.cluster.name),
        await reads.facts_of(actor, tx, found, (place.line, place.cluster)),
    )


async def settings_that_run(actor: Actor, tx: Tx, app: str) -> model.Settings:
    """Those of the live Rollout; the newest while nothing runs. Raises McdError not_found."""
    live = await reads.live_rollout(actor, tx, app)
    return await reads.settings(actor, tx, app, live.settings if live is not None else None)


async def dry_run_beside(runtime: Runtime, actor: Actor, app: str, wish: Wish) -> DryRun:
    """The dry run of a wish, with how its Settings differ from those that run now. Raises as `dry_run`."""
    lines: tuple[str, ...] = ()

    async def rehearsed(tx: Tx, now: datetime) -> model.Rollout:
        nonlocal lines
        running = await settings_that_run(actor, tx, app)
        made = await wish(tx, now)
        lines = taken_back(running.values, (await reads.settings(actor, tx, app, made.settings)).values)
        return made

    answer = await dry_run(runtime, actor, rehearsed)
    return answer.model_copy(update={"settings_changes": list(lines)})


def _key_of(place: Place, rollout: model.Rollout) -> str:
    state = (place.line.state.generation, place.cluster.state.generation, sorted(place.cluster.serves.kinds))
    return repr((rollout.id, rollout.release, rollout.settings, place.app.path, state))


def _key(pair: Pair, rollout: model.Rollout | None) -> str:
    release = pair.release
    parts = (
        release.id, release.app_yaml, sorted(release.images.items()), pair.settings.revision, pair.app.path,
        pair.line.wishes, pair.line.namespace, pair.cluster.facts, sorted(pair.cluster.serves.kinds),
        pair.cluster.serves.kubernetes, pair.cluster.serves.storage_classes, pair.pools, pair.facts,
        (rollout.id, sorted(rollout.restarts.items()), sorted(rollout.commits.items())) if rollout else None,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode(errors="replace")).hexdigest()


async def _compiled(runtime: Runtime, pair: Pair, rollout: model.Rollout | None) -> Running:
    if not pair.release.app_yaml:
        return Running()
    try:
        found = await runtime.compiler.desired(pair, rollout, None)
    except McdError as error:
        if error.code is Code.UNAVAILABLE:
            raise
        return Running(problems=error.problems)
    spec = found.compiled.spec
    parts = tuple(
        Part(c.name, c.type, c.replicas, c.type in LONG, tuple(urls((c,), runtime.settings.gateway_port)))
        for c in (spec.components if spec is not None else ())
    )
    return Running(parts, found.objects, found.problems)
