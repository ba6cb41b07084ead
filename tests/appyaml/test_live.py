"""From nouns to desired objects: what keeps its commit, what the context takes from the database, what is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mcd.appyaml.live import Desired, Pair, desired, line_context, types_in
from mcd.errors import McdError, has_errors
from mcd.infra.catalog import KINDS
from mcd.model import (
    App,
    Caller,
    Cluster,
    Device,
    Facts,
    Neighbour,
    NodePool,
    ProductLine,
    Reconciled,
    Release,
    Rollout,
    Serves,
    Serving,
    Settings,
)

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)
NEW = Reconciled(1, 0, (), None)
FIRST, SECOND = "a" * 40, "b" * 40
TWO = """
appname: two
components:
  web: {type: web, image: registry.test/web:1}
  worker: {type: daemon, image: registry.test/worker:1}
"""


def pair(app_yaml: str, commit: str = FIRST, settings: dict[str, Any] | None = None) -> Pair:
    return Pair(
        App("a1", "two", "demo", "mcd:two", "app.yaml", "main", NOW, None),
        Release("r1", "two", 1, commit, "main", "", "Li", "change", app_yaml, {}, True, NOW, "li", NEW),
        Settings("two", 1, settings or {}, NOW, "li"),
        ProductLine("l1", "demo", "local", "demo-ns", {}, NEW),
        Cluster("c1", "local", "here", {"base_domain": "apps.localhost"}, Serves("1.37", frozenset()), NOW, NEW),
        (),
    )


def rollout(came_out: Desired | None = None, **changes: Any) -> Rollout:
    commits = dict(came_out.commits) if came_out else {}
    digests = dict(came_out.digests) if came_out else {}
    made = Rollout("o1", "two", 1, 1, 1, "push", False, {}, "", commits, digests, True, NOW, "li", NEW)
    return replace(made, **changes)


def env_of(came_out: Desired, component: str) -> dict[str, str]:
    for obj in came_out.objects:
        if obj["kind"] == "Deployment" and obj["metadata"]["name"] == f"two-{component}":
            env = obj["spec"]["template"]["spec"]["containers"][0]["env"]
            return {e["name"]: e.get("value", "") for e in env}
    raise AssertionError(f"no Deployment of {component}")


def test_a_component_that_a_push_leaves_as_it_was_keeps_its_commit() -> None:
    before = desired(pair(TWO), KINDS, rollout(), None)
    after = desired(pair(TWO.replace("worker:1", "worker:2"), SECOND), KINDS, rollout(), rollout(before))
    assert env_of(after, "web")["MCD_COMMIT"] == FIRST
    assert env_of(after, "worker")["MCD_COMMIT"] == SECOND
    assert after.commits == {"web": FIRST, "worker": SECOND}


def test_the_unchanged_component_is_the_same_object_to_the_byte() -> None:
    before = desired(pair(TWO), KINDS, rollout(), None)
    after = desired(pair(TWO.replace("worker:1", "worker:2"), SECOND), KINDS, rollout(), rollout(before))
    web = [o for o in before.objects if o["metadata"]["name"] == "two-web"]
    assert web == [o for o in after.objects if o["metadata"]["name"] == "two-web"]


def test_what_was_begun_is_not_decided_anew() -> None:
    """The map that the first pass wrote stands, whatever became of the Rollout before it."""
    begun = rollout(commits={"web": FIRST, "worker": FIRST})
    came_out = desired(pair(TWO, SECOND), KINDS, begun, None)
    assert env_of(came_out, "web")["MCD_COMMIT"] == FIRST


def test_a_new_component_shows_the_new_commit() -> None:
    before = desired(pair(TWO), KINDS, rollout(), None)
    three = TWO + "  more: {type: daemon, image: registry.test/more:1}\n"
    after = desired(pair(three, SECOND), KINDS, rollout(), rollout(before))
    assert after.commits == {"web": FIRST, "worker": FIRST, "more": SECOND}


def test_one_more_replica_changes_no_pod_template() -> None:
    """From two on: the second pod brings the rule that spreads them."""
    before = desired(pair(TWO, settings={"components": {"web": {"replicas": 2}}}), KINDS, rollout(), None)
    after = desired(pair(TWO, settings={"components": {"web": {"replicas": 3}}}), KINDS, rollout(), rollout(before))
    assert after.digests == before.digests
    web = next(o for o in after.objects if o["kind"] == "Deployment" and o["metadata"]["name"] == "two-web")
    assert web["spec"]["replicas"] == 3


def test_a_manual_job_is_a_template_and_no_object() -> None:
    job = "appname: two\ncomponents: {seed: {type: job, image: 'registry.test/seed:1'}}\n"
    came_out = desired(pair(job), KINDS, rollout(), None)
    assert "Job" not in {o["kind"] for o in came_out.objects}
    assert "Job" in {o["kind"] for o in came_out.compiled.objects}


@pytest.mark.parametrize("trigger", ["pre_deploy", "post_deploy"])
def test_a_job_that_a_deploy_waits_for_is_refused_while_no_server_runs_it(trigger: str) -> None:
    """Ready without the migration would be a lie, and the Job applied as it is would run beside the new pods."""
    job = f"appname: two\ncomponents: {{seed: {{type: job, image: 'registry.test/seed:1', trigger: {trigger}}}}}\n"
    came_out = desired(pair(job), KINDS, rollout(), None)
    said = f"app.yaml:2:72: components.seed.trigger: no server runs {trigger} jobs yet. Use manual."
    assert said in [str(p) for p in came_out.problems]
    assert came_out.objects == ()


def test_an_on_failure_job_that_nobody_starts_is_told_and_not_applied() -> None:
    job = "appname: two\ncomponents: {undo: {type: job, image: 'registry.test/undo:1', trigger: on_failure}}\n"
    came_out = desired(pair(job), KINDS, rollout(), None)
    said = "app.yaml:2:72: warning: components.undo.trigger: no server starts on_failure jobs yet: it is left out."
    assert said in [str(p) for p in came_out.problems]
    assert "ServiceAccount" in {o["kind"] for o in came_out.objects}
    assert "Job" not in {o["kind"] for o in came_out.objects}


def test_a_build_that_no_builder_makes_is_refused() -> None:
    text = (
        "appname: two\nbuild: {prepare: make gen, ci: flow.yaml, platforms: [linux/amd64, linux/arm64]}\n"
        "components: {web: {type: web}}\n"
    )
    found = [str(p) for p in desired(pair(text), KINDS, rollout(), None).problems]
    prepare = "build.prepare: no builder runs a command before the build yet. Run it in the Dockerfile."
    assert f"app.yaml:2:18: {prepare}" in found
    assert "app.yaml:2:32: build.ci: no server runs a workflow file yet. Remove it." in found
    assert "app.yaml:2:68: build.platforms[1]: no builder makes linux/arm64 yet. Write linux/amd64 alone." in found


def test_an_idle_run_that_no_server_stops_is_told() -> None:
    train = (
        "appname: two\ncomponents:\n"
        "  train: {type: job, image: 'registry.test/t:1', resources: {gpu: 1}, idle_gpu: {action: stop}}\n"
    )
    device = Device("nvidia", "T4", per_node=1)
    bound = replace(pair(train), pools=(NodePool("p1", "gpu", "local", {}, devices=(device,)),))
    said = "no server stops idle runs yet: people are told, as with notify."
    came_out = desired(bound, KINDS, rollout(), None)
    assert f"app.yaml:3:90: warning: components.train.idle_gpu.action: {said}" in [str(p) for p in came_out.problems]


def test_a_file_that_is_not_there_is_refused_and_any_other_is_delivered() -> None:
    files = (
        "appname: two\nenv: {P: {generate: secret}}\ncomponents:\n  w:\n    type: daemon\n"
        "    image: registry.test/w:1\n    files:\n      /x/a: {source: a.conf}\n"
        "      /x/b: {template: true, content: 'p={{ .Env.P }}'}\n"
    )
    found = [str(p) for p in desired(pair(files), KINDS, rollout(), None).problems]
    said = 'there is no file "a.conf" beside app.yaml.'
    assert f'app.yaml:8:22: components.w.files["/x/a"].source: {said}' in found
    assert [one for one in found if "x/b" in one] == []
    text = "appname: two\ncomponents: {w: {type: daemon, image: 'registry.test/w:1', files: {/x/a: a}}}\n"
    kinds = {o["kind"] for o in desired(pair(text), KINDS, rollout(), None).objects}
    assert "ConfigMap" in kinds


def test_a_canary_that_no_server_moves_is_told_and_rolls() -> None:
    web = "appname: two\ncomponents: {web: {type: web, image: 'registry.test/web:1', rollout: canary}}\n"
    bound = pair(web)
    serves = Serves("1.37", frozenset({"gateway.networking.k8s.io/v1/HTTPRoute"}))
    came_out = desired(replace(bound, cluster=replace(bound.cluster, serves=serves)), KINDS, rollout(), None)
    said = "components.web.rollout: no server moves requests in steps yet: canary becomes rolling."
    assert f"app.yaml:2:70: warning: {said}" in [str(p) for p in came_out.problems]
    assert [o["metadata"]["name"] for o in came_out.objects if o["kind"] == "Deployment"] == ["two-web"]


def test_what_the_cluster_was_seen_to_serve_beats_what_people_said() -> None:
    bound = pair(TWO)
    said = replace(bound.cluster, facts={"gateway_api": True, "keda": True})
    context = line_context(bound.line, said, ())
    assert not context.cluster.gateway_api
    assert not context.cluster.keda


@pytest.mark.parametrize("served", [False, True])
def test_a_gateway_takes_listeners_of_apps_when_its_owner_says_so_and_the_kind_is_served(served: bool) -> None:
    bound = pair(TWO)
    kinds = frozenset({"gateway.networking.k8s.io/v1/ListenerSet"}) if served else frozenset()
    facts = {"gateway": {"name": "edge", "listener_set": True}}
    said = replace(bound.cluster, facts=facts, serves=Serves("1.37", kinds))
    gateway = line_context(bound.line, said, ()).cluster.gateway
    assert (gateway.name, gateway.listener_set) == ("edge", served)
    silent = replace(said, facts={})
    assert not line_context(bound.line, silent, ()).cluster.gateway.listener_set


def test_a_pool_that_is_dedicated_to_another_line_is_not_there() -> None:
    pools = [
        NodePool("p1", "ours", "local", {"pool": "ours"}, dedicated_to="demo"),
        NodePool("p2", "theirs", "local", {"pool": "theirs"}, dedicated_to="other"),
        NodePool("p3", "common", "local", {"pool": "common"}),
    ]
    bound = pair(TWO)
    context = line_context(bound.line, bound.cluster, pools)
    assert [p.name for p in context.node_pools or ()] == ["ours", "common"]


def test_wishes_that_are_no_context_are_refused_by_name() -> None:
    bound = pair(TWO)
    with pytest.raises(McdError, match="egress"):
        line_context(replace(bound.line, wishes={"egress": "ajar"}), bound.cluster, ())


def test_problems_leave_no_object() -> None:
    came_out = desired(pair("appname: two\ncomponents: {web: {type: web, port: 99999}}\n"), KINDS, rollout(), None)
    assert came_out.objects == ()
    assert [p.code for p in came_out.problems if p.severity == "error"] == ["value.range"]


def test_what_no_server_makes_yet_is_refused_before_a_pod_waits_for_it() -> None:
    needs = "appname: two\ninfra: {mysql: true}\nenv: {KEY: {generate: secret}}\n" + TWO.split("\n", 2)[2]
    came_out = desired(pair(needs), KINDS, rollout(), None)
    assert [(p.line, p.column, p.field, p.message) for p in came_out.problems if p.code == "cluster.lacks"] == [
        (2, 9, "infra.mysql", "no server makes a mysql yet."),
    ]
    assert came_out.objects == ()


def test_a_push_and_the_command_know_the_same_kinds() -> None:
    wrong = "appname: two\ninfra: {myslq: true}\n" + TWO.split("\n", 2)[2]
    found = [str(p) for p in desired(pair(wrong), KINDS, None, None).problems]
    assert 'app.yaml:2:9: infra.myslq: there is no "myslq". Did you mean "mysql"?' in found


SITES = """appname: two
components:
  web: {type: web, image: 'registry.test/web:1'}
