"""A captured state as MCD judges it: the live objects in, the explanation that every face tells out.

The capture asks this until the state is told, and the tests ask it of what was kept: the same function for both.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mcd.api.why import Explanation, explain_health
from mcd.kube.explain import Seen, explain, explain_away, explain_condition, explain_namespace, with_last_lines
from mcd.kube.health import Found, health
from mcd.kube.look import told_with
from mcd.model import ComponentHealth, HealthState, Reason
from mcd.model.why import Language, told_by
from mcd.store.nouns import TOLD, said_of
from tests.capture.given import COMPONENT

FOLDER = Path(__file__).resolve().parent.parent / "captured" / "why"
APP = "shop"

Case = dict[str, Any]


@cache
def read(case: str) -> Case:
    """Read once: whoever gets it must not change it."""
    found: Case = from_yaml((FOLDER / case / "objects.yaml").read_text(encoding="utf-8"))
    return found


def from_yaml(text: str) -> Any:
    """As `yaml.safe_load`, ten times as fast where libyaml is there."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def component_health(case: Case) -> ComponentHealth:
    """What a controller would write down of it."""
    if said := case.get("condition"):
        words = _as_stored(said)
        cause = explain_condition(APP, Reason(said["reason"]), words, case["namespace"]["metadata"]["name"])
    elif said := case.get("away"):
        cause = explain_away(said["cluster"], said["since"], _as_stored(said), refused=False)
    elif case["kind"] == "Namespace":
        found = explain_namespace(case["namespace"])
        assert found is not None
        cause = found
    else:
        return _of_objects(case)
    return ComponentHealth(
        "", HealthState.FAILED, cause.reason, cause.message, evidence=cause.evidence, told=cause.all_told
    )


def _as_stored(said: Case) -> str:
    """The message as the store gives it back. Raises ValueError for one that nobody could tell in Chinese."""
    words = said_of(said["message"], said.get(TOLD))
    if not told_by(words):
        raise ValueError(f"{said['message']!r} does not know what it says: capture it again.")
    return words


def _of_objects(case: Case) -> ComponentHealth:
    now = datetime.fromisoformat(case["now"])
    seen = Seen(case["pods"], case["events"], case["nodes"], case["placed"], now)
    found = Found(case["workload"], case["replica_sets"], case["routes"], case["around"], seen)
    judged = health(COMPONENT, case["kind"], found, now)
    lines = tuple(case.get("log") or ())
    cause = explain(COMPONENT, replace(seen, now=None))
    if not lines or cause is None or not cause.container:
        return judged
    return told_with(judged, cause, with_last_lines(cause, lines), lines)


def explanation(case: Case, language: Language) -> Explanation:
    return explain_health(APP, component_health(case), language)
