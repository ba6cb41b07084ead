"""What long components may say besides (app-yaml 3.9 long, 3.10): scaling, health, ports, hosts.

It must not compare keys with one another and fill no default that depends on something else (resolve/).
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import (
    DEFAULT_PORT,
    DEFAULT_REPLICAS,
    LONG,
)
from mcd.appyaml.schema.expand import into
from mcd.appyaml.schema.fields import items, key, mapping, model
from mcd.appyaml.schema.health import Health, expand_health, read_health_short
from mcd.appyaml.schema.lifecycle import Rollout, read_rollout_short
from mcd.appyaml.schema.metrics import METRICS, Metrics
from mcd.appyaml.schema.network import DOMAIN, PORT, Domain
from mcd.appyaml.schema.oauth import OAUTH, SignIn
from mcd.appyaml.schema.program import Program
from mcd.appyaml.schema.scaling import AUTOSCALE, Autoscale
from mcd.appyaml.schema.shapes import (
    URL_JSON,
    PortNumber,
    check_port_name,
)
from mcd.appyaml.schema.storage import STATEFUL, Stateful
from mcd.appyaml.schema.values import BOOLEAN, choice, duration, integer


@record
class LongRunning(Program):
    """What a web, a service and a daemon have besides."""

    replicas: int | None = key(
        integer(0, 500),
        "How many pods; 0 is stopped.",
        only=LONG,
        default=str(DEFAULT_REPLICAS),
        limits="0 to 500",
        effect="spec.replicas; a disruption budget and spread from 2",
        example="3",
    )
    autoscale: Autoscale | None = key(
        AUTOSCALE,
        "Replicas by load.",
        only=LONG,
        default="none",
        limits="not with replicas",
        effect="HorizontalPodAutoscaler or ScaledObject; spec.replicas is absent",
        example="{min: 2, max: 6}",
    )
    health: Health | None = key(
        model(
            Health,
            short=read_health_short,
            short_json=({"const": False}, URL_JSON),
            name="path, false or mapping",
            expand=expand_health,
        ),
        "How the platform sees that it is well.",
        only=LONG,
        default="a readiness probe on the port",
        effect="probes",
        example="/healthz",
    )
    metrics: Metrics | None = key(
        METRICS,
        "Where metrics are read.",
        only=LONG,
        default="none",
        effect="PodMonitor; NetworkPolicy; container port metrics if the number is undeclared",
        example="true",
    )
    rollout: Rollout = key(
        model(
            Rollout,
            short=read_rollout_short,
            short_json=({"enum": ["rolling", "recreate", "canary"]},),
            name="text or mapping",
            expand=into("strategy"),
        ),
        "How new pods replace old ones.",
        value=Rollout,
        only=LONG,
        effect="spec.strategy",
        example="recreate",
    )
    stateful: Stateful | None = key(
        STATEFUL,
        "A stable name for each pod, and with a path a volume for each. Pods are replaced one by one.",
        only=LONG,
        default="none",
        effect="StatefulSet, volumeClaimTemplates",
        example="{path: /var/lib/db, size: 20Gi}",
    )


@record
class Serving(LongRunning):
    """What a web and a service have besides: how they are reached."""

    port: int | None = key(
        integer(1, 65535, port=True),
        "Where the program listens on all addresses. On a service short for ports: {main: N}.",
        only=("web", "service"),
        default=f"{DEFAULT_PORT} on a web",
        limits="1 to 65535",
        effect="container port; Service; PORT",
        example="8080",
    )
    ports: Mapping[str, PortNumber] = key(
        mapping(PORT, name=check_port_name, most=50, nouns="ports"),
        "More ports by name; a service needs one.",
        value=dict,
        default="{}; of a service required, where port is not written",
        only=("web", "service"),
        limits="names of at most 15 characters; not http and oauth on a web",
        effect="container ports; Service ports of the same number",
        example="{grpc: 9000}",
    )
    protocol: str = key(
        choice(("http", "h2c")),
        "h2c is HTTP/2 without TLS (gRPC).",
        value="http",
        only=("web",),
        effect="Service appProtocol",
        example="h2c",
    )
    request_timeout: int | None = key(
        duration(1, 3600),
        "After this the gateway answers 504.",
        only=("web",),
        default="none",
        limits="1s to 1h",
        effect="HTTPRoute timeouts.request",
        example="30s",
    )
    domains: tuple[Domain, ...] = key(
        items(DOMAIN, most=15),
        "Hosts outside the platform's own domain, which is always there.",
        value=(),
        only=("web",),
        limits="15",
        effect="HTTPRoute or Ingress",
        example="[shop.example.com]",
    )
    oauth: SignIn | None = key(
        OAUTH,
        "People sign in before a request reaches the program, which is told who they are.",
        only=("web",),
        default="none",
        limits="the cluster must have sign-in",
        effect="sidecar mcd-oauth; Service targetPort 4180",
        example="{allow: [staff], skip: [/healthz]}",
    )
    headless: bool = key(
        BOOLEAN,
        "Clients see pod addresses, for gRPC client balancing.",
        value=False,
        only=("service",),
        effect="Service clusterIP: None",
        example="true",
    )