environments:
  other: {components: {web: {replicas: 5}}}
  demo: {components: {web: {replicas: 3}, night: {type: cron, schedule: "@daily", image: 'registry.test/n:1'}}}
"""


def test_a_product_line_has_what_its_environment_says_and_no_other_one() -> None:
    line = pair(SITES).line.name
    came_out = desired(pair(SITES.replace("demo:", f"{line}:")), KINDS, rollout(), None)
    web = next(o for o in came_out.objects if o["kind"] == "Deployment")
    assert web["spec"]["replicas"] == 3
    assert "CronJob" in {o["kind"] for o in came_out.objects}


def test_a_file_of_the_repository_is_what_the_release_is_frozen_with() -> None:
    text = "appname: two\ncomponents: {w: {type: daemon, image: 'r.test/w:1', files: {/x/a: {source: a.conf}}}}\n"
    bound = pair(text)

    def files(held: dict[str, bytes | None] | None) -> tuple[list[str], list[str]]:
        found = desired(replace(bound, release=replace(bound.release, files=held)), KINDS, rollout(), None)
        configs = [o for o in found.objects if o["kind"] == "ConfigMap"]
        told = [str(p) for p in found.problems if "source" in p.field]
        return told, [text for o in configs for text in o["data"].values()]

    assert files({"a.conf": b"key = 1", "b.conf": b"of another environment"}) == ([], ["key = 1"])
    missing = 'app.yaml:2:76: components.w.files["/x/a"].source: there is no file "a.conf" beside app.yaml.'
    assert files({"a.conf": None}) == ([missing], [])
    assert files({}) == ([missing], [])
    unread = "no file of the repository is read here: it is not checked. A push reads it."
    assert files(None) == ([f'app.yaml:2:76: warning: components.w.files["/x/a"].source: {unread}'], [])


def test_the_components_of_a_product_line_are_those_of_its_environment() -> None:
    assert types_in(SITES, "demo") == {"web": "web", "night": "cron"}
    assert types_in(SITES, "nobody") == {"web": "web"}
    assert types_in("appname: two\n", "demo") is None
    assert types_in("", "demo") is None


def test_what_no_server_reads_of_pre_is_told_and_deploy_is_for_the_push_to_read() -> None:
    head = "appname: two\ncomponents: {web: {type: web, image: 'registry.test/web:1'}}\n"

    def told(text: str) -> list[str]:
        found = desired(pair(head + text), KINDS, rollout(), None).problems
        return [str(problem) for problem in found if problem.field.startswith(("deploy", "pre"))]

    assert told("deploy: {paths: [src], auto: false}\npre: {ttl: 2h}\n") == [
        "app.yaml:4:1: warning: pre: no server makes pre-release environments yet: it is left out.",
    ]
    assert told("pre: false\n") == []
    assert desired(pair(head + "deploy: {auto: false}\n"), KINDS, rollout(), None).objects != ()


CALLS = "appname: two\napp_dep: {user-center: true}\n" + TWO.split("\n", 2)[2]


def calling(facts: Facts, app_yaml: str = CALLS) -> Desired:
    return desired(replace(pair(app_yaml), facts=facts), KINDS, rollout(), None)


def neighbour(**changes: Any) -> Neighbour:
    return replace(Neighbour("base", "base-ns", "local", {"web": Serving("web")}), **changes)


def test_an_app_of_another_line_is_called_where_it_is_and_let_out_to() -> None:
    came_out = calling(Facts(apps={"user-center": neighbour()}))
    assert env_of(came_out, "web")["USER_CENTER_URL"] == "http://user-center-web.base-ns.svc:80"
    egress = next(o for o in came_out.objects if o["metadata"]["name"] == "two-egress")
    peer = egress["spec"]["egress"][0]["to"][0]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "base-ns"}


def test_an_app_that_is_not_there_is_refused_by_the_words_of_the_page() -> None:
    said = (
        'app.yaml:2:11: app_dep.user-center: there is no App "user-center". Create it first, or write optional: true.'
    )
    assert said in [str(p) for p in calling(Facts(apps={})).problems]


def test_a_component_of_another_app_that_is_not_there_is_refused() -> None:
    came_out = calling(Facts(apps={"user-center": neighbour(components={"api": Serving("web")})}))
    assert [p.message for p in came_out.problems if has_errors([p])] == ['App "user-center" has no component "web".']


def test_an_app_that_was_never_deployed_is_taken_for_a_web_and_told() -> None:
    came_out = calling(Facts(apps={"user-center": neighbour(components=None)}))
    assert [str(p) for p in came_out.problems if p.field.startswith("app_dep")] == [
        "app.yaml:2:11: warning: app_dep.user-center: "
        'App "user-center" was never deployed. It is taken for a web until it is.'
    ]
    assert env_of(came_out, "web")["USER_CENTER_URL"] == "http://user-center-web.base-ns.svc:80"


def test_an_app_on_another_cluster_is_refused() -> None:
    came_out = calling(Facts(apps={"user-center": neighbour(cluster="far")}))
    said = 'App "user-center" is on cluster "far", this one on "local". Call it by its domain.'
    assert [f"{p.message} {p.hint}" for p in came_out.problems if has_errors([p])] == [said]


def test_who_calls_this_app_from_another_line_is_let_in() -> None:
    came_out = calling(Facts(apps={}, callers=(Caller("report", "data", "web"),)), TWO)
    policy = next(o for o in came_out.objects if o["kind"] == "NetworkPolicy" and o["metadata"]["name"] == "two-web")
    assert "data" in str(policy["spec"]["ingress"])


SERVES = """
appname: two
components:
  web: {type: web, image: "registry.test/web:1", domains: [face.example.com]}
