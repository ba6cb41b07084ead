"""What holds data: it may grow, is told in plain words when it can never become what is wanted, and is never lost sight
of when nobody wants it any more."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.kube.lasting import cannot_become, unclaimed
from mcd.kube.memory import MemoryCluster
from mcd.model import Action, Reason
from mcd.objects import Object, Ref, ref_of
from tests.kube.given import WEB, Held, deployment, obj, settle


def claim(size: str = "1Gi", mode: str = "ReadWriteMany", kind: str = "shared", name: str = "shop-permdir") -> Object:
    return obj("v1", "PersistentVolumeClaim", name, spec=asked(size, mode, kind))


def asked(size: str, mode: str = "ReadWriteOnce", kind: str = "standard") -> dict[str, Any]:
    return {"accessModes": [mode], "resources": {"requests": {"storage": size}}, "storageClassName": kind}


def stateful(size: str = "") -> Object:
    templates = [{"metadata": {"name": "data"}, "spec": asked(size)}] if size else []
    return obj("apps/v1", "StatefulSet", "shop-db", spec={"volumeClaimTemplates": templates})


def bound(cluster: MemoryCluster, size: str) -> None:
    def change(live: dict[str, Any]) -> None:
        live["status"] = {"phase": "Bound", "capacity": {"storage": size}}

    cluster.edit(ref_of(claim()), change, manager="kube-controller-manager")


async def test_a_smaller_claim_is_held_in_plain_words_and_everything_else_is_written() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [claim("2Gi"), deployment()], fence)
    bound(cluster, "2Gi")
    applied = await settle(cluster, [claim("1Gi"), deployment(image="shop:2")], fence)
    changes = {c.ref: c for c in applied.changes}
    told = changes[ref_of(claim())]
    assert (told.action, told.reason) == (Action.HELD, Reason.IMMUTABLE_FIELD)
    assert told.detail == "it has 2Gi and cannot become smaller (1Gi). Write permdir.size: 2Gi or more."
    assert changes[WEB].action is Action.CONFIGURED
    assert applied.failed == ()


async def test_a_larger_claim_is_written() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [claim("1Gi")], fence)
    bound(cluster, "1Gi")
    await settle(cluster, [claim("1536Mi")], fence)
    assert cluster.objects()[ref_of(claim())]["spec"]["resources"]["requests"]["storage"] == "1536Mi"


def test_what_the_volume_truly_has_counts_not_what_was_asked_for_last() -> None:
    """A volume that could not grow may be asked for less again."""
    live = {**claim("4Gi"), "status": {"capacity": {"storage": "1Gi"}}}
    assert cannot_become(claim("2Gi"), live) == ""


@pytest.mark.parametrize("wanted", [claim(mode="ReadWriteOnce", kind="standard"), claim(kind="fast")])
def test_a_claim_of_another_kind_never_changes(wanted: Object) -> None:
    assert cannot_become(wanted, claim()) == (
        'it was made with ReadWriteMany and class "shared", and that never changes. Write permdir as it was; or save '
        "what it holds, delete the claim, and deploy again."
    )


@pytest.mark.parametrize(
    ("was", "wanted", "made"),
    [("1Gi", "2Gi", 'with disks of 1Gi, class "standard"'), ("", "1Gi", "without disks"),
     ("1Gi", "", 'with disks of 1Gi, class "standard"')],
)  # fmt: skip
def test_the_disks_of_a_stateful_component_never_change(was: str, wanted: str, made: str) -> None:
    assert cannot_become(stateful(wanted), stateful(was)) == (
        f"its pods were made {made}, and that never changes. Write stateful as it was; or rename the component: its "
        "pods then have new disks, and the old ones stay."
    )


def test_the_same_size_written_otherwise_is_no_change() -> None:
    assert cannot_become(stateful("1024Mi"), stateful("1Gi")) == ""
    assert cannot_become(claim("1024Mi"), claim("1Gi")) == ""


def test_other_kinds_are_not_judged() -> None:
    assert cannot_become(deployment(image="shop:2"), deployment()) == ""


def test_unclaimed_is_what_neither_the_app_nor_a_pod_of_its_stateful_sets_wants() -> None:
    names = ("shop-permdir", "data-shop-db-0", "data-shop-db-7", "data-shop-old-0", "data-shop-db-extra-0")
    live: dict[Ref, Object | None] = {ref_of(claim(name=name)): claim(name=name) for name in names}
    live[ref_of(claim(name="gone"))] = None
    live[WEB] = deployment()
    going = claim(name="going")
    going["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"
    live[ref_of(going)] = going
    found = [entry.ref.name for entry in unclaimed(live, [stateful("1Gi"), deployment()])]
    assert found == ["data-shop-db-extra-0", "data-shop-old-0", "shop-permdir"]
    assert unclaimed(live, [stateful("1Gi"), claim()])[-1].ref.name == "data-shop-old-0"
