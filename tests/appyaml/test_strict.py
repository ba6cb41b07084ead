"""Everything that the compiler makes of any case is strictly valid: each field is one that the schemas know."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from scripts.cluster import definitions
from tests.appyaml.everything import Done, accepted
from tests.schemas.custom import KINDS
from tests.schemas.strict import CUSTOM, VERSIONS, wrong

Object = dict[str, Any]


def _meant_for(done: Done, version: str) -> bool:
    """A case that says which Kubernetes it is for is not judged by another one's schemas."""
    return not done.kubernetes or done.kubernetes == version


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_of_every_case_is_strictly_valid(version: str) -> None:
    judged = [done for done in accepted() if _meant_for(done, version)]
    # The answer of json has no part that two objects share, and no tuple.
    found = [f"{done}: {line}" for done in judged for line in wrong(json.loads(json.dumps(done.objects)), version)]
    assert found == []
    assert sum(len(done.objects) for done in judged) > 200


def test_a_case_for_another_kubernetes_is_judged_by_its_own_schemas() -> None:
    """Every version that a case names is one of those that are judged, or none of its objects would be."""
    named = {done.kubernetes for done in accepted() if done.kubernetes}
    for version in named - set(VERSIONS):
        found = [f"{d}: {line}" for d in accepted() if d.kubernetes == version for line in wrong(d.objects, version)]
        assert found == []


def _one(kind: str) -> Object:
    for done in accepted():
        for obj in done.objects:
            if obj["kind"] == kind:
                return copy.deepcopy(obj)
    raise AssertionError(f"no case makes a {kind}")


def _container(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]["containers"][0]
    return found


PLANTS: dict[str, tuple[str, Callable[[Object], Any]]] = {
    "an unknown field deep in a pod": ("Deployment", lambda o: _container(o).update(imagge="x")),
    "an unknown field at the top": ("ServiceAccount", lambda o: o.update(wrong=1)),
    "an unknown field of metadata": ("Service", lambda o: o["metadata"].update(label={})),
    "a number for a text": ("Deployment", lambda o: _container(o)["env"].append({"name": "A", "value": 1})),
    "a text for a number": ("Deployment", lambda o: o["spec"].update(replicas="2")),
    "a boolean for a number": ("Deployment", lambda o: o["spec"].update(replicas=True)),
    "a required field left out": ("CronJob", lambda o: o["spec"].pop("schedule")),
    "a field of another version": ("Deployment", lambda o: o.update(apiVersion="apps/v1beta1")),
}
CUSTOM_PLANTS: dict[str, tuple[str, Callable[[Object], Any]]] = {
    "an unknown field of a route": ("HTTPRoute", lambda o: o["spec"]["rules"][0].update(match=[])),
    "an unknown field of a route's metadata": ("HTTPRoute", lambda o: o["metadata"].update(label={})),
    "a path that is no path": ("HTTPRoute", lambda o: o["spec"]["rules"][0]["matches"][0]["path"].update(type="Any")),
    "a duration that is none": ("PrometheusRule", lambda o: o["spec"]["groups"][0]["rules"][0].update({"for": "soon"})),
    "a null": ("PrometheusRule", lambda o: o["spec"]["groups"][0].update(interval=None)),
}


@pytest.mark.parametrize("name", [*PLANTS, *CUSTOM_PLANTS])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_planted_mistake_is_found(name: str, version: str) -> None:
    kind, spoil = (PLANTS | CUSTOM_PLANTS)[name]
    obj = _one(kind)
    assert wrong([obj], version) == []
    spoil(obj)
    assert wrong([obj], version) != []


@pytest.mark.parametrize("name", PLANTS)
def test_a_schema_validator_of_other_people_finds_the_same_mistakes(name: str) -> None:
    kind, spoil = PLANTS[name]
    obj = json.loads(json.dumps(_one(kind)))
    kubernetes_validate.validate(obj, "1.33", strict=True)
    spoil(obj)
    with pytest.raises((kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)):
        kubernetes_validate.validate(obj, "1.33", strict=True)


def test_the_schemas_of_custom_resources_are_those_that_the_local_cluster_has() -> None:
    """Another version of a project: run `python -m tests.schemas`, and read the diff."""
    kept = json.loads(CUSTOM.read_text())
    assert kept["definitions"] == definitions.version()
    assert sorted(kept["schemas"]) == sorted(KINDS)
