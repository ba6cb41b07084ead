"""The rig itself: a slice of its campaigns on real processes, that its tables are whole, and that its plants still fit.

`make rig` runs more of it, `make rig-full` all.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scripts.cluster import bare
from tests.rig import crash, faults, plants
from tests.rig.catalogue import ELSEWHERE, FAULTS, WAITING
from tests.rig.crash import Point
from tests.rig.lane import TREE, Lane, lane
from tests.rig.rules import Hang, Reset, Rule, asked
from tests.rig.workloads import SHAPES, WORKLOADS

LEAST_POINTS = 3


@pytest.fixture
async def one() -> AsyncIterator[Lane]:
    lacking = bare.lacking()
    if lacking and os.environ.get("MCD_REQUIRE") != "all":
        pytest.skip(f"no API server: {lacking}")
    async with lane() as started:
        yield started


async def test_a_slice_of_the_campaigns_is_right_and_finds_a_bug_that_is_planted(one: Lane, tmp_path: Path) -> None:
    calm = await crash.reference(one, "W2-change", "plain")
    points = [point for point in calm.points("W2-change", "plain") if point.side is not crash.Side.LOST]
    reached = 0
    for point in random.Random(7).sample(points, len(points)):
        outcome = await crash.trial(one, point, calm)
        assert not outcome.bad, point.replay
        reached += outcome.reached
        if reached == LEAST_POINTS:
            break
    assert reached == LEAST_POINTS
    assert not (await faults.played(one, FAULTS["F03"], "update", 7, calm)).bad
    plant = next(each for each in plants.plants() if each.name == "apply-always")
    searching = plants.Search(one, 7, {("W2-change", "plain"): calm})
    copy = plants.copied(tmp_path / "tree", ("mcd", "tests", "scripts", "pyproject.toml"))
    with copy.planted(plant):
        assert await searching.campaign(plant, copy.folder)


def test_each_plant_is_small_names_its_finder_and_still_fits() -> None:
    found = plants.plants()
    assert len(found) >= 15
    for plant in found:
        assert plant.lines <= 10, plant.name
        kind, what = plant.kind, plant.what
        if kind == "fault":
            number, _, phase = what.partition("/")
            assert phase in FAULTS[number].phases, plant.name
        elif kind == "point":
            Point.read(what)
        elif kind == "pytest":
            assert (TREE / what.partition("::")[0]).is_file(), plant.name
        patch = str(plants.PATCHES / f"{plant.name}.patch")
        command = ["patch", "-p1", "--dry-run", "--silent", "--fuzz=1", "-i", patch]
        done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{plant.name} does not apply any more: {done.stdout}"


def test_each_fault_of_the_catalogue_has_one_place() -> None:
    every = [*FAULTS, *ELSEWHERE, *WAITING]
    assert sorted(every) == [f"F{number:02}" for number in range(1, 81)]
    for number, where in ELSEWHERE.items():
        assert where.startswith("python -m tests.rig ") or (TREE / where).is_file(), number
    for fault in FAULTS.values():
        assert set(fault.phases) <= set(faults.PHASES)
        assert fault.shape in SHAPES
    assert set(faults.PHASES.values()) <= set(WORKLOADS)


@pytest.mark.parametrize(
    ("method", "target", "verb", "resource", "namespace", "name"),
    [
        ("GET", "/api/v1/namespaces/a/services/web", "get", "services", "a", "web"),
        ("GET", "/apis/apps/v1/deployments?watch=true", "watch", "deployments", "", ""),
        ("GET", "/apis/apps/v1/namespaces/a/deployments?limit=5", "list", "deployments", "a", ""),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/web/status", "patch", "deployments/status", "a", "web"),
        ("PATCH", "/api/v1/namespaces/a", "patch", "namespaces", "a", "a"),
        ("DELETE", "/api/v1/namespaces/a/pods", "deletecollection", "pods", "a", ""),
        ("GET", "/apis", "list", "", "", ""),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "create",
            "selfsubjectaccessreviews",
            "",
            "",
        ),
    ],
)
def test_a_request_is_read_as_kubernetes_reads_it(
    method: str, target: str, verb: str, resource: str, namespace: str, name: str
) -> None:
    path, _, query = target.partition("?")
    found = asked(method, path, query)
    assert (found.verb, found.resource, found.namespace, found.name) == (verb, resource, namespace, name)
    assert found.is_write == (verb in ("patch", "deletecollection"))


def test_a_rule_meets_the_nth_request_that_it_is_for_and_no_other() -> None:
    write = asked("PATCH", "/api/v1/namespaces/a/services/web", "")
    dry = asked("PATCH", "/api/v1/namespaces/a/services/web", "dryRun=All")
    read = asked("GET", "/api/v1/namespaces/a/services/web", "")
    rule = Rule(Reset(), verb="write", nth=2)
    assert [rule.meets(what) for what in (read, write, dry, write, write)] == [False, False, False, True, False]
    twice = Rule(Hang(), resource="services", name="web", most=2)
    assert [twice.meets(what) for what in (read, write, read)] == [True, True, False]
