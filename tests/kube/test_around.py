"""Scalers, listeners and certificates that do not do their work: said beside a component that is healthy anyway."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mcd.kube.around import notes
from mcd.kube.health import Found, health
from mcd.kube.live import LiveObjects
from mcd.kube.look import look
from mcd.kube.memory import MemoryCluster
from mcd.model import HealthState
from mcd.model.why import sentence, step
from mcd.objects import Object
from tests.kube.given import obj

LATE = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SOON = datetime(2026, 11, 22, 11, 0, 30, tzinfo=UTC)
SINCE = "2026-11-22T11:00:00Z"
MEASURE = "failed to get cpu utilization: unable to get metrics for resource cpu"


def made(api_version: str, kind: str, *conditions: tuple[str, str, str, str], **spec: Any) -> Object:
    told = [
        {"type": t, "status": status, "reason": reason, "message": message, "lastTransitionTime": SINCE}
        for t, status, reason, message in conditions
    ]
    found = obj(api_version, kind, "shop-web", spec=spec, status={"conditions": told} if told else {})
    found["metadata"]["creationTimestamp"] = SINCE
    return found


def hpa(*conditions: tuple[str, str, str, str]) -> Object:
    return made("autoscaling/v2", "HorizontalPodAutoscaler", *conditions)


def certificate(*conditions: tuple[str, str, str, str]) -> Object:
    return made("cert-manager.io/v1", "Certificate", *conditions, dnsNames=["shop.example.com"])


def listeners(*conditions: tuple[str, str, str, str]) -> Object:
    return made(
        "gateway.networking.k8s.io/v1", "ListenerSet", *conditions, listeners=[{"hostname": "shop.example.com"}]
    )


def scaled(*conditions: tuple[str, str, str, str]) -> Object:
    return made("keda.sh/v1alpha1", "ScaledObject", *conditions)


SAID = [
    (hpa(), "It does not scale yet: no autoscaler of the cluster has looked at it."),
    (hpa(("AbleToScale", "True", "ok", ""), ("ScalingActive", "False", "FailedGetResourceMetric", MEASURE)),
     "It does not scale: the cluster has no measurements of its pods. Ask its owner for metrics-server."),
    (hpa(("AbleToScale", "False", "FailedGetScale", "there is no\nscale.")), "It does not scale: there is no scale."),
    (scaled(), "It does not scale: KEDA has not looked at it. Ask the cluster's owner whether it runs."),
    (scaled(("Ready", "False", "ScaledObjectCheckFailed", "no trigger answers")),
     "It does not scale: no trigger answers."),
    (certificate(), "The certificate of shop.example.com is not issued: cert-manager has not looked at it."),
    (certificate(("Ready", "False", "Pending", "waits for the order")),
     "The certificate of shop.example.com is not issued: waits for the order."),
    (listeners(("Accepted", "Unknown", "Pending", "")),
     "HTTPS of shop.example.com is not served: no gateway has taken ListenerSet/shop-web."),
    (listeners(("Accepted", "False", "NotAllowed", "not allowed here")),
     "HTTPS of shop.example.com is not served: the gateway says: not allowed here."),
]  # fmt: skip


@pytest.mark.parametrize(("what", "words"), SAID)
def test_what_does_not_do_its_work_is_said_once_it_had_its_time(what: Object, words: str) -> None:
    (note,) = notes([what], LATE)
    assert note.told is not None
    said = [part for part in (sentence(note.told), step(note.told)) if part]
    assert " ".join(said) == note.sentence
    assert words in (note.sentence, said[0])
    early = notes([what], SOON)
    assert [note.sentence for note in early] == [""]
    assert [note.left for note in early] == [60.0]


WELL = [
    hpa(("AbleToScale", "True", "ok", ""), ("ScalingActive", "True", "ok", "")),
    hpa(("ScalingActive", "False", "ScalingDisabled", "0 replicas")),
    scaled(("Ready", "True", "ok", "")),
    certificate(("Ready", "True", "ok", "")),
    listeners(("Accepted", "True", "ok", "")),
    made("monitoring.coreos.com/v1", "PodMonitor"),
]


@pytest.mark.parametrize("what", WELL)
def test_what_does_its_work_is_not_mentioned(what: Object) -> None:
    assert notes([what], LATE) == []


def workload() -> Object:
    found = made("apps/v1", "Deployment", replicas=1)
    found["metadata"]["generation"] = 1
    found["status"] = {"observedGeneration": 1, "availableReplicas": 1, "updatedReplicas": 1, "replicas": 1}
    return found


def test_a_component_is_healthy_whatever_stands_around_it_and_is_looked_at_again_in_time() -> None:
    late = health("web", "Deployment", Found(workload(), around=[scaled(), certificate()]), LATE)
    assert late.state is HealthState.HEALTHY
    assert late.message.startswith("1 of 1 ready. It does not scale: KEDA has not looked at it.")
    assert "cert-manager has not looked at it." in late.message
    soon = health("web", "Deployment", Found(workload(), around=[scaled()]), SOON)
    assert (soon.message, soon.again_in) == ("1 of 1 ready.", 60.0)


async def test_what_stands_around_one_component_is_not_said_of_another() -> None:
    cluster = MemoryCluster()
    other = workload()
    other["metadata"] = {**other["metadata"], "name": "shop-api"}
    other["metadata"]["labels"] = {**other["metadata"]["labels"], "app.kubernetes.io/component": "api"}
    wanted = [workload(), other, scaled()]
    for each in wanted:
        cluster.person(each)
    told = {h.component: h for h in await look(LiveObjects(cluster), "default", "shop", wanted, LATE)}
    assert told["api"].again_in == 0.0
    assert "KEDA" not in told["api"].message
