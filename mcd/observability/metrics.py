"""Every metric of MCD, in one file, with its labels from closed sets and buckets that fit what is promised.

Rooms count here and nowhere else; this module knows none of them, keeps no ids and never takes a name, a commit or a
path of a request as a label.
"""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

REGISTRY = CollectorRegistry(auto_describe=True)
"""Ours alone: nothing that another library registers by being imported is shown."""

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

BUILD_INFO = Gauge(
    "mcd_build_info", "Always 1; the labels say which MCD this is.", ["version", "revision"], registry=REGISTRY
)

# --- the API: rate, errors, duration ---------------------------------------------------------------------------------

HTTP_SECONDS = Histogram(
    "mcd_http_request_seconds",
    "Seconds from the first byte of a request to the last of its answer, by route template, without streams.",
    ["method", "route", "code_class"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
HTTP_IN_FLIGHT = Gauge(
    "mcd_http_requests_in_flight", "Requests being answered, streams not counted.", registry=REGISTRY
)
HTTP_STREAMS = Gauge(
    "mcd_http_streams", "Open streams by what they carry: events, log, build_log, exec or git.", ["kind"],
    registry=REGISTRY,
)  # fmt: skip
HTTP_BUGS = Counter("mcd_http_bugs_total", "Requests that ended in an error of MCD itself (500).", registry=REGISTRY)
RATE_LIMITED = Counter(
    "mcd_http_rate_limited_total", "Requests refused because there were too many, by bucket.", ["bucket"],
    registry=REGISTRY,
)  # fmt: skip

DATA_FREE = Gauge(
    "mcd_data_free_bytes", "Bytes that are free on the disk of MCD_DATA: SQLite, git repositories, builds.",
    registry=REGISTRY,
)  # fmt: skip

# --- the loop -------------------------------------------------------------------------------------------------------

RECONCILE_SECONDS = Histogram(
    "mcd_reconcile_seconds",
    "Seconds of one pass by noun and outcome: ready, waiting, stalled, error, dropped (the lease was lost).",
    ["noun", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
    registry=REGISTRY,
)
DUE_AGE_SECONDS = Gauge(
    "mcd_due_age_seconds", "Age in seconds of the row that has been due longest and nobody works on, by noun; 0: none.",
    ["noun"], registry=REGISTRY,
)  # fmt: skip
CONTROLLERS_ALIVE = Gauge(
    "mcd_controllers_alive",
    "Controllers that said within 75 s that they are alive, the same in every process. 0: what is wished is stored and "
    "nobody works on it. NaN: the database does not say.",
    registry=REGISTRY,
)
CONTROLLERS_ALIVE.set(math.nan)
LEASES_HELD = Gauge("mcd_leases_held", "Rows that this process works on, by noun.", ["noun"], registry=REGISTRY)
LEASES_LOST = Counter(
    "mcd_leases_lost_total", "Passes whose result was dropped because another process owned the row.", ["noun"],
    registry=REGISTRY,
)  # fmt: skip
CHANGES = Counter(
    "mcd_changes_total", "Objects written or left alone, by action: created, configured, deleted, healed, held.",
    ["action"], registry=REGISTRY,
)  # fmt: skip

# --- how it stands, as every process reads it from the database -----------------------------------

CLUSTER_UP = Gauge(
    "mcd_cluster_up", "1: the cluster answers and may be used. 0: it does not; `mcd cluster show` says why.",
    ["cluster"], registry=REGISTRY,
)  # fmt: skip
CLUSTER_SEEN = Gauge(
    "mcd_cluster_last_seen_timestamp_seconds",
    "Unix time at which the cluster answered last (asked every minute); 0: never. Away since: time() minus this.",
    ["cluster"],
    registry=REGISTRY,
)
APPS = Gauge(
    "mcd_apps",
    "Apps by state: ready, unknown (MCD cannot look now), progressing, stalled, held "
    "(waits for a person's word), deleting, undeployed.",
    ["state"],
    registry=REGISTRY,
)
STALLED = Gauge(
    "mcd_stalled", "Clusters, product lines and live Rollouts that wait for a person, by noun and reason.",
    ["noun", "reason"], registry=REGISTRY,
)  # fmt: skip

# --- what we call -----------------------------------------------------------------------------------------------------

KUBE_SECONDS = Histogram(
    "mcd_kube_request_seconds",
    "Seconds of one request to a Kubernetes API, by method and class of its answer (2xx … 5xx, none: no answer).",
    ["method", "code_class"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
KUBE_WATCHES = Gauge("mcd_kube_watches", "Open watches on Kubernetes APIs.", registry=REGISTRY)
GIT_PUSHES = Counter(
    "mcd_git_pushes_total", "Pushes to MCD's own git remote by result: accepted, refused, failed.", ["result"],
    registry=REGISTRY,
)  # fmt: skip
GIT_PUSH_SECONDS = Histogram(
    "mcd_git_push_seconds",
    "Seconds of one push, from the first byte until the ref moved or was refused (watching the deploy is not in it).",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0),
    registry=REGISTRY,
)
BUILD_SECONDS = Histogram(
    "mcd_build_seconds",
    "Seconds of one image build by result: built, failed.",
    ["result"],
    buckets=(1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0),
    registry=REGISTRY,
)
BUILDS_REUSED = Counter(
    "mcd_builds_reused_total", "Builds spared because their inputs were built before.", registry=REGISTRY
)


def code_class(status: int | None) -> str:
    """`2xx` … `5xx` for a status, `none` when no answer came."""
    return "none" if status is None else f"{status // 100}xx"


def exposition() -> bytes:
    """What /metrics answers."""
    return generate_latest(REGISTRY)