"""


@pytest.mark.parametrize(
    ("owner", "whose"), [("face", 'App "face"'), ("", "an App of another product line")], ids=["same-line", "another"]
)
def test_a_host_that_another_app_serves_is_refused(owner: str, whose: str) -> None:
    came_out = calling(Facts(hosts={("face.example.com", "/"): owner}), SERVES)
    assert [f"{p.code} {p.message} {p.hint}" for p in came_out.problems if p.severity == "error"] == [
        f"exclusive face.example.com/ already belongs to {whose}. Use another host or path."
    ]
    assert came_out.objects == ()


def test_an_object_name_that_another_app_has_is_refused() -> None:
    came_out = calling(Facts(names={"two-web": "two-w"}), SERVES)
    assert [f"{p.message} {p.hint}" for p in came_out.problems if p.severity == "error"] == [
        'two-web already belongs to App "two-w". Rename the component.'
    ]


def test_a_footprint_is_what_others_have_to_know() -> None:
    both = """
appname: two
app_dep: {user-center: {component: api, optional: true}}
components:
  web:
    type: web
    image: registry.test/web:1
    domains: [{host: face.example.com, path: /two}]
    affinity: {near: [cache]}
    ports: {admin: 9001}
  rpc: {type: service, image: registry.test/rpc:1, ports: {grpc: 9000, extra: 8000}}
