"""How many pods there are by load (app-yaml 3.14): bounds, what is measured, a queue, a query.

It must not compare keys with one another (resolve/scaling.py), nor know which scaler does it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.fields import BAD, Kind, either, key, model, refused_shape
from mcd.appyaml.schema.values import choice, duration, integer, text
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import Node, Path, Scalar
from mcd.appyaml.text.problems import Report

QUEUES = ("rabbitmq", "kafka", "redis")
"""Kinds of infra that have a backlog to scale by."""

DEFAULT_CPU_TARGET = 70
"""Per cent of `resources.cpu`, where no trigger is written."""

_QUEUE_NAME = re.compile(r"(?!.*\{\{)[!-~]{1,255}")
_QUERY = re.compile(r"(?!.*\{\{)(?=.*\S)[^\0]{1,4000}", re.DOTALL)


def _read_target(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a number")
    number = scalars.number(node, Decimal("0.001"), Decimal(10**12))
    if isinstance(number, scalars.Wrong):
        report.refuse(number.code, node.place, path, number.message, number.hint)
        return BAD
    return number


TARGET = either("number", _read_target, [{"type": "number", "exclusiveMinimum": 0}, patterns.NUMBER])


@record
class Queue:
    """`queue`: the backlog of a queue, per replica."""

    infra: str = key(
        text(),
        "Which entry of infra holds it.",
        required="Write the name of an entry of infra.",
        limits="of kind rabbitmq, kafka or redis (a list)",
        effect="KEDA trigger; TriggerAuthentication with its credentials",
        example="mq",
    )
    name: str = key(
        text(
            shape=_QUEUE_NAME,
            what="a name of a queue",
            hint="Use at most 255 characters without blanks; templates are not expanded here.",
        ),
        "The queue, topic or list.",
        required="Write the name of the queue.",
        limits="255 characters",
        effect="queueName, topic, listName",
        example="orders",
    )
    length: int = key(
        integer(1, 10**9),
        "So many waiting messages are the work of one replica.",
        required="Write how many messages one replica may have waiting.",
        limits="1 to 1000000000",
        effect="value, lagThreshold, listLength",
        example="20",
    )
    group: str | None = key(
        text(
            shape=_QUEUE_NAME,
            what="a name of a group",
            hint="Use at most 255 characters without blanks; templates are not expanded here.",
        ),
        "The consumer group; kafka only, and needed there.",
        default="none",
        effect="consumerGroup",
        example="billing",
    )


@record
class Promql:
    """`promql`: a number that Prometheus knows."""

    query: str = key(
        text(shape=_QUERY, what="a query", hint="Write PromQL; templates are not expanded here."),
        "PromQL that answers with one number.",
        required="Write PromQL that answers with one number.",
        limits="4000 characters",
        effect="query",
        example="sum(backlog)",
    )
    target: Decimal = key(
        TARGET,
        "What that number should be.",
        required="Write the number to keep.",
        limits="more than 0",
        effect="threshold",
        example="30",
    )
    type: str = key(
        choice(("average", "value")),
        "average: the number divided by the replicas; value: the number itself.",
        value="average",
        effect="metricType AverageValue or Value",
        example="value",
    )


@record
class Autoscale:
    """`autoscale`: replicas by load."""

    min: int = key(
        integer(0, 500),
        "Never fewer pods.",
        value=1,
        limits="0 only for a daemon with queue or promql",
        effect="minReplicas; with KEDA minReplicaCount",
        example="2",
    )
    max: int = key(
        integer(1, 500),
        "Never more pods.",
        required="Use 1 to 500.",
        limits="1 to 500, at least min",
        effect="maxReplicas; with KEDA maxReplicaCount; a disruption budget and spread from 2",
        example="6",
    )
    cpu: int | None = key(
        integer(1, 200),
        "Per cent of resources.cpu that pods should use.",
        default=f"{DEFAULT_CPU_TARGET} if no trigger is written",
        limits="1 to 200",
        effect="HPA averageUtilization; KEDA trigger cpu",
        example="60",
    )
    memory: int | None = key(
        integer(1, 200),
        "Per cent of resources.memory that pods should use.",
        default="none",
        limits="1 to 200",
        effect="HPA averageUtilization; KEDA trigger memory",
        example="80",
    )
    rps: int | None = key(
        integer(1, 10**6),
        "Requests per second of one replica; web only.",
        default="none",
        limits="1 to 1000000",
        effect="KEDA trigger prometheus, AverageValue",
        example="50",
    )
    p95: Decimal | None = key(
        duration(Decimal("0.001"), 3600, millis=True),
        "Latency that 95 of 100 requests keep; web only.",
        default="none",
        limits="1ms to 1h",
        effect="KEDA trigger prometheus, Value",
        example="300ms",
    )
    queue: Queue | None = key(
        model(Queue),
        "The backlog of a queue, per replica.",
        default="none",
        effect="KEDA trigger rabbitmq, kafka or redis; TriggerAuthentication",
        example="{infra: mq, name: orders, length: 20}",
    )
    promql: Promql | None = key(
        model(Promql),
        "A number that Prometheus knows.",
        default="none",
        effect="KEDA trigger prometheus",
        example="{query: sum(backlog), target: 30}",
    )
    cooldown: int = key(
        duration(0, 3600),
        "How long load must be low before pods go.",
        value=300,
        limits="0s to 1h",
        effect="behavior.scaleDown.stabilizationWindowSeconds; cooldownPeriod",
        example="10m",
    )


AUTOSCALE: Kind = model(Autoscale)
"""app.yaml and Settings say the same."""
