"""Where pods stand besides their pool (app-yaml 3.18): node labels join those of the pool, names become Apps and
components.

It must not choose a pool (pools.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.record import replace
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.affinity import Affinity
from mcd.appyaml.spec.pod import Expression, Placement, PodTerm
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.words import suggest
from mcd.errors import echo


def with_affinity(run: Resolving, affinity: Affinity | None, path: Path, placement: Placement) -> Placement:
    """The place of a component, as its pool and its own words have it."""
    if affinity is None:
        return placement
    here = (*path, "affinity")
    return replace(
        placement,
        expressions=placement.expressions + _expressions(affinity.require),
        spread=affinity.spread,
        preferred=_expressions(affinity.prefer),
        avoid=_terms(run, affinity.avoid, (*here, "avoid")),
        near=_terms(run, affinity.near, (*here, "near")),
    )


def _expressions(labels: Mapping[str, tuple[str, ...]]) -> tuple[Expression, ...]:
    return tuple(Expression(name, values) for name, values in sorted(labels.items()))


def _terms(run: Resolving, names: tuple[str, ...], path: Path) -> tuple[PodTerm, ...]:
    """Whose pods are meant: a component of this App, else an App of its product line."""
    found = []
    for number, name in enumerate(names):
        if name in run.app.components:
            found.append(PodTerm(run.name, name))
        elif _is_app(run, name, (*path, number)):
            found.append(PodTerm(name))
    return tuple(found)


def _is_app(run: Resolving, name: str, path: Path) -> bool:
    """Without a list of Apps every name is taken to be one."""
    apps = run.context.apps
    if apps is None or name == run.name:
        return True
    if name not in apps:
        beside = {word for word, other in apps.items() if other.product_line == run.line}
        message = f'there is no component and no App "{echo(name)}".'
        run.findings.refuse("ref.unknown", path, message, suggest(name, {*run.app.components, *beside}))
        return False
    if apps[name].product_line != run.line:
        message = f'App "{name}" is in product line "{apps[name].product_line}", whose pods are never beside these.'
        run.findings.refuse("ref.unknown", path, message, "Remove it.")
        return False
    return True