"""
    found = calling(Facts(), both).footprint
    assert found is not None
    assert found.components == {
        "web": Serving("web", {"admin": 9001}),
        "rpc": Serving("service", {"grpc": 9000, "extra": 8000}),
    }
    assert list(found.components["rpc"].ports) == ["grpc", "extra"]
    assert (found.calls, found.beside, found.hosts) == (
        {"user-center": "api"}, ("cache",), (("face.example.com", "/two"),),
    )  # fmt: skip
    assert found.apps == ("user-center", "cache")
    assert found.names["Deployment"] == ("two-rpc", "two-web")


def test_an_app_that_a_push_would_make_is_told_how_to_make_it_first() -> None:
    text = "appname: two\ncomponents:\n  w: {type: daemon, env: {K: {secret: pya/k}, R: {required: true}}}\n"
    bound = pair(text, settings={"secrets": {"pay": {"keys": ["k"]}}})
    there = [p.hint for p in desired(bound, KINDS, None, None).problems if p.severity == "error"]
    assert there == [
        'Did you mean "pay"?',
        "Set it in the portal under Settings, Environment, or `mcd settings set two env.R=VALUE`.",
    ]
    new = desired(replace(bound, app=replace(bound.app, id="")), KINDS, None, None).problems
    assert [p.hint for p in new if p.severity == "error"] == [
        'Did you mean "pay"? The App is new. First `mcd app create two -p demo` and '
        "`mcd secret set two pya KEY=VALUE`, then push again.",
        "The App is new: first `mcd app create two -p demo`. Set it in the portal under Settings, Environment, or "
        "`mcd settings set two env.R=VALUE`. Then push again.",
    ]
    nobody = desired(replace(bound, app=replace(bound.app, id="", name="")), KINDS, None, None).problems
    assert not [p for p in nobody if "is new" in p.hint]
