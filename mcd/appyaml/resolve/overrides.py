"""Lays Settings over a component: replicas, autoscale, resources, limits, each told where the file says otherwise.

The portal wins for exactly these, because they change at night without a commit. It must not know other Settings.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from mcd.appyaml.context import ComponentSettings, SettingsFacts
from mcd.appyaml.record import record, replace
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import LONG
from mcd.appyaml.schema.fields import as_written, keys_of
from mcd.appyaml.schema.gpu import Gpu
from mcd.appyaml.schema.scaling import Autoscale, Promql, Queue
from mcd.appyaml.text.nodes import Path, dotted, place_of
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.units import cpu_text

Overrides = dict[str, tuple[object, object]]
"""Dotted path → what the file says (None: nothing) and what Settings say."""

OVERRIDE = "settings.override"


@record
class _Telling:
    """Where what Settings say is told."""

    settings: SettingsFacts
    path: Path
    overrides: Overrides
    findings: Findings

    def note(self, word: str, here: object, there: object) -> None:
        """Told with the object, also where both say the same: it is Settings that hold it, whatever the next commit
        says."""
        self.overrides[f"{dotted(self.path)}.{word}"] = (here, there)

    def warn(self, word: str, here: object, there: object) -> None:
        """At what is overridden, or at the component where the file is silent."""
        path = (*self.path, *word.split("."))
        silent = here is None
        place = place_of(self.findings.root, path[:2] if silent else path, key=silent)
        said = "nothing" if silent else _shown(here)
        message = f"{said} here, {_shown(there)} in {said_by(self.settings)}."
        self.findings.report.warn(OVERRIDE, place, path, message, "Settings win.")

    def tell(self, word: str, here: object, there: object) -> None:
        self.note(word, here, there)
        if here != there:
            self.warn(word, here, there)


def with_settings(
    component: Component, settings: SettingsFacts, path: Path, overrides: Overrides, findings: Findings
) -> Component:
    """The component as Settings want it. What they say is added to `overrides`, and warned where the file says else."""
    wanted = settings.components.get(str(path[-1]))
    if wanted is None:
        return component
    telling = _Telling(settings, path, overrides, findings)
    changes = _scaling(component, wanted, telling) if component.type in LONG else {}
    for word in ("resources", "limits"):
        ours, theirs = getattr(component, word), getattr(wanted, word)
        if theirs is None:
            continue
        merged = {}
        for field in dataclasses.fields(theirs):
            value = getattr(theirs, field.name)
            if value is not None:
                merged[field.name] = value
                here, there = (_as_written(field.name, v) for v in (getattr(ours, field.name), value))
                telling.tell(f"{word}.{field.name}", here, there)
        if merged:
            changes[word] = replace(ours, **merged)
    return replace(component, **changes) if changes else component


def _scaling(component: Component, wanted: ComponentSettings, telling: _Telling) -> dict[str, Any]:
    """Replicas or autoscale: what Settings say of one takes the other away, because only one of them can be."""
    if wanted.replicas is None and wanted.autoscale is None:
        return {}
    ours = {word: _as_written(word, getattr(component, word)) for word in ("replicas", "autoscale")}
    word, other = ("replicas", "autoscale") if wanted.replicas is not None else ("autoscale", "replicas")
    there = _as_written(word, getattr(wanted, word))
    if ours[other] is None:
        telling.tell(word, ours[word], there)
    else:
        telling.note(word, ours[word], there)
        telling.note(other, ours[other], None)
        pair = (ours[other], "autoscale") if word == "autoscale" else ("autoscale", there)
        telling.warn(other, *pair)
    return {word: getattr(wanted, word), other: None}


def said_by(settings: SettingsFacts) -> str:
    """`Settings revision 7 (alice, 2026-05-03)`."""
    who = ", ".join(part for part in (settings.by, settings.at[:10]) if part)
    return f"Settings revision {settings.revision}{f' ({who})' if who else ''}"


def _as_written(word: str, value: object) -> object:
    """A value in the words of app.yaml, as JSON holds it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return cpu_text(value) if word == "cpu" else value
    if isinstance(value, Gpu) and value.memory is None and value.vendor is None and value.mig is None:
        return f"{'/'.join(value.model)}:{value.count}" if value.model else value.count
    if isinstance(value, (Gpu, Autoscale, Queue, Promql)):
        return _mapping(value)
    return str(value)


def _mapping(value: Gpu | Autoscale | Queue | Promql) -> dict[str, object]:
    """What is written of it: not what stands there anyway."""
    said: dict[str, object] = {}
    model: Any = type(value)
    for word, known in keys_of(model).items():
        here = getattr(value, word)
        text = as_written(known.kind, here)
        if text in ("", "[]", known.default):
            continue
        if isinstance(here, tuple):
            said[word] = list(here)
        else:
            said[word] = _as_written("", here) if isinstance(here, (int, Queue, Promql)) else text
    return said


def _shown(value: object) -> str:
    """A value on one line of a message."""
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if not isinstance(value, dict):
        return str(value)
    return f"{{{', '.join(f'{word}: {_shown(inner)}' for word, inner in value.items())}}}"
