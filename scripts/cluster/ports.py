"""Ports: free ones are picked once and kept, so that addresses that people and databases know stay true.

They are taken below the range from which the kernel gives ports to clients, and below Kubernetes' node ports: a port
that is remembered while the cluster is down must not be lost to a passing connection. It must not keep a port bound.
"""

from __future__ import annotations

import os
import random
import socket

from scripts.cluster.problems import ClusterProblem

FIRST, LAST = 20000, 29999
# Addresses that a person, a kubeconfig in a database or an image name remembers: these are never changed silently.
_KNOWN_OUTSIDE = ("gateway", "registry", "api")
_GIVEN_BY = {"gateway": "MCD_GATEWAY_PORT", "registry": "MCD_REGISTRY_PORT"}


def free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether nobody listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of a program that was just stopped linger in TIME_WAIT; they do not stop a new listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def chosen(name: str, remembered: int | None, taken: set[int]) -> int:
    """The port for `name` (`local/api`, `registry` …): given by the environment, remembered, or a free one.

    Raises:
        ClusterProblem: the port that must be used is taken by another program, or none is free.
    """
    use = name.rsplit("/", 1)[-1]
    variable = _GIVEN_BY.get(use, "")
    given = os.environ.get(variable, "") if variable else ""
    if given:
        port = _parsed(variable, given)
        if not free(port):
            raise ClusterProblem(f"port {port} of the {use} is taken by another program. Stop it or change {variable}.")
        return port
    if remembered is not None and remembered not in taken and free(remembered):
        return remembered
    if remembered is not None and use in _KNOWN_OUTSIDE:
        otherwise = f"set {variable}" if variable else "forget this cluster (reset)"
        raise ClusterProblem(
            f"port {remembered} of the {name} is taken by another program, and addresses with it are written down. "
            f"Stop that program, or {otherwise}."
        )
    return _pick(name, taken)


def _parsed(variable: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ClusterProblem(f"{variable}: {text!r} is not a port. Use 1 to 65535.")
    return int(text)


def _pick(name: str, taken: set[int]) -> int:
    # Random order: clusters of several checkouts and tests that start together rarely want the same port.
    for port in random.sample(range(FIRST, LAST + 1), 500):
        if port not in taken and free(port):
            return port
    raise ClusterProblem(f"no free port for the {name} between {FIRST} and {LAST}. Stop some programs.")
