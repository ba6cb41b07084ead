"""What a cluster's word about its kinds is worth, and that whatever the compiler leaves out for it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mcd.appyaml.compiler import Source, check, compile_app
from mcd.appyaml.context import ClusterFacts, Context
from mcd.kube.inventory import plan, uid_of
from mcd.kube.kinds import KINDS
from mcd.kube.memory import MemoryCluster
from mcd.kube.serving import LASTS, READ_AGAIN, away, believed, not_counted
from mcd.model import Action, InventoryEntry, Serves
from mcd.objects import Ref, ref_of
from tests.appyaml.cases_on_disk import COMMIT, all_cases
from tests.kube.given import OWNER, Held, config, obj, settle

ALL = frozenset(str(kind) for kind in KINDS)
RULE = "monitoring.coreos.com/v1/PrometheusRule"
ROUTE = "gateway.networking.k8s.io/v1/HTTPRoute"
SCALED = "keda.sh/v1alpha1/ScaledObject"
NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)
WHOLE, SHORT = Serves("v1.37.2", ALL), Serves("v1.37.2", ALL - {RULE})


def after(times: int, apart: timedelta, read: Serves = SHORT) -> Serves:
    known = WHOLE
    for number in range(times):
        known = believed(known, read, NOW + number * apart)
    return known


@pytest.mark.parametrize(
    ("times", "apart"),
    [(READ_AGAIN - 1, LASTS), (READ_AGAIN * 10, LASTS / (READ_AGAIN * 10)), (1, LASTS)],
    ids=["too few", "too soon", "once"],
)
def test_what_an_answer_leaves_out_counts_as_served_until_that_lasted(times: int, apart: timedelta) -> None:
    known = after(times, apart)
    assert known.kinds == ALL
    assert known.unseen == {RULE}


def test_what_lasted_is_believed() -> None:
    assert after(READ_AGAIN, LASTS / (READ_AGAIN - 1)) == SHORT


def test_what_is_new_counts_at_once() -> None:
    assert believed(SHORT, WHOLE, NOW) == WHOLE
    assert believed(after(2, timedelta(minutes=1)), WHOLE, NOW + LASTS) == WHOLE


def test_it_is_counted_anew_when_more_is_left_out_or_no_answer_came() -> None:
    nearly = after(READ_AGAIN - 1, LASTS)
    late = NOW + READ_AGAIN * LASTS
    assert believed(nearly, SHORT, late) == SHORT
    assert believed(nearly, replace(SHORT, kinds=SHORT.kinds - {ROUTE}), late).kinds == ALL
    assert believed(not_counted(nearly), SHORT, late).kinds == ALL


def test_a_clock_that_was_set_back_shortens_nothing() -> None:
    known = believed(WHOLE, SHORT, NOW + 10 * LASTS)
    for _ in range(READ_AGAIN):
        known = believed(known, SHORT, NOW)
    assert known.kinds == ALL


def test_kinds_that_are_no_affair_of_ours_come_and_go() -> None:
    others = Serves("v1.37.2", ALL | {"example.org/v1/Cake"})
    assert believed(others, WHOLE, NOW) == WHOLE


# --- what is kept -----------------------------------------------------------------------------------------------------


def lost(facts: ClusterFacts, poorer: ClusterFacts) -> Iterator[tuple[str, set[Ref], set[Ref]]]:
    """Each case of the compiler on two clusters: what it renders on the one, and on the other."""
    for case in all_cases():
        text = check(case.text, "app.yaml")
        both = []
        for cluster in (facts, poorer):
            context: Context = replace(case.context(), cluster=cluster)
            both.append(compile_app(text, context, Source(COMMIT)))
        rich, poor = both
        if rich.ok and poor.ok:
            yield case.name, {ref_of(o) for o in rich.objects}, {ref_of(o) for o in poor.objects}


FACTS = replace(ClusterFacts(), cert_issuer="ca", gateway=replace(ClusterFacts().gateway, listener_set=True))
INGRESS = replace(FACTS, ingress_class="nginx")


@pytest.mark.parametrize(
    ("facts", "poorer", "kind"),
    [
        (FACTS, replace(FACTS, gateway_api=False), ROUTE),
        (INGRESS, replace(INGRESS, gateway_api=False), ROUTE),
        (FACTS, replace(FACTS, keda=False), SCALED),
        (FACTS, replace(FACTS, prometheus_operator=False), RULE),
    ],
    ids=["no routes", "ingress", "keda", "prometheus"],
)
def test_whatever_the_compiler_leaves_out_for_a_kind_that_is_away_is_kept(
    facts: ClusterFacts, poorer: ClusterFacts, kind: str
) -> None:
    seen = 0
    for name, rich, poor in lost(facts, poorer):
        kept = away([InventoryEntry(ref, "u") for ref in rich], poor, Serves("v1.37.2", ALL - {kind}))
        assert rich - poor == kept.keys(), name
        seen += len(kept)
    assert seen


def test_what_is_away_is_held_even_if_its_delete_was_wished_or_confirmed() -> None:
    rule = Ref("monitoring.coreos.com/v1", "PrometheusRule", "default", "shop")
    entry = InventoryEntry(rule, "u1")
    what = plan([], [entry], {}, owner=OWNER, wished_deletes=[rule], serves=SHORT)
    assert (what.delete, what.gone) == ((), ())
    assert [(c.ref, c.action, c.reason) for c in what.held] == [(rule, Action.HELD, None)]
    assert "does not serve monitoring.coreos.com/v1 PrometheusRule now" in what.held[0].detail


async def test_what_nobody_wants_any_more_goes_beside_what_is_away() -> None:
    cluster, fence = MemoryCluster(), Held()
    many = [config(f"c{n}", a=str(n)) for n in range(12)]
    await settle(cluster, many, fence)
    rule = InventoryEntry(Ref("monitoring.coreos.com/v1", "PrometheusRule", "default", "shop"), "u1")
    live = {ref_of(o): await cluster.get(ref_of(o)) for o in many}
    what = plan(many[:-1], (*fence.inventory, rule), live, owner=OWNER, serves=SHORT)
    assert [e.ref.name for e in what.delete] == ["c11"]


def test_the_autoscaler_of_a_scaled_object_that_is_away_is_left_to_it() -> None:
    cluster = MemoryCluster()
    wanted = obj("autoscaling/v2", "HorizontalPodAutoscaler", "shop", spec={"maxReplicas": 3})
    scaled = InventoryEntry(Ref("keda.sh/v1alpha1", "ScaledObject", "default", "shop"), "u1")
    owners = [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "shop", "uid": "u1"}]
    made = {**wanted, "metadata": {**wanted["metadata"], "ownerReferences": owners}}
    there = cluster.person(made, manager="keda")
    assert uid_of(there)
    serves = Serves("v1.37.2", ALL - {SCALED})
    what = plan([wanted], [scaled], {ref_of(wanted): there}, owner=OWNER, serves=serves)
    assert (what.apply, what.delete) == ((), ())
    assert [c.reason for c in what.held] == [None, None], "nobody has to act"
