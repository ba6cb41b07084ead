"""The fault catalogue (reliability 5.2) as tables: what is injected into a lane, what another test does, what waits.

A row says in which phases a fault means anything and which waits of MCD are shortened for it. It must not run anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from tests.rig import deaths, network, others, strangers
from tests.rig.scene import Fault, Scene

QUICK = {"mcd.kube.transport.DEADLINE": 1.0}

FAULTS: dict[str, Fault] = {
    each.number: each
    for each in (
        Fault("F01", "die when a wish is about to be taken", deaths.f01),
        Fault("F02", "die between two writes", deaths.f02),
        Fault("F03", "each write is done, its answer lost", deaths.f03),
        Fault("F04", "die between the last write and the record", deaths.f04),
        Fault("F05", "die between the wish and the first write", deaths.f05),
        Fault("F06", "die between two deletes", deaths.f06, shape="mixed", phases=("update", "delete")),
        Fault("F07", "die while the inventory is updated", deaths.f07),
        Fault("F09", "die during a rollback", deaths.f09, phases=("update",), rows=False),
        Fault("F11", "SIGTERM in the middle of a Rollout", deaths.f11),
        Fault("F17", "429 with Retry-After for every write", network.f17),
        Fault("F18", "one answer of three is 500, 502 or 503", network.f18),
        Fault("F19", "a write hangs until the deadline", network.f19, times=QUICK),
        Fault("F22", "410 in the stream of every watch", network.f22, times={"mcd.kube.client.WATCH_SECONDS": [1, 2]}),
        Fault("F23", "410 on every second page of a list", network.f23),
        Fault("F24", "every watch is open and silent", network.f24, times={"mcd.kube.client.SILENCE": 3.0}),
        Fault("F25", "every watch ends at its first event", network.f25),
        Fault(
            "F26",
            "no event of a workload arrives",
            network.f26,
            times={"mcd.kube.watch.RELISTED_AFTER": 2.0, "mcd.kube.client.WATCH_SECONDS": [2, 3]},
        ),
        Fault("F27", "events that are cut, garbled, too large", network.f27),
        Fault("F28", "an API server that lags behind", strangers.f28, times=QUICK),
        Fault("F29", "every write arrives twice", network.f29),
        Fault("F30", "the credential is refused", network.f30),
        Fault("F31", "one kind may not be seen or written", network.f31, wish_again=True),
        Fault("F32", "a quota is exceeded", network.f32, times={"mcd.kube.decision.WAITS.QuotaExceeded": 2.0}),
        Fault("F34", "an admission webhook does not answer", network.f34, wish_again=True),
        Fault("F36", "a kind is not served for a while", network.f36, wish_again=True),
        Fault("F39", "a certificate that is not the right one", strangers.f39),
        Fault("F40", "every connection is reset", network.f40),
        Fault("F41", "the cluster is away while people push", network.f41, rows=False),
        Fault("F42", "the cluster comes and goes", network.f42),
        Fault("F43", "the API server is killed", network.f43),
        Fault("F44", "every call is slow", network.f44),
        Fault("F47", "the new pods are not ready for a while", others.f47, phases=("create", "update")),
        Fault("F49", "somebody's finalizer", others.f49),
        Fault("F50", "the namespace is another one", others.f50, phases=("create", "update"), wish_again=True),
        Fault(
            "F51",
            "an object is replaced between look and write",
            others.f51,
            phases=("update", "delete"),
            wish_again=True,
        ),
        Fault("F52", "a person edits what is ours", others.f52, phases=("update", "delete")),
        Fault("F53", "a foreign object has the name", others.f53, phases=("create", "update"), wish_again=True),
        Fault("F54", "our labels are stripped", others.f54, phases=("update", "delete")),
        Fault("F58", "a scaler scales meanwhile", others.f58, shape="scaled", phases=("update", "delete")),
        Fault("F59", "a second control plane wants the same", strangers.f59),
        Fault("F63", "two people roll out the same App", others.f63, phases=("create", "update"), rows=False),
        Fault("F64", "an App is deleted during a Rollout", others.f63, phases=("delete",), rows=False),
        Fault("F65", "a push during a rollback", others.f65, phases=("update",), rows=False),
    )
}


def _at_once(outer: str, inner: str) -> Fault:
    """One fault within another, which lasts longer."""
    first, second = FAULTS[outer], FAULTS[inner]

    @contextlib.asynccontextmanager
    async def inject(scene: Scene) -> AsyncIterator[None]:
        async with first.inject(scene), second.inject(scene):
            yield

    return dataclasses.replace(
        first, number=f"{outer}+{inner}", words=f"{first.words}; {second.words}", inject=inject,
        shape=second.shape if first.shape == "plain" else first.shape,
        phases=tuple(phase for phase in first.phases if phase in second.phases), times={**first.times, **second.times},
        wish_again=first.wish_again or second.wish_again,
    )  # fmt: skip


PAIRS: dict[str, Fault] = {
    each.number: each
    for each in (
        _at_once("F18", "F02"),
        _at_once("F22", "F03"),
        _at_once("F24", "F11"),
        _at_once("F25", "F07"),
        _at_once("F26", "F02"),
        _at_once("F29", "F05"),
        _at_once("F44", "F02"),
        _at_once("F52", "F02"),
        _at_once("F54", "F07"),
        _at_once("F58", "F03"),
    )
}
"""Two faults at once: what breaks for longer, and a death or a lost answer in it."""

ELSEWHERE = {
    "F12": "python -m tests.rig handover",
    "F13": "tests/compiling/test_compiler.py",
    "F14": "tests/store/test_leases.py",
    "F15": "tests/api/test_unattended.py",
    "F20": "tests/controllers/test_rollouts.py",
    "F33": "tests/controllers/test_lost_cluster.py",
    "F37": "tests/controllers/test_replacing.py",
    "F38": "tests/kube/test_contract_apply.py",
    "F46": "tests/kube/test_health.py",
    "F48": "tests/kube/test_placing_words.py",
    "F57": "tests/controllers/test_deleting.py",
    "F62": "tests/api/git/test_branches.py",
    "F67": "tests/rig/test_long_texts.py",
    "F69": "tests/build/test_pins.py",
    "F72": "tests/store/test_sqlite.py",
    "F74": "tests/api/test_disk.py",
    "F75": "tests/store/test_database.py",
    "F76": "tests/controllers/test_restored.py",
    "F77": "tests/store/test_migrations.py",
}
"""Faults that another test injects. Each file is checked to exist."""

WAITING = {
    "F08": "canary steps",
    "F10": "Claims",
    "F16": "terminals through the rig",
    "F21": "statuses that MCD writes to the cluster: it writes none",
    "F35": "a mutating webhook in the rig",
    "F45": "twenty clusters in the rig",
    "F55": "etcd from a backup in the rig",
    "F56": "Runs",
    **dict.fromkeys(("F60", "F61"), "webhooks of other git hosts"),
    "F66": "moving an App",
    "F68": "other git hosts",
    "F70": "approvals",
    "F71": "terminals through the rig",
    "F73": "PostgreSQL in the rig",
    "F78": "libfaketime in the rig",
    "F79": "limits of descriptors in the rig",
    "F80": "snapshots, an Event sink",
}
"""Faults that wait: for a feature of the product, or for a part of the rig."""
