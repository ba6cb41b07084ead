"""Refusals of a cluster that people are told of, in the same words whoever refuses: the real API server or the one in
memory.

Pure. It must not know what was answered (`answers.py` reads the wire) nor decide what is refused.
"""

from __future__ import annotations

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason


def namespace_going(what: str) -> KubeError:
    """`what` is the object that was to be made. The server's own words name no more than its namespace."""
    return KubeError(
        Code.CONFLICT, KubeReason.NAMESPACE_TERMINATING, f"{what}: the namespace is being deleted.",
        "It is made again when it is gone.",
    )  # fmt: skip
