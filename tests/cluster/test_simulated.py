"""The simulated nodes and stages, the pause image and the manifests, as values."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

from scripts.cluster import credentials, definitions, node, places, rights, simulated, stages


def _nodes(real: bool) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in simulated.node_objects(real)}


def test_there_are_the_nodes_that_the_examples_and_tests_count_on() -> None:
    devices = {
        name: {key: value for key, value in each["status"]["capacity"].items() if "/" in key}
        for name, each in _nodes(real=True).items()
    }
    assert devices == {
        "sim-1": {},
        "sim-2": {},
        "sim-3": {},
        "t4-1": {"nvidia.com/gpu": "4"},
        "t4-2": {"nvidia.com/gpu": "4"},
        "a100-1": {"nvidia.com/gpu": "8"},
        "mlu-1": {"cambricon.com/mlu": "8"},
    }


def test_with_a_real_node_an_unselected_pod_fits_on_no_simulated_one() -> None:
    for each in _nodes(real=True).values():
        pool = each["metadata"]["labels"]["mcd.internal/node-pool"]
        taint = {"key": "mcd.internal/node-pool", "value": pool, "effect": "NoSchedule"}
        assert each["spec"]["taints"] == [taint]


def test_without_a_real_node_unselected_pods_land_on_the_plain_ones() -> None:
    free = [name for name, each in _nodes(real=False).items() if not each["spec"]["taints"]]
    assert free == ["sim-1", "sim-2", "sim-3"]


def test_the_pools_as_described_to_mcd_are_those_of_the_nodes() -> None:
    for real in (True, False):
        described = {each["name"]: each for each in map(simulated.described, simulated.pools(real))}
        for name, each in _nodes(real).items():
            pool = described[each["metadata"]["labels"]["mcd.internal/node-pool"]]
            assert name in pool["nodes"]
            assert pool.get("taints", []) == each["spec"]["taints"]
            for device in pool.get("devices", ()):
                assert each["status"]["capacity"][device["resource"]] == str(device["per_node"])
                assert each["metadata"]["labels"].get("nvidia.com/gpu.product") == device.get("product")


def test_each_word_of_the_annotation_has_a_stage_and_is_documented() -> None:
    text = stages.configuration(Path("/log"), Path("/previous"))
    names = {each["metadata"]["name"] for each in yaml.safe_load_all(text)}
    readme = (places.PACKAGE / "README.md").read_text()
    for word in stages.WORDS:
        assert word in names
        assert f"`{word}`" in readme


def test_every_user_and_component_port_is_in_the_readme() -> None:
    readme = (places.PACKAGE / "README.md").read_text()
    for user in credentials.USERS:
        if user.handed_out:
            assert f"`{user.short}`" in readme


def test_only_the_admin_and_kwok_are_masters() -> None:
    assert {user.short for user in credentials.USERS if "system:masters" in user.groups} == {"admin", "kwok"}


def _rules(role: str) -> list[dict[str, Any]]:
    found: Any = next(each["rules"] for each in rights.roles() if each["metadata"] == {"name": role})
    rules: list[dict[str, Any]] = found
    return rules


def test_mcd_has_no_wildcard_and_cannot_raise_its_own_rights() -> None:
    for role in rights.ROLES:
        for rule in _rules(role):
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert words & {"*", "escalate", "impersonate", "deletecollection"} == set()
            if "bind" in rule["verbs"]:
                assert rule["resourceNames"] in (["mcd-line-controller", "mcd-line-api"], ["mcd-reader"])
            if {"clusterroles", "clusterrolebindings"} & set(rule["resources"]):
                assert rule["verbs"] == ["bind"]


def test_secrets_are_in_the_role_of_a_product_line_only() -> None:
    for role in rights.ROLES:
        assert ("-line-" in role) == bool([rule for rule in _rules(role) if "secrets" in rule["resources"]])


def test_the_audit_policy_keeps_no_body_of_a_secret() -> None:
    rules = yaml.safe_load((places.MANIFESTS / "audit-policy.yaml").read_text())["rules"]
    first = next(
        rule
        for rule in rules
        if rule["level"] != "None" and any("secrets" in each.get("resources", ()) for each in rule.get("resources", ()))
    )
    assert first["level"] == "Metadata"
    assert rules.index(first) < min(at for at, rule in enumerate(rules) if rule["level"] == "RequestResponse")


def test_definitions_are_pinned_by_checksum() -> None:
    assert all(each.checksum.startswith("h1:") for each in definitions.SOURCES)


def test_the_pause_image_is_an_archive_whose_digests_are_true_and_equal_each_time() -> None:
    archive = node.pause_archive(b"program")
    assert archive == node.pause_archive(b"program")
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        content = {each.name: opened.extractfile(each) for each in opened.getmembers()}
        files = {name: file.read() for name, file in content.items() if file is not None}
    for name, blob in files.items():
        if name.startswith("blobs/sha256/"):
            assert hashlib.sha256(blob).hexdigest() == name.removeprefix("blobs/sha256/")
    index = json.loads(files["index.json"])
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "localhost/pause:1"
