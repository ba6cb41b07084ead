"""Compiling in context: what a person is about to push, or asks about, with what is true of other Apps as that person
sees it. (What stands around a live workload is `mcd.kube.around`.)

The names that a file holds are read first, then the facts of these Apps; what others have of its hosts and object names
is asked for when it is compiled, and only where there is any it is compiled again. It writes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from mcd.appyaml.live import FILE, Desired, Pair
from mcd.model import Actor, Facts, Footprint, RolloutItem
from mcd.model.facts import NO_FACTS
from mcd.runtime import Runtime
from mcd.store import reads

B = TypeVar("B", Pair, RolloutItem)

_NAMING = ("app_dep", "affinity")
"""A file that holds neither word names no other App."""


async def around(runtime: Runtime, actor: Actor, bound: B) -> B:
    """With the facts of the Apps that its file names. Raises McdError(unavailable)."""
    text = bound.release.app_yaml
    named: tuple[str, ...] = ()
    if any(word in text for word in _NAMING):
        said = await runtime.compiler.said(text, bound.app.path or FILE, bound.line.name)
        named = said.apps if said is not None else ()
    return replace(bound, facts=await _facts(runtime, actor, bound, Footprint(beside=named)))


async def compiled(runtime: Runtime, actor: Actor, bound: Pair) -> tuple[Pair, Desired]:
    """What is wished of a pair, nothing being live yet, and the pair with its facts. Raises McdError: invalid (the
    settings of the product line or the cluster), unavailable."""
    bound = await around(runtime, actor, bound)
    found = await runtime.compiler.desired(bound, None, None)
    bound = await untaken(runtime, actor, bound, found.footprint)
    if bound.facts.hosts or bound.facts.names:
        found = await runtime.compiler.desired(bound, None, None)
    return bound, found


async def untaken(runtime: Runtime, actor: Actor, bound: B, footprint: Footprint | None) -> B:
    """With what other Apps have of its hosts and object names."""
    if footprint is None:
        return bound
    taken = await _facts(runtime, actor, bound, footprint)
    return replace(bound, facts=replace(bound.facts, hosts=taken.hosts, names=taken.names))


async def _facts(runtime: Runtime, actor: Actor, bound: B, footprint: Footprint) -> Facts:
    if not bound.line.id:
        return NO_FACTS
    async with runtime.db.reading() as tx:
        return await reads.facts_around(actor, tx, bound.app, (bound.line, bound.cluster), footprint)
