"""The slice of the acceptance that every `make test` plays: simulated nodes, a home of its own, under 8 minutes.

The same checks as `make acceptance`, with fewer trials. A developer's cluster is never touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.acceptance import stage
from tests.acceptance.groups import GROUPS
from tests.acceptance.rows import Check, Verdict, as_text, carried_out
from tests.acceptance.world import World
from tests.servers.cluster import local_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("acceptance"), pytest.mark.timeout(600)]

SLICE = [check for group in GROUPS for check in group if check.in_slice and not check.needs_node]
SECONDS = 8 * 60.0


@pytest.fixture(scope="module")
def began() -> float:
    return time.monotonic()


@pytest.fixture(scope="module")
def world(began: float) -> Iterator[World]:
    with local_cluster("sim") as cluster, stage.beside(cluster.status) as found:
        found.kept["slice"] = True
        yield found


@pytest.mark.parametrize("check", SLICE, ids=lambda check: check.id)
def test_the_promise_holds(check: Check, world: World) -> None:
    row = carried_out(check, world)
    assert row.verdict is Verdict.OK, as_text(row)


def test_the_slice_takes_less_than_eight_minutes(began: float, world: World) -> None:
    assert time.monotonic() - began < SECONDS


def test_every_group_has_a_check_and_every_id_is_said_once() -> None:
    ids = [check.id for group in GROUPS for check in group]
    assert all(GROUPS)
    assert len(ids) == len(set(ids))
