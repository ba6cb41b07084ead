"""Which marks on live objects count: ours, of this installation, and whole. Any other could keep an App from being
deployed for ever, or end the pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mcd.kube.inventory import stamped
from mcd.kube.memory import MemoryCluster
from mcd.kube.newer import newer
from mcd.model import Known
from mcd.objects import ROLLOUT, Object
from tests.kube.given import OWNER, WEB, deployment

ASKED = datetime(2026, 5, 3, 10, tzinfo=UTC)
KNOWN = Known(ASKED, frozenset({(1, ASKED)}))
LATER = (ASKED + timedelta(hours=1)).isoformat()


async def live(mark: str, owner: str = OWNER) -> Object:
    """A live Deployment that MCD itself wrote with this mark."""
    cluster = MemoryCluster()
    obj = deployment()
    obj["metadata"]["annotations"] = {ROLLOUT: mark}
    await cluster.apply(stamped(obj, owner))
    return cluster.objects()[WEB]


async def test_a_later_mark_of_ours_counts() -> None:
    obj = await live(f"7@{LATER}")
    found = newer([obj], KNOWN, OWNER)
    assert found is not None
    assert (found.number, found.ref) == (7, WEB)


async def test_a_mark_of_another_installation_is_none() -> None:
    obj = await live(f"7@{LATER}", owner="another-mcd")
    assert newer([obj], KNOWN, OWNER) is None


@pytest.mark.parametrize(
    "mark",
    [
        "7@2026-05-03T11:00:00",  # of which zone?
        "7@2026-05-03",
        "7@yesterday",
        "7@",
        "7",
        "",
        f"@{LATER}",
        f"seven@{LATER}",
        f"7.5@{LATER}",
        f"7@{LATER}@{LATER}",
        "7@2026-13-41T99:00:00+00:00",
    ],
)
async def test_a_mark_that_cannot_be_read_is_none_and_ends_nothing(mark: str) -> None:
    obj = await live(mark)
    assert newer([obj], KNOWN, OWNER) is None
