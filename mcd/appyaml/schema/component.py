"""A component (app-yaml 3.9, 3.10, 3.20): what only cron and job may say, and how the type decides what is known.

The reader, `mcd explain` and `mcd schema` are made from this class and those that it extends. It must not compare keys
with one another and fill no default that depends on something else (resolve/).
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import (
    DAY,
    TRIGGERS,
    TYPE_ALIASES,
    TYPES,
    WITH_A_DEPLOY,
)
from mcd.appyaml.schema.fields import BAD, either, key, mapping, model, read_model, refused_shape
from mcd.appyaml.schema.lifecycle import History
from mcd.appyaml.schema.running import Serving
from mcd.appyaml.schema.shapes import (
    ANY,
    check_component_name,
)
from mcd.appyaml.schema.values import BOOLEAN, choice, duration, integer
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import duration_text


@record
class Component(Serving):
    """One component: a program of the App and how it runs."""

    schedule: str | None = key(
        ANY,
        "Five fields (minute hour day month weekday) or @hourly @daily @midnight @weekly @monthly @yearly @annually.",
        only=("cron",),
        effect="CronJob schedule",
        default="required",
        example='"*/5 * * * *"',
    )
    timezone: str | None = key(
        ANY,
        "IANA name.",
        only=("cron",),
        default="the product line's, else UTC",
        effect="CronJob timeZone, always written",
        example="Asia/Shanghai",
    )
    concurrency: str = key(
        choice(("allow", "forbid", "replace")),
        "Whether a run may start while the last one runs.",
        value="forbid",
        only=("cron",),
        effect="concurrencyPolicy",
        example="replace",
    )
    start_within: int = key(
        duration(10, 30 * DAY),
        "A run that could not start in time is missed.",
        value=600,
        only=("cron",),
        limits="at least 10s",
        effect="startingDeadlineSeconds",
        example="1h",
    )
    suspend: bool = key(
        BOOLEAN,
        "No run starts by the clock.",
        value=False,
        only=("cron",),
        effect="suspend",
        example="true",
    )
    history: History = key(
        model(History),
        "Finished runs that are kept.",
        value=History,
        only=("cron",),
        effect="successfulJobsHistoryLimit, failedJobsHistoryLimit",
        example="{success: 1}",
    )
    timeout: int | None = key(
        duration(1, 30 * DAY),
        "A run that takes longer is stopped.",
        default=f"{duration_text(DAY)}; {duration_text(WITH_A_DEPLOY)} for a job whose trigger is not manual",
        only=("cron", "job"),
        limits="1s to 30d",
        effect="activeDeadlineSeconds",
        example="1h",
    )
    retries: int = key(
        integer(0, 20),
        "So many more attempts; a lost node is not counted.",
        value=0,
        only=("cron", "job"),
        limits="0 to 20",
        effect="backoffLimit",
        example="2",
    )
    trigger: str = key(
        choice(TRIGGERS),
        "When a job runs: before any workload of a deploy changes, when all of it is healthy, after it failed, or when "
        "a person or a program asks.",
        value="manual",
        only=("job",),
        effect="annotation mcd.internal/trigger; suspend",
        example="pre_deploy",
    )
    keep: int = key(
        duration(1, 365 * DAY),
        "How long a finished run and its logs are kept.",
        value=7 * DAY,
        only=("job",),
        effect="ttlSecondsAfterFinished",
        example="1d",
    )


def type_of(node: Map) -> str:
    """The type that a component says it has, in our words; "" where it says none that there is."""
    entry = node.entries.get("type")
    word = entry[1].text if entry and type(entry[1]) is Scalar else ""
    kind = TYPE_ALIASES.get(word, word)
    return kind if kind in TYPES else ""


def _read_component(report: Report, node: Node, path: Path) -> Any:
    """The type decides which keys are known."""
    if type(node) is not Map:
        return refused_shape(report, node, path, "a mapping like {type: web}")
    kind = type_of(node)
    component = read_model(report, node, path, Component, type_name=kind)
    if kind == "cron" and "schedule" not in node.entries:
        hint = 'Write it like "0 3 * * *" or "@daily".'
        report.refuse("schema.missing", node.key or node.place, (*path, "schedule"), '"schedule" is missing.', hint)
    if kind == "service" and not node.entries.keys() & {"port", "ports"}:
        report.refuse(
            "schema.missing",
            node.key or node.place,
            (*path, "ports"),
            '"ports" is missing.',
            "Write port: N, or ports: {name: N}.",
        )
    return component


COMPONENT = either("mapping", _read_component, [{"$ref": "#/$defs/Component"}], Component)


def read_components(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Map and not node.entries:
        report.refuse("value.range", node.place, path, "no component.", "Write at least one.")
        return BAD
    if type(node) is Map and len(node.entries) > 100:
        report.refuse(
            "value.range", node.key or node.place, path, f"{len(node.entries)} components.", "Use at most 100."
        )
        return BAD
    return mapping(COMPONENT, name=check_component_name).read(report, node, path)
