"""Fills the tables of docs/reference/app-yaml.md from the schema, the alerts and the context: `make docs`.

The text around them is written by hand. It must not say anything of a field that the schema does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mcd.appyaml.context import Context
from mcd.appyaml.schema.affinity import Affinity
from mcd.appyaml.schema.alert import BUILTIN, Alert
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.app_dep import AppDep
from mcd.appyaml.schema.build import Build
from mcd.appyaml.schema.canary import Canary, Check, Step
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import LONG, TYPES
from mcd.appyaml.schema.deploy import Deploy
from mcd.appyaml.schema.fields import Key, keys_of
from mcd.appyaml.schema.files import File
from mcd.appyaml.schema.gpu import Gpu
from mcd.appyaml.schema.health import Health, Probe
from mcd.appyaml.schema.idle import IdleGpu
from mcd.appyaml.schema.infra import Infra
from mcd.appyaml.schema.lifecycle import History, Rollout, Stop
from mcd.appyaml.schema.metrics import Metrics
from mcd.appyaml.schema.network import Domain, LongPort
from mcd.appyaml.schema.oauth import SignIn
from mcd.appyaml.schema.pre import Pre
from mcd.appyaml.schema.resources import Limits, Resources
from mcd.appyaml.schema.scaling import Autoscale, Promql, Queue
from mcd.appyaml.schema.sidecar import Sidecar, SidecarResources
from mcd.appyaml.schema.storage import Permdir, Stateful
from mcd.appyaml.schema.variable import Variable
from mcd.appyaml.schema.watched import Trace

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "app-yaml.md"

MODELS: tuple[type, ...] = (
    App, Build, Variable, Infra, AppDep, LongPort, Domain, SignIn, Sidecar, SidecarResources,
    Resources, Limits, Gpu, Health, Probe, Rollout, Stop,
    History, Affinity, Permdir, File, Stateful, IdleGpu, Alert, Trace, Deploy, Pre,
    Autoscale, Queue, Promql, Canary, Step, Check, Metrics,
)  # fmt: skip
NOT_USED = " *Read, not used yet.*"
_REGION = re.compile(r"<!-- (?P<what>[a-z]+)(?:: (?P<name>[^>]+?))? -->\n.*?<!-- end -->", re.DOTALL)


def page() -> str:
    """The page as it is, with its tables as they should be. Raises KeyError for a region that is none."""
    return _REGION.sub(_region, PAGE.read_text(encoding="utf-8"))


def _region(found: re.Match[str]) -> str:
    what, name = found["what"], found["name"] or ""
    rows = {"fields": _fields, "alerts": _alerts, "context": _context}[what](name)
    return "\n".join([found[0].splitlines()[0], *rows, "<!-- end -->"])


def _fields(name: str) -> list[str]:
    keys = _keys(name)
    types = any(known.only for known in keys.values())
    head = ["key", *(["for"] if types else []), "type", "default", "meaning", "becomes", "example"]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for word, known in keys.items():
        meaning = known.meaning + (f" Limits: {known.limits}." if known.limits else "")
        default = "**required**" if known.required else known.default
        example = f"`{word}: {known.example}`" if known.example else ""
        cells = [f"`{word}`", *([", ".join(known.only)] if types else []), known.kind.name, default]
        rows.append(f"| {' | '.join(_cell(text) for text in (*cells, meaning, known.effect, example))} |")
    return rows


def _keys(name: str) -> dict[str, Key]:
    """The keys of a model, or those of a component of some types."""
    model, _, of = name.partition(" of ")
    if not of:
        return dict(keys_of({m.__name__: m for m in MODELS}[model]))
    wanted = {"every type": (), "web, service, daemon": LONG, "cron, job": ("cron", "job")}[of]
    return {
        word: key
        for word, key in keys_of(Component).items()
        if set(key.only) <= set(wanted) and bool(key.only) == bool(wanted)
    }


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _alerts(_: str) -> list[str]:
    rows = ["| alert | for | from | after | severity |", "|---|---|---|---|---|"]
    for name, row in BUILTIN.items():
        of = "all" if row.types == TYPES else ", ".join(row.types) or "the App"
        rows.append(f"| `{name}` | {of} | {row.threshold or '–'} | {row.wait} | {row.severity} |")
    return rows


def _context(_: str) -> list[str]:
    rows = ["| key | type | meaning |", "|---|---|---|"]
    return rows + [
        f"| `{where}` | {_cell(key.kind.name)} | {_cell(key.meaning)}{NOT_USED if unused else ''} |"
        for where, key, unused in _inside(Context, "", unused=False)
    ]


def _inside(model: type, where: str, *, unused: bool) -> Iterator[tuple[str, Key, bool]]:
    """Every key of the context, and whether it, or what it stands in, is read and not used yet."""
    for word, known in keys_of(model).items():
        here = f"{where}.{word}" if where else word
        nobody = unused or known.unused
        yield here, known, nobody
        inner = known.kind.model
        # Resources and limits of Settings are those of 3.13.
        if inner is not None and inner not in (Resources, Limits):
            step = "[]" if known.kind.many else ".NAME" if known.kind.inner is not None else ""
            yield from _inside(inner, here + step, unused=nobody)
