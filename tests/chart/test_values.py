"""Values that are wrong are refused before a cluster is asked, with their place; each value is described."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
import yaml

from scripts import chart_page
from tests.chart.toggles import TOGGLES
from tests.servers.helm import CHART, refused, run

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no image": ({"image": {"repository": ""}}, "/image/repository"),
    "a typo": ({"replicas": 3}, "replicas"),
    "a typo inside": ({"api": {"replica": 3}}, "/api"),
    "text for a number": ({"api": {"replicas": "three"}}, "/api/replicas"),
    "fewer than none": ({"api": {"replicas": -1}}, "/api/replicas"),
    "not a digest": ({"image": {"repository": "r.example.com/mcd", "digest": "sha256:short"}}, "/image/digest"),
    "SQLite": ({"database": {"url": "sqlite:////var/lib/mcd.db"}}, "/database/url"),
    "root": ({"podSecurityContext": {"runAsUser": 0}}, "/podSecurityContext/runAsUser"),
    "root allowed": ({"podSecurityContext": {"runAsNonRoot": False}}, "/podSecurityContext"),
    "a folder of the node": (
        {"api": {"extraVolumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]}},
        "/api/extraVolumes/0",
    ),
    "the URL in plain sight": (
        {"api": {"extraEnv": [{"name": "MCD_DATABASE_URL", "value": "postgresql://u:p@h/d"}]}},
        "/api/extraEnv/0/name",
    ),
    "the URL among settings": ({"settings": {"MCD_DATABASE_URL": "postgresql://u:p@h/d"}}, "/settings"),
    "a setting of nobody": ({"settings": {"PATH": "/tmp"}}, "/settings"),
    "a route to nowhere": ({"httpRoute": {"enabled": True, "hostnames": ["mcd.example.com"]}}, "/httpRoute/parentRefs"),
    "an Ingress for nobody": ({"ingress": {"enabled": True}}, "/ingress/hosts"),
    "not a host": ({"ingress": {"enabled": True, "hosts": ["https://mcd.example.com"]}}, "/ingress/hosts/0"),
    "a volume for one reader": ({"persistence": {"accessMode": "ReadOnlyMany"}}, "/persistence/accessMode"),
    "not a size": ({"persistence": {"size": "ten"}}, "/persistence/size"),
    "an account that nothing binds": ({"controllers": {"serviceAccount": {"name": "mine"}}}, "/controllers/serviceAcc"),
    "no time to hand over": ({"controllers": {"terminationGracePeriodSeconds": 1}}, "/controllers/termination"),
    "a URL with a slash": ({"publicURL": "https://mcd.example.com/"}, "/publicURL"),
    "a proxy by name": ({"trustedProxies": ["gateway.example.com"]}, "/trustedProxies/0"),
    "everybody as a proxy": ({"trustedProxies": ["0.0.0.0/0"]}, "/trustedProxies/0"),
    "a cluster's name that MCD refuses": ({"ownCluster": {"name": "Own Cluster"}}, "/ownCluster/name"),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_value_is_refused_with_its_place(why: str) -> None:
    values, place = WRONG[why]
    said = refused(values)
    assert place in said
    assert "postgresql://u:p@h" not in said


def _leaves(values: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in ("requests", "limits", "labels"):
            found |= _leaves(value, f"{path}/{key}")
        else:
            found[f"{path}/{key}"] = value
    return found


def test_every_value_has_a_comment() -> None:
    """The comment stands right above the key, and begins with two dashes."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [
        line.strip()
        for above, line in itertools.pairwise(lines)
        if re.match(r" *[A-Za-z]+:( |$)", line) and not above.lstrip().startswith("#") and not _is_group(lines, line)
    ]
    assert bare == []


def _is_group(lines: list[str], line: str) -> bool:
    """A key whose values stand below it, or one of a group that is described as a whole."""
    after = lines[lines.index(line) + 1] if lines.index(line) + 1 < len(lines) else ""
    indent = len(line) - len(line.lstrip())
    deeper = len(after) - len(after.lstrip()) > indent
    return deeper or line.strip().partition(":")[0] in ("requests", "limits")


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    known: set[str] = set()

    def walk(part: dict[str, Any] | bool, path: str) -> None:
        if isinstance(part, bool):
            assert part is False, f"{path} takes anything"
            return
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if part.get("type") == "object":
            assert part.get("additionalProperties") is not None or not part.get("properties"), f"{path} takes anything"
        for key, inner in part.get("properties", {}).items():
            known.add(f"{path}/{key}")
            walk(inner, f"{path}/{key}")

    walk(schema, "")
    assert {path for path in _leaves(values) if path not in known} == set()
    top = {path.split("/")[1] for path in known} - {"global"}
    assert top == set(values)


def test_what_follows_is_told_after_each_install() -> None:
    for name in ("defaults", "route", "elsewhere"):
        done = run("install", "own", str(CHART), "--dry-run=client", "--namespace", "mcd-system", values=TOGGLES[name])
        assert done.returncode == 0, done.stderr
        notes = done.stdout.partition("NOTES:")[2]
        assert "mcd admin create-admin" in notes
        assert ("mcd cluster create own" in notes) == (name != "elsewhere")
        assert ("https://mcd.example.com" in notes) == (name == "route")


def test_the_page_of_the_chart_is_that_of_its_values() -> None:
    said = "Run: python -m scripts.chart_page"
    assert (CHART / "README.md").read_text() == chart_page.page(), said
