"""Every metric of MCD, in one file, with the closed values of its labels and buckets that fit what is promised.

Rooms count here and nowhere else; this module knows none of them, keeps no ids and never takes a name, a commit or a
path of a request as a label. What a label may be stands beside the metric, is printed in docs/reference/metrics.md, and
is compared with what a running MCD tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics import MetricWrapperBase

from mcd.observability.exposition import Exposition

REGISTRY = CollectorRegistry(auto_describe=True)
"""Ours alone: nothing that another library registers by being imported is shown."""

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Values = tuple[str, ...] | str
"""What a label may be: every word; or, where the words are not known here, a sentence that says what bounds them."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with what its labels may be."""

    made: MetricWrapperBase
    labels: Mapping[str, Values]


FAMILIES: dict[str, Family] = {}
"""Name as Prometheus shows it (a counter with `_total`) → the metric. In the order of this file."""


def _counter(name: str, meaning: str, /, **labels: Values) -> Counter:
    made = Counter(name, meaning, list(labels), registry=REGISTRY)
    FAMILIES[name] = Family(made, labels)
    return made


def _gauge(name: str, meaning: str, /, **labels: Values) -> Gauge:
    made = Gauge(name, meaning, list(labels), registry=REGISTRY)
    FAMILIES[name] = Family(made, labels)
    return made


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], /, **labels: Values) -> Histogram:
    made = Histogram(name, meaning, list(labels), buckets=buckets, registry=REGISTRY)
    FAMILIES[name] = Family(made, labels)
    return made


NOUNS = ("cluster", "product-line", "release", "rollout")
CODES = ("2xx", "3xx", "4xx", "5xx", "none")
CLUSTER = "a registered cluster; the series of one that is gone go with it"

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PASS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_MINUTES = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)

BUILD_INFO = _gauge(
    "mcd_build_info", "Always 1; the labels say which MCD this is.",
    version="one of the running processes'", revision="one of the running processes'",
)  # fmt: skip

SERVING = _gauge(
    "mcd_serving", "1 while this process does this part of MCD's work; a process of both tells both.",
    role=("api", "controllers"),
)  # fmt: skip

# --- the API: rate, errors, duration ---------------------------------------------------------------------------------

HTTP_SECONDS = _histogram(
    "mcd_http_request_seconds",
    "Seconds from the first byte of a request to the last of its answer, by route template, without streams.",
    _REQUEST,
    method=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"),
    route="a template of this version's routes, as in docs/openapi.json; `none`: no route is there",
    code_class=CODES,
)
HTTP_IN_FLIGHT = _gauge("mcd_http_requests_in_flight", "Requests being answered, streams not counted.")
HTTP_STREAMS = _gauge(
    "mcd_http_streams", "Open streams by what they carry.", kind=("events", "log", "build_log", "exec", "git")
)
HTTP_BUGS = _counter("mcd_http_bugs_total", "Requests that ended in an error of MCD itself (500).")
RATE_LIMITED = _counter(
    "mcd_http_rate_limited_total", "Requests refused because there were too many, by bucket.",
    bucket=("person", "address", "stream"),
)  # fmt: skip

# --- the loop -------------------------------------------------------------------------------------------------------

