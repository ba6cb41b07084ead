"""Lays Settings over a component: replicas, resources and limits, each told where the file says something else.

The portal wins for exactly these, because they change at night without a commit. It must not know other Settings.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from mcd.appyaml.context import SettingsFacts
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import LONG
from mcd.appyaml.schema.resources import Gpu
from mcd.appyaml.text.nodes import Path, dotted, place_of
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.units import cpu_text

Overrides = dict[str, tuple[object, object]]
"""Dotted path → what the file says (None: nothing) and what Settings say."""

OVERRIDE = "settings.override"


def with_settings(
    component: Component, settings: SettingsFacts, path: Path, overrides: Overrides, findings: Findings
) -> Component:
    """The component as Settings want it. What they say is added to `overrides`, and warned where the file says else."""
    wanted = settings.components.get(str(path[-1]))
    if wanted is None:
        return component
    changes: dict[str, Any] = {}
    if wanted.replicas is not None and component.type in LONG:
        changes["replicas"] = wanted.replicas
        _tell((*path, "replicas"), (component.replicas, wanted.replicas), settings, overrides, findings)
    for word in ("resources", "limits"):
        ours, theirs = getattr(component, word), getattr(wanted, word)
        if theirs is None:
            continue
        merged = {}
        for field in dataclasses.fields(theirs):
            value = getattr(theirs, field.name)
            if value is not None:
                merged[field.name] = value
                pair = (getattr(ours, field.name), value)
                _tell((*path, word, field.name), pair, settings, overrides, findings)
        if merged:
            changes[word] = dataclasses.replace(ours, **merged)
    return dataclasses.replace(component, **changes) if changes else component


def _tell(
    path: Path, values: tuple[object, object], settings: SettingsFacts, overrides: Overrides, findings: Findings
) -> None:
    here, there = (_as_written(path[-1], value) for value in values)
    # Told with the object all the same: it is Settings that hold it, whatever the next commit says.
    overrides[dotted(path)] = (here, there)
    if here == there:
        return
    who = ", ".join(part for part in (settings.by, settings.at[:10]) if part)
    said = "nothing" if here is None else here
    message = f"{said} here, {there} in Settings revision {settings.revision}{f' ({who})' if who else ''}."
    silent = here is None
    place = place_of(findings.root, path[:2] if silent else path, key=silent)
    findings.report.warn(OVERRIDE, place, path, message, "Settings win.")


def _as_written(word: object, value: object) -> object:
    """A value in the words of app.yaml."""
    if isinstance(value, int):
        return cpu_text(value) if word == "cpu" else value
    if isinstance(value, Gpu):
        return f"{'/'.join(value.model)}:{value.count}" if value.model else value.count
    return None if value is None else str(value)
