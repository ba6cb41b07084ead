"""The diff of one object: only what is ours, in stable YAML, and never a secret's value."""

from __future__ import annotations

from mcd.kube.cluster import Cluster
from mcd.kube.diff import diff_text
from mcd.kube.inventory import stamped
from mcd.kube.memory import MemoryCluster
from mcd.kube.secret import filled
from mcd.model import SecretText
from mcd.objects import MASK, SECRET, SECRET_VERSION, Object, ref_of
from tests.kube.given import OWNER, deployment, obj


async def test_an_applied_object_has_no_diff(cluster: Cluster, namespace: str) -> None:
    wish = deployment(namespace=namespace, EMPTY="")
    wish["spec"]["template"]["spec"]["hostNetwork"] = False
    live = await cluster.apply(stamped(wish, OWNER))
    assert diff_text(live, wish) == ""


async def test_a_change_shows_old_and_new_and_nothing_else(cluster: Cluster, namespace: str) -> None:
    live = await cluster.apply(stamped(deployment(namespace=namespace, OLD="1"), OWNER))
    wish = deployment(namespace=namespace, image="shop:2", NEW="2")
    lines = [line for line in diff_text(live, wish).splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert [line[0] + line[1:].strip() for line in lines] == [
        "-- name: OLD", "-value: '1'", "-image: shop:1", "+- name: NEW", "+value: '2'", "+image: shop:2",
    ]  # fmt: skip


async def test_what_others_added_is_not_in_it() -> None:
    cluster = MemoryCluster()
    await cluster.apply(stamped(deployment(), OWNER))
    live = cluster.edit(ref_of(deployment()), lambda o: o["metadata"]["labels"].update(team="blue"))
    assert diff_text(live, deployment()) == ""


def shell(version: str, *keys: str) -> Object:
    wish = obj("v1", "Secret", "s", type="Opaque", data=dict.fromkeys(keys, MASK))
    wish["metadata"]["annotations"] = {SECRET: "api", SECRET_VERSION: version}
    return wish


async def values(_name: str, version: int) -> dict[str, SecretText]:
    return {key: SecretText(f"canary {key} {version}") for key in ("kept", "gone", "added")}


async def test_a_secret_shows_keys_and_whether_they_change() -> None:
    cluster = MemoryCluster()
    live = await cluster.apply(await filled(stamped(shell("1", "kept", "gone"), OWNER), values))
    for new in (shell("2", "kept", "added"), shell("1", "kept", "added")):
        for text in (diff_text(live, new), diff_text(None, new)):
            assert "canary" not in text
            assert "Y2FuYXJ5" not in text
        assert "-  gone: '***'" in diff_text(live, new)
        assert "+  added: '***'" in diff_text(live, new)
        assert "+  added: '***'" in diff_text(None, new)
    assert "+  kept: '*** (changed: yes)'" in diff_text(live, shell("2", "kept"))
    assert "   kept: '***'" in diff_text(live, shell("1", "kept"))


async def test_a_key_that_a_hand_changed_shows_as_changed() -> None:
    cluster = MemoryCluster()
    await cluster.apply(await filled(stamped(shell("1", "kept", "gone"), OWNER), values))
    cluster.edit(ref_of(shell("1")), lambda o: o["data"].update(kept="b3RoZXI="))
    live = await cluster.get(ref_of(shell("1")))
    text = diff_text(live, shell("1", "kept", "gone"))
    assert "+  kept: '*** (changed: yes)'" in text
    assert "   gone: '***'" in text
