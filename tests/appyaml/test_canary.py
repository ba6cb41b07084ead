"""How requests move: what a canary plan says when little was written, whom a route sends where, what the Release is."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from mcd.appyaml.compiler import Compiled, Source, check, compile_app, template_digests
from mcd.appyaml.context import NO_CONTEXT, CanaryFacts, Context, StableFacts
from mcd.appyaml.spec.canary import CanarySpec
from tests.appyaml.cases_on_disk import COMMIT

STABLE = StableFacts(image="registry.test/web:old", commit="0a1b2c3d4e5f60718293a4b5c6d7e8f901234567")
WEB = "appname: hello\ncomponents: {web: {type: web, rollout: {strategy: canary, canary: %s}}}\n"


def compiled(canary: str, context: Context = NO_CONTEXT) -> Compiled:
    came_out = compile_app(check(WEB % canary, "app.yaml"), context, Source(COMMIT))
    assert came_out.ok, [str(problem) for problem in came_out.problems]
    return came_out


def plan(canary: str) -> CanarySpec:
    spec = compiled(canary).spec
    assert spec is not None
    found = spec.components[0].rollout.canary
    assert found is not None
    return found


def at(step: int, live: int | None = None) -> Context:
    return replace(NO_CONTEXT, canary={"web": CanaryFacts(stable=STABLE, step=step, replicas=live)})


def of(came_out: Compiled, kind: str, name: str) -> dict[str, Any]:
    return next(obj for obj in came_out.objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name))


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ("{}", [(5, 600, False), (30, 600, False), (100, None, False)]),
        ("{steps: []}", [(100, None, False)]),
        ("{steps: [{weight: 10}]}", [(10, 600, False), (100, None, False)]),
        ("{steps: [{weight: 0, pause: approve}]}", [(0, None, True), (100, None, False)]),
        ("{steps: [{weight: 10, pause: 2h}, {weight: 100, pause: 1h}]}", [(10, 7200, False), (100, None, False)]),
    ],
)
def test_steps_end_at_100_and_wait_ten_minutes_where_nothing_else_is_said(written: str, steps: list[Any]) -> None:
    assert [(step.weight, step.pause, step.approve) for step in plan(written).steps] == steps


def test_what_must_stay_good_is_a_share_and_a_time() -> None:
    nothing = plan("{}").check
    assert (nothing.error_rate, nothing.p95, nothing.on_fail) == (Decimal(5), None, "rollback")
    written = plan("{check: {error_rate: '<0.5%', p95: '< 300ms', on_fail: pause}}").check
    assert (written.error_rate, written.p95, written.on_fail) == (Decimal("0.5"), Decimal("0.3"), "pause")


@pytest.mark.parametrize(
    ("live", "weight", "pods"), [(None, 1, 1), (0, 50, 1), (4, 40, 2), (10, 5, 1), (10, 11, 2), (3, 100, 3)]
)
def test_the_new_version_has_the_pods_for_its_share_and_at_least_one(live: int | None, weight: int, pods: int) -> None:
    came_out = compiled(f"{{steps: [{{weight: {weight}}}]}}", at(1, live))
    assert of(came_out, "Deployment", "hello-web-canary")["spec"]["replicas"] == pods


def cookie_rule(cookie: str) -> re.Pattern[str]:
    route = of(compiled(f"{{cookie: {cookie}}}", at(1)), "HTTPRoute", "hello-web")
    (header,) = route["spec"]["rules"][0]["matches"][0]["headers"]
    assert (header["name"], header["type"]) == ("Cookie", "RegularExpression")
    return re.compile(header["value"])


@pytest.mark.parametrize("sent", ["tester=a.b+c$", "a=1; tester=a.b+c$", "tester=a.b+c$; z=1", "a=1;tester=a.b+c$;z=1"])
def test_a_cookie_is_found_wherever_it_stands_by_search_and_by_whole_match(sent: str) -> None:
    rule = cookie_rule("{tester: a.b+c$}")
    assert rule.search(sent)
    assert rule.fullmatch(sent)


@pytest.mark.parametrize(
    "sent", ["", "tester=aXb+c$", "xtester=a.b+c$", "tester=a.b+c$d", "a=tester=a.b+c$", "tester="]
)
def test_another_cookie_leads_nobody_to_the_new_version(sent: str) -> None:
    assert not cookie_rule("{tester: a.b+c$}").search(sent)


def test_any_value_of_a_cookie_is_one_and_not_none() -> None:
    rule = cookie_rule("tester")
    assert rule.search("a=1; tester=x")
    assert not rule.search("tester=; a=1")


def test_what_is_stable_stays_as_it_was_and_the_release_is_what_stands_beside_it() -> None:
    came_out = compiled("{}", at(1))
    old, new = (of(came_out, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]
                for name in ("hello-web", "hello-web-canary"))  # fmt: skip
    assert (old, new) == (STABLE.image, f"registry.mcd.internal/hello:{COMMIT[:12]}")
    assert template_digests(came_out) != template_digests(compiled("{}"))


def test_a_problem_of_a_component_is_told_once_though_it_is_made_twice() -> None:
    text = "appname: hello\ncomponents: {web: {type: web, image: nginx, rollout: canary, command: run $NOPE}}\n"
    came_out = compile_app(check(text, "app.yaml"), at(1), Source(COMMIT))
    assert [problem.code for problem in came_out.problems] == ["image.moving_tag", "ref.unknown"]


def test_a_component_that_rolls_has_no_canary_whatever_the_context_says() -> None:
    text = "appname: hello\ncomponents: {web: {type: web}}\n"
    assert compile_app(check(text, "app.yaml"), at(1)).objects == compile_app(check(text, "app.yaml")).objects
