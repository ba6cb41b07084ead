"""What happens between the decision and the write: another object in its place, an object that was bent."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcd.kube.apply import carry_out
from mcd.kube.gate import Bounds
from mcd.kube.memory import MemoryCluster
from mcd.model import Reason, RolloutObserved
from mcd.objects import Object, Ref
from tests.kube.given import OWNER as US
from tests.kube.given import WEB, Held, actions, config, deployment, planned, shop


async def test_a_take_over_is_of_the_object_that_was_seen_and_of_no_other_by_its_name() -> None:
    cluster, fence = MemoryCluster(), Held()
    cluster.person(deployment(image="theirs:1"), manager="kubectl-create")
    what = await planned(cluster, shop(), fence, take_over=True)
    cluster.person_deletes(WEB)
    another = cluster.person(deployment(image="theirs:2"), manager="helm")
    done = await carry_out(cluster, what, fence, inventory=(), owner=US, bounds=Bounds("default"))
    change = next(c for c in done.changes if c.ref == WEB)
    assert (change.action, change.reason) == ("held", Reason.NOT_OURS)
    assert "was made again" in change.detail
    assert cluster.objects()[WEB] == another


@dataclass
class Bending(Held):
    """A fence during whose wait somebody bends an object that had passed the gate."""

    bent: list[Object] = field(default_factory=list)

    async def intend(self, refs: tuple[Ref, ...], observed: RolloutObserved | None = None) -> None:
        await super().intend(refs, observed)
        for obj in self.bent:
            obj["spec"]["template"]["spec"]["hostNetwork"] = True


async def test_each_object_passes_the_gate_once_more_right_before_it_is_sent() -> None:
    cluster, fence = MemoryCluster(), Bending()
    what = await planned(cluster, [config(), deployment()], fence)
    fence.bent = [p.desired for p in what.apply if p.desired["kind"] == "Deployment"]
    done = await carry_out(cluster, what, fence, inventory=(), owner=US, bounds=Bounds("default"))
    assert actions(done) == {"ConfigMap/shop-web-files": "created", "Deployment/shop-web": "held"}
    assert [failed.error.reason for failed in done.failed] == [Reason.POLICY]
    assert [str(w.ref) for w in cluster.ours()] == ["ConfigMap/shop-web-files"]
