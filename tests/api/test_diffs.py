"""A diff names every field that a write would change, before and after, and never the value of a secret."""

from __future__ import annotations

import base64
from typing import Any

from mcd.api.diffs import changes_of
from mcd.kube.changes import LINES_LIMIT
from mcd.kube.inventory import plan
from mcd.kube.memory import MemoryCluster
from mcd.kube.secret import filled
from mcd.model import Action, InventoryEntry, SecretSource, SecretText
from mcd.objects import MASK, SECRET, SECRET_VERSION, Object, ref_of

NAMESPACE = "demo"


def config(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": NAMESPACE}, "data": data}


def shell(version: int, *keys: str) -> Object:
    """A Secret as the compiler wants it: its values are filled in when it is sent."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "s",
            "namespace": NAMESPACE,
            "annotations": {SECRET: "payment", SECRET_VERSION: str(version)},
        },
        "type": "Opaque",
        "data": dict.fromkeys(keys, MASK),
    }


async def applied(obj: Object) -> tuple[MemoryCluster, Object]:
    """A cluster that has the object from us."""
    cluster = MemoryCluster()
    cluster.add_namespace(NAMESPACE)
    found = plan([obj], [], {ref_of(obj): None}, owner="o")
    return cluster, await cluster.apply(found.apply[0].desired)


def told(wanted: list[Object], live: list[Object]) -> list[Any]:
    entries = [InventoryEntry(ref_of(o), o["metadata"]["uid"]) for o in live]
    seen: dict[Any, Object | None] = {ref_of(o): None for o in wanted}
    seen.update((ref_of(o), o) for o in live)
    return changes_of(plan(wanted, entries, seen, owner="o"))


async def test_what_is_new_is_told_whole_and_without_our_bookkeeping() -> None:
    change = told([config(a="1", b="x: y")], [])[0]
    assert change.action is Action.CREATED
    assert change.diff.splitlines() == ['+ data.a: "1"', '+ data.b: "x: y"']


async def test_what_changes_is_told_before_and_after_and_nothing_else() -> None:
    _, live = await applied(config(a="1", b="2", c="3"))
    change = told([config(a="1", b="5")], [live])[0]
    assert change.action is Action.CONFIGURED
    assert change.diff.splitlines() == ['- data.b: "2"', '+ data.b: "5"', '- data.c: "3"']


async def test_what_others_added_is_not_ours_to_take_away() -> None:
    cluster, live = await applied(config(a="1"))
    live = cluster.edit(ref_of(live), lambda o: o["data"].update(theirs="kept"))
    change = told([config(a="2")], [live])[0]
    assert "theirs" not in change.diff


async def test_no_value_of_a_secret_stands_in_a_diff() -> None:
    async def values(_source: SecretSource) -> dict[str, SecretText]:
        return {"token": SecretText("canary"), "gone": SecretText("canary")}

    cluster = MemoryCluster()
    cluster.add_namespace(NAMESPACE)
    old = plan([shell(1, "gone", "token")], [], {ref_of(shell(1)): None}, owner="o").apply[0].desired
    # As the cluster has it; more than the client would ever tell us of it.
    await cluster.apply(await filled(old, values))
    live = cluster.objects()[ref_of(old)]
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "canary"
    change = told([shell(2, "added", "token")], [live])[0]
    assert change.action is Action.CONFIGURED
    assert {line.split(":")[0] for line in change.diff.splitlines()} >= {
        "- data.gone", "- data.token", "+ data.token", "+ data.added",
    }  # fmt: skip
    whole = told([shell(2, "added", "token")], [])[0].diff + change.diff
    assert "canary" not in whole
    assert base64.b64encode(b"canary").decode() not in whole


async def test_what_goes_and_what_is_held_are_told_too() -> None:
    _, live = await applied(config(a="1"))
    assert [c.action for c in told([], [live])] == [Action.DELETED]
    cluster = MemoryCluster()
    cluster.add_namespace(NAMESPACE)
    foreign = cluster.person(config(a="theirs"))
    found = changes_of(plan([config(a="1")], [], {ref_of(foreign): foreign}, owner="o"))
    assert [c.action for c in found] == [Action.HELD]
    assert "kubectl-edit" in found[0].detail


async def test_a_diff_is_cut_and_says_so() -> None:
    book = config(**{f"k{n}": "x" for n in range(LINES_LIMIT + 10)}, long="y" * 10_000)
    lines = told([book], [])[0].diff.splitlines()
    assert lines[-1] == "… and more"
    assert len(lines) == LINES_LIMIT + 1
    assert max(map(len, told([config(long="y" * 10_000)], [])[0].diff.splitlines())) < 500