RECONCILE_SECONDS = _histogram(
    "mcd_reconcile_seconds",
    "Seconds of one pass by noun and outcome; dropped: the lease was lost, and with it what was found.",
    _PASS,
    noun=NOUNS,
    outcome=("ready", "waiting", "stalled", "error", "dropped"),
)
DUE_ROWS = _gauge(
    "mcd_due_rows", "Rows that are due and nobody works on, by noun: the length of the queue.", noun=NOUNS
)
DUE_AGE_SECONDS = _gauge(
    "mcd_due_age_seconds", "Age in seconds of the row that has been due longest and nobody works on, by noun; 0: none.",
    noun=NOUNS,
)  # fmt: skip
CONTROLLERS_ALIVE = _gauge(
    "mcd_controllers_alive",
    "Controllers that said within 75 s that they are alive, the same in every process. 0: what is wished is stored and "
    "nobody works on it. NaN: the database does not say.",
)
CONTROLLERS_ALIVE.set(math.nan)
WORKERS = _gauge("mcd_workers", "Passes that this process may work on at the same time (MCD_WORKERS).")
LEASES_HELD = _gauge("mcd_leases_held", "Rows that this process works on, by noun.", noun=NOUNS)
LEASES_LOST = _counter(
    "mcd_leases_lost_total", "Passes whose result was dropped because another process owned the row.", noun=NOUNS
)
LEASES_TAKEN_OVER = _counter(
    "mcd_leases_taken_over_total", "Rows taken from a process that let its lease run out: it died, slept or hangs.",
    noun=NOUNS,
)  # fmt: skip

# --- how it stands, as every process reads it from the database -----------------------------------

CLUSTER_UP = _gauge(
    "mcd_cluster_up", "1: the cluster answers and may be used. 0: it does not; `mcd cluster show` says why.",
    cluster=CLUSTER,
)  # fmt: skip
CLUSTER_SEEN = _gauge(
    "mcd_cluster_last_seen_timestamp_seconds",
    "Unix time at which the cluster answered last (asked every minute); 0: never. Away since: time() minus this.",
    cluster=CLUSTER,
)
APPS = _gauge(
    "mcd_apps",
    "Apps by state. unknown: MCD cannot look now; held: waits for a person's word; undeployed: nothing was rolled out.",
    state=("ready", "progressing", "stalled", "held", "unknown", "deleting", "undeployed"),
)
STALLED = _gauge(
    "mcd_stalled", "Clusters, product lines and live Rollouts that wait for a person, by noun and reason.",
    noun=("cluster", "product-line", "rollout"), reason="a word of [reasons](reasons.md)",
)  # fmt: skip

# --- clusters: what we ask of them, and what they tell --------------------------------------------

KUBE_SECONDS = _histogram(
    "mcd_kube_request_seconds",
    "Seconds of one request to a Kubernetes API, streams not counted; none: no answer came.",
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    cluster=CLUSTER,
    method=("GET", "POST", "PATCH", "DELETE"),
    code_class=CODES,
)
APPLY_SECONDS = _histogram(
    "mcd_apply_seconds",
    "Seconds of the write of one object, with every look and try that it took. refused: the cluster did not take it, "
    "did not answer, or the object is not ours.",
    _REQUEST,
    cluster=CLUSTER,
    action=("apply", "delete"),
    verdict=("done", "refused"),
)
CHANGES = _counter(
    "mcd_changes_total",
    "Objects of recorded passes by what was done to them; held: left alone, because they are not ours or may not be "
    "written. What was as it should be is not counted.",
    cluster=CLUSTER,
    action=("created", "configured", "deleted", "healed", "held"),
)
KUBE_WATCHES = _gauge("mcd_kube_watches", "Open watches on a Kubernetes API.", cluster=CLUSTER)
WATCH_UNSYNCED = _gauge(
    "mcd_kube_watch_unsynced", "Kinds of objects that should be watched and are not: they are asked one by one.",
    cluster=CLUSTER,
)  # fmt: skip
WATCH_AGE_SECONDS = _gauge(
    "mcd_kube_watch_age_seconds",
    "Seconds since the quietest of the open watches said anything; a healthy one says something every minute or two.",
    cluster=CLUSTER,
)
WATCH_RESTARTS = _counter(
    "mcd_kube_watch_restarts_total",
    "Watches that ended and were opened again. ended: by the server in order, every few minutes; expired: 410, all is "
    "listed anew; unreachable: the connection broke or fell silent; refused: anything else that the server said.",
    cluster=CLUSTER,
    cause=("ended", "expired", "unreachable", "refused"),
)

# --- pushes and builds ----------------------------------------------------------------------------

