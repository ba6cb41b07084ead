"""The two clusters of the contract suite: one in memory, one real."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from mcd.kube.client import KubeClient
from mcd.kube.cluster import Cluster
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.memory import MemoryCluster
from tests.kube import apiserver

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def api_server() -> Iterator[apiserver.ApiServer]:
    with apiserver.running_or_skip() as server:
        yield server


@pytest.fixture
async def real(api_server: apiserver.ApiServer) -> AsyncIterator[KubeClient]:
    client = KubeClient(parse_kubeconfig(api_server.kubeconfig()))
    yield client
    await client.close()


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.cluster)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each test of the contract runs on both."""
    if request.param == "memory":
        return MemoryCluster()
    found: Cluster = request.getfixturevalue("real")
    return found


@pytest.fixture
async def namespace(cluster: Cluster) -> str:
    """A namespace of its own for one test."""
    name = f"t{os.getpid()}-{next(_numbers)}"
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name
