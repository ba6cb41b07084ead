"""The slice of the acceptance that every `make test` plays: simulated nodes, a home of its own, a few minutes.

The same checks as `make acceptance`, with fewer trials. A developer's cluster is never touched. What times something,
and what is known to miss still, is in the whole table only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance import stage
from tests.acceptance.groups import GROUPS
from tests.acceptance.rows import Check, Verdict, as_text, carried_out
from tests.acceptance.world import World
from tests.servers.cluster import local_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SLICE = [check for group in GROUPS for check in group if check.in_slice and not check.needs_node]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with local_cluster("sim") as cluster, stage.beside(cluster.status) as found:
        found.kept["slice"] = True
        yield found


@pytest.mark.parametrize("check", SLICE, ids=lambda check: check.id)
def test_the_promise_holds(check: Check, world: World) -> None:
    row = carried_out(check, world)
    assert row.verdict is Verdict.OK, as_text(row)


def test_every_group_has_a_check_and_every_id_is_said_once() -> None:
    ids = [check.id for group in GROUPS for check in group]
    assert all(GROUPS)
    assert len(ids) == len(set(ids))