GIT_PUSHES = _counter(
    "mcd_git_pushes_total", "Pushes to MCD's own git remote by result.", result=("accepted", "refused", "failed")
)
GIT_PUSH_SECONDS = _histogram(
    "mcd_git_push_seconds",
    "Seconds of one push, from the first byte until the ref moved or was refused (watching the deploy is not in it).",
    (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0),
)
BUILD_SECONDS = _histogram(
    "mcd_build_seconds", "Seconds of one image build, its push included.", _MINUTES, result=("built", "failed")
)
IMAGE_PUSH_SECONDS = _histogram(
    "mcd_image_push_seconds", "Seconds of the push of one built image to the registry.", _MINUTES,
    result=("pushed", "failed"),
)  # fmt: skip
BUILDS_REUSED = _counter("mcd_builds_reused_total", "Builds spared because their inputs were built before.")

# --- the database and the process -----------------------------------------------------------------

DB_SECONDS = _histogram(
    "mcd_db_transaction_seconds",
    "Seconds of one transaction, from its begin to its end, without the wait for a connection.",
    _FAST,
    mode=("read", "write"),
)
DB_WAIT_SECONDS = _histogram(
    "mcd_db_wait_seconds",
    "Seconds until a transaction had its connection and had begun; on SQLite a write waits for the write before it.",
    _FAST,
    mode=("read", "write"),
)
DB_FAILURES = _counter(
    "mcd_db_failures_total",
    "Transactions that the database ended, by what it comes to: unavailable (it does not answer, is full or locked), "
    "conflict (tried again by who asked), internal.",
    code=("unavailable", "conflict", "internal"),
)
DB_LONG_WAY = _counter(
    "mcd_db_long_way_total",
    "What was not asked the short way: full (nobody gave a connection for short questions back in two seconds), "
    "late (it took longer than a moment), failed (the database was not reached there), no_mark (whether anything was "
    "committed since is not known, so nothing that is kept was told).",
    why=("full", "late", "failed", "no_mark"),
)
DB_CONNECTIONS = _gauge(
    "mcd_db_connections", "Connections of this process to its database when it was last measured.",
    state=("used", "idle"),
)  # fmt: skip
DATA_FREE = _gauge(
    "mcd_data_free_bytes", "Bytes that are free on the disk of MCD_DATA: SQLite, git repositories, builds."
)
LOOP_LAG_SECONDS = _histogram(
    "mcd_event_loop_lag_seconds",
    "Seconds by which the process came late to something that it wanted to do at a moment, measured four times a "
    "second: everything it serves waits as long.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)

PROCESS = {
    "process_cpu_seconds_total": ("counter", "Seconds of processor time that this process used."),
    "process_max_fds": ("gauge", "Files and sockets that it may have open."),
    "process_open_fds": ("gauge", "Files and sockets that it has open."),
    "process_resident_memory_bytes": ("gauge", "Bytes of this process in memory."),
    "process_start_time_seconds": ("gauge", "Unix time at which it started."),
    "process_virtual_memory_bytes": ("gauge", "Bytes of addresses that it holds."),
}
"""What every Prometheus knows of a process, under the names that every dashboard asks for: no prefix of ours."""

_EXPOSITION = Exposition((*(family.made for family in FAMILIES.values()),), ProcessCollector(registry=None))


def code_class(status: int | None) -> str:
    """`2xx` … `5xx` for a status, `none` when no answer came."""
    return _CODE_CLASSES.get(status // 100, "none") if status else "none"


_CODE_CLASSES = {1: "2xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


def forget_cluster(name: str) -> None:
    """Takes away every series of a cluster that is gone: numbers of it would stand for ever as if it were there."""
    for family in FAMILIES.values():
        if "cluster" in family.labels:
            family.made.remove_by_labels({"cluster": name})


def exposition() -> bytes:
    """What /metrics answers."""
    return _EXPOSITION.text()
