"""Storage that survives a pod (app-yaml 3.7, 3.9, 3.22, 6.15): who mounts permdir, which class holds it, who may write.

It must not make objects.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcd.appyaml.record import replace
from mcd.appyaml.resolve.rollout import strategy_path
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.storage import PermdirSpec, StatefulSpec
from mcd.appyaml.text.nodes import Map, Path, node_at

_ONE_BY_ONE = ("strategy", "max_surge", "max_unavailable", "timeout", "canary")
"""Keys of `rollout` that a StatefulSet cannot follow."""


def resolve_permdir(run: Resolving) -> PermdirSpec | None:
    """The directory, where a component mounts it."""
    asked, cluster = run.app.permdir, run.context.cluster
    names = sorted(name for name, component in run.app.components.items() if component.permdir)
    if asked is None or not names:
        return None
    if asked.single_writer and len(names) > 1:
        message = f"{len(names)} components mount permdir ({', '.join(names)}), but single_writer allows one."
        hint = "Write permdir: false in the others."
        run.findings.refuse("combination", ("permdir", "single_writer"), message, hint)
    fast = _fast(run, asked.fast, ("permdir", "fast"))
    shared = fast or cluster.storage.shared
    alone = asked.single_writer or shared is None
    return PermdirSpec(
        claim=f"{run.name}-permdir",
        path=asked.path,
        size=asked.size,
        storage_class=(fast or cluster.storage.default) if alone else str(shared),
        alone=alone,
    )


def _fast(run: Resolving, wanted: bool, path: Path) -> str | None:
    """The fast class, if it is wanted and there."""
    cluster = run.context.cluster
    if wanted and cluster.storage.fast is None and run.context.known:
        message = f'cluster "{cluster.name}" has no fast storage: fast is left out.'
        run.findings.warn("cluster.degraded", path, message)
    return cluster.storage.fast if wanted else None


def for_one_writer(run: Resolving, component: Component, path: Path) -> Component:
    """The component as it can roll out while one pod at a time may write: the old one stops before the new one
    starts. The pods of a stateful one are replaced like that in any case."""
    permdir, asked = run.permdir, run.app.permdir
    if permdir is None or asked is None or not permdir.alone or not component.permdir:
        return component
    if component.stateful is not None:
        return component
    written = component.rollout.strategy
    if asked.single_writer and written in ("rolling", "canary"):
        what = "rolling runs two pods" if written == "rolling" else "canary runs two versions"
        message = f"{what} at once, but permdir.single_writer allows one pod."
        run.findings.refuse("combination", strategy_path(path, run.findings), message, "Use recreate.")
    return replace(component, rollout=replace(component.rollout, strategy="recreate"))


def check_writers(run: Resolving, components: Sequence[ComponentSpec]) -> None:
    """That no more pods mount permdir than its storage can serve; Settings and autoscale have been heard."""
    permdir, asked = run.permdir, run.app.permdir
    if permdir is None or asked is None or not permdir.alone:
        return
    many = [component for component in components if component.permdir is not None and component.most > 1]
    if asked.single_writer:
        for component in many:
            word = ("replicas",) if component.autoscale is None else ("autoscale", "max")
            message = f"{component.most} pods would write to permdir, but permdir.single_writer allows one."
            run.findings.refuse("combination", ("components", component.name, *word), message, "Use 1.")
        return
    lacks = f'cluster "{run.context.cluster.name}" has no shared storage'
    if many or sum(component.permdir is not None for component in components) > 1:
        run.findings.refuse("cluster.lacks", ("permdir",), f"{lacks}.", "Use one replica in one component.")
    else:
        run.findings.warn("cluster.degraded", ("permdir",), f"{lacks}: permdir is for one pod at a time.")


def resolve_stateful(run: Resolving, component: Component, path: Path) -> StatefulSpec | None:
    """A name and perhaps a volume for each pod. What `rollout` says then is refused, key by key."""
    asked = component.stateful
    if asked is None:
        return None
    written = node_at(run.findings.root, (*path, "rollout"))
    words = [(word,) for word in _ONE_BY_ONE if word in written.entries] if type(written) is Map else [()]
    for word in words if written is not None else ():
        where = (*path, "rollout", *word)
        message = "stateful pods are replaced one by one."
        run.findings.refuse("exclusive", where, message, "Remove it.", key=True)
    if asked.path is None:
        return StatefulSpec("", asked.size, "")
    storage = run.context.cluster.storage
    return StatefulSpec(asked.path, asked.size, _fast(run, asked.fast, (*path, "stateful", "fast")) or storage.default)
