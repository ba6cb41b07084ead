"""Comparing what we applied with what the server made of it: defaults and normal forms are no drift, edits are."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from mcd.kube.cluster import Cluster
from mcd.kube.fields import amount, applied_tree, compare, shown
from mcd.kube.inventory import stamped
from mcd.kube.memory import MemoryCluster
from mcd.objects import Object, ref_of
from tests.kube.given import OWNER, changed_paths, deployment, obj, service


def live_of(o: Object) -> Object:
    """The object as if the server had only taken it: no record of who owns what."""
    return copy.deepcopy(o)


CASES: dict[str, tuple[Any, Any, bool]] = {
    "equal": ({"a": 1}, {"a": 1}, False),
    "more in the live object": ({"a": 1}, {"a": 1, "b": 2}, False),
    "less in the live object": ({"a": 1, "b": 2}, {"a": 1}, True),
    "another value": ({"a": 1}, {"a": 2}, True),
    "true is not 1": ({"a": True}, {"a": 1}, True),
    "quantity in another form": ({"limits": {"cpu": "0.5"}}, {"limits": {"cpu": "500m"}}, False),
    "memory in another form": ({"requests": {"memory": "1024Mi"}}, {"requests": {"memory": "1Gi"}}, False),
    "number for a quantity": ({"limits": {"cpu": 1}}, {"limits": {"cpu": "1"}}, False),
    "another quantity": ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, True),
    "equal numbers elsewhere are not equal texts": ({"tag": "1.0"}, {"tag": "1.00"}, True),
    "keyed list in another order": (
        {"containers": [{"name": "a"}, {"name": "b"}]}, {"containers": [{"name": "b"}, {"name": "a"}]}, False,
    ),
    "keyed list with more": ({"env": [{"name": "A"}]}, {"env": [{"name": "A"}, {"name": "B"}]}, False),
    "keyed list with a default in its key": (
        {"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}, False,
    ),
    "keyed list with another item": ({"env": [{"name": "A"}]}, {"env": [{"name": "B"}]}, True),
    "whole list in another order": ({"args": ["a", "b"]}, {"args": ["b", "a"]}, True),
    "whole list with more": ({"args": ["a"]}, {"args": ["a", "b"]}, True),
    "items of a whole list get defaults": ({"rules": [{"a": 1}]}, {"rules": [{"a": 1, "weight": 1}]}, False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_only_what_we_ask_for_is_compared(case: str) -> None:
    want, have, different = CASES[case]
    found = compare({"kind": "X", "spec": want}, {"kind": "X", "spec": have}, None)
    assert bool(found) is different, [str(d) for d in found]


def test_a_difference_names_its_place_in_words_of_the_file() -> None:
    want, have = deployment(A="1"), deployment(A="2")
    assert [str(d) for d in compare(want, have, None)] == ["spec.template.spec.containers[web].env[A].value"]


def test_identity_and_status_are_nobodys_wish() -> None:
    want = deployment()
    want["metadata"]["uid"] = "x"
    want["status"] = {"replicas": 3}
    assert compare(want, deployment(), None) == ()


async def test_a_server_that_normalises_what_we_send_is_no_drift(cluster: Cluster, namespace: str) -> None:
    """Zero values that the server leaves out, quantities in normal form, defaults: applied once, then never again."""
    wish = deployment(namespace=namespace, EMPTY="")
    pod = wish["spec"]["template"]["spec"]
    pod["hostNetwork"] = False
    pod["containers"][0]["ports"] = [{"containerPort": 8080}]
    pod["containers"][0]["resources"]["limits"] = {"memory": "1.5Gi"}
    pod["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    policy_spec = {"podSelector": {}, "ingress": [], "policyTypes": ["Ingress", "Egress"]}
    policy = obj("networking.k8s.io/v1", "NetworkPolicy", "deny", namespace, spec=policy_spec)
    account = obj("v1", "ServiceAccount", "shop", namespace, automountServiceAccountToken=False)
    for o in (wish, policy, account, service(namespace=namespace)):
        sent = stamped(o, OWNER)
        live = await cluster.apply(sent)
        assert changed_paths(sent, live) == (), o["kind"]
        again = await cluster.apply(sent, live=live)
        assert changed_paths(sent, again) == (), o["kind"]
        if o is not policy:
            # On 1.37 an empty list that the server does not keep counts as a change each time it is sent (a new
            # generation): one more reason to send nothing that does not differ.
            assert again["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


async def test_a_value_of_ours_that_the_server_changed_is_no_drift_and_that_somebody_changed_is() -> None:
    cluster = MemoryCluster()
    sent = stamped(deployment(), OWNER)
    live = await cluster.apply(sent)
    mutated = copy.deepcopy(live)
    mutated["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror/shop:1"
    assert changed_paths(sent, mutated) == (), "an admission changed it on the way in: still recorded as ours"

    def edit(o: Object) -> None:
        o["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"

    edited = cluster.edit(ref_of(sent), edit)
    assert changed_paths(sent, edited) == ("spec.template.spec.containers[web].image",)


async def test_a_field_that_leaves_the_wish_is_a_difference() -> None:
    cluster = MemoryCluster()
    live = await cluster.apply(stamped(deployment(A="1", B="2"), OWNER))
    assert changed_paths(stamped(deployment(A="1"), OWNER), live) == ("metadata.annotations[mcd.internal/hash]",)
    assert applied_tree(live, "mcd") is not None


def test_places_are_shown_as_people_read_them() -> None:
    path = ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:targetPort")
    assert shown(path) == "spec.ports[80,TCP].targetPort"
    assert shown(("f:metadata", "f:labels", "f:app.kubernetes.io/name")) == "metadata.labels[app.kubernetes.io/name]"


SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@given(st.decimals(0, 10**9, places=3, allow_nan=False), st.sampled_from(SUFFIXES))
def test_quantities_are_read_as_the_official_client_reads_them(number: Decimal, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert amount(text) == parse_quantity(text)


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_none(text: str) -> None:
    amount(text)
