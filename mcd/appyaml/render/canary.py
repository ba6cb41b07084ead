"""What a canary Rollout adds beside the stable objects (app-yaml 6.11): a workload, a Service, the rules of a route.

It must not know why a step has its weight, nor change anything that is stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcd.appyaml.spec.app import CanaryStep, ComponentSpec
from mcd.appyaml.spec.canary import CanarySpec, TesterSpec
from mcd.appyaml.text.re2 import literal

_ANY_COOKIE = "[^;]+"


def split(component: ComponentSpec, step: CanaryStep, rule: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules of a route while a canary is on its way, from the one rule that it has at other times."""
    new = {"name": step.component.base, "port": 80}
    rules = []
    plan = component.rollout.canary
    path = rule["matches"][0]
    matches = [path | {"headers": headers} for headers in _testers(plan)] if plan is not None else []
    if matches:
        rules.append(rule | {"backendRefs": [new], "matches": matches})
    shares = [{"name": component.base, "port": 80, "weight": 100 - step.weight}, new | {"weight": step.weight}]
    return [*rules, rule | {"backendRefs": shares}]


def _testers(plan: CanarySpec) -> list[list[dict[str, str]]]:
    """The header matches of each match: one list that all must fit, or one list each."""
    headers = [_header(header) for header in plan.headers]
    cookie = [_cookie(plan.cookie)] if plan.cookie is not None else []
    groups: Sequence[list[dict[str, str]]] = [headers + cookie] if plan.together else [headers, cookie]
    return [group for group in groups if group]


def _header(header: TesterSpec) -> dict[str, str]:
    if header.value is None:
        return {"type": "RegularExpression", "name": header.name, "value": ".+"}
    return {"type": "Exact", "name": header.name, "value": header.value}


def _cookie(cookie: TesterSpec) -> dict[str, str]:
    """Anchored on both sides: some gateways match whole values, others search."""
    value = _ANY_COOKIE if cookie.value is None else literal(cookie.value)
    return {
        "type": "RegularExpression",
        "name": "Cookie",
        "value": rf"^(.*;\s*)?{literal(cookie.name)}={value}(;.*)?$",
    }
