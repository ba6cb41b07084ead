"""The compiler is a function: the same file gives the same bytes, in any order of keys, on any machine."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mcd.appyaml.compiler import NO_CONTEXT, Context, Source, check, compile_app, render_line, template_digests
from mcd.appyaml.context import (
    ClusterFacts,
    ComponentSettings,
    Otel,
    Pool,
    ProductLineFacts,
    SecretFacts,
    SettingsFacts,
    read_context,
)
from mcd.appyaml.names import base_of
from mcd.appyaml.resolve.commands import for_kubernetes
from mcd.appyaml.resolve.pieces import InPod
from mcd.errors import Severity, has_errors
from mcd.objects import short, to_yaml
from tests.appyaml.cases_on_disk import COMMIT, CONTEXT_OF_THE_PAGE, Case, all_cases

VALID = [case for case in all_cases() if case.rendered()]


def shuffled(tree: Any, mix: random.Random, path: tuple[str, ...] = ()) -> Any:
    """The same file with its keys in another order. The ports of a service have an order that means something: the
    first one is PORT."""
    if isinstance(tree, dict):
        keys = list(tree)
        if not path or path[-1] != "ports":
            mix.shuffle(keys)
        return {key: shuffled(tree[key], mix, (*path, key)) for key in keys}
    return [shuffled(item, mix, path) for item in tree] if isinstance(tree, list) else tree


class _Texts(yaml.SafeLoader):
    """Every scalar as text, so that 1.10 survives the way through Python."""


_Texts.yaml_implicit_resolvers = {}


class _Written(yaml.SafeDumper):
    """Texts as they were written: plain where they were plain."""


_Written.yaml_implicit_resolvers = {}


CARRIED = [
    case
    for case in VALID
    # An alias, a quoted null, an empty text and a list of components cannot be carried through another writer.
    if not any(sign in case.text for sign in (b"&", b'"~"', b'""', b"services:\n-")) and "--line" not in case.arguments
]


@pytest.mark.parametrize("case", CARRIED, ids=lambda case: case.name)
@pytest.mark.parametrize("seed", [1, 2])
def test_keys_in_another_order_give_the_same_bytes(case: Case, seed: int) -> None:
    tree = shuffled(yaml.load(case.text, _Texts), random.Random(seed))
    text = yaml.dump(tree, Dumper=_Written, sort_keys=False, allow_unicode=True)
    assert to_yaml(case.compile(text.encode()).objects) == case.rendered()


SCRIPT = """
import sys
from tests.appyaml.cases_on_disk import all_cases
for case in all_cases():
    sys.stdout.buffer.write((case.name + case.rendered() + case.problems()).encode())
"""


def test_the_output_is_the_same_under_another_hash_seed_locale_and_time_zone() -> None:
    outputs = []
    for seed, locale, zone in (("1", "C", "UTC"), ("4242", "tr_TR.UTF-8", "Asia/Shanghai")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "LANG": locale, "TZ": zone}
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True)
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 100_000


def kubernetes_expands(text: str, known: dict[str, str]) -> str:
    """What Kubernetes makes of a value (k8s.io/kubernetes/third_party/forked/golang/expansion)."""
    return re.sub(
        r"\$\$|\$\(([^)]*)\)",
        lambda m: "$" if m[0] == "$$" else known.get(m[1], m[0]),
        text,
    )


@settings(max_examples=400)
@given(st.text("$()ABx {}", max_size=12))
def test_kubernetes_shows_the_program_exactly_the_text_that_was_written(text: str) -> None:
    assert kubernetes_expands(for_kubernetes([text]), {"A": "!", "B": "!", "AB": "!", "": "!"}) == text


@settings(max_examples=400)
@given(st.text("$()AB", max_size=6), st.text("$()AB", max_size=6))
def test_a_reference_between_two_texts_is_expanded_and_the_texts_are_not(before: str, after: str) -> None:
    written = for_kubernetes([before, InPod("X"), after])
    assert kubernetes_expands(written, {"X": "value", "A": "!", "B": "!", "AB": "!"}) == f"{before}value{after}"


APP = "appname: hello\ncomponents:\n  web: {type: web}\n  w: {type: daemon, image: 'x:1'}\n"


def compiled(text: str = APP, context: Context = NO_CONTEXT, **source: Any) -> Any:
    return compile_app(check(text, "app.yaml"), context, Source(**{"commit": COMMIT, **source}))


def test_a_commit_alone_changes_no_digest_and_a_new_image_changes_one() -> None:
    images = {"web": "r/hello@sha256:" + "a" * 64}
    first = template_digests(compiled(images=images))
    assert first == template_digests(compiled(images=images, commit="0" * 40))
    second = template_digests(compiled(images={"web": "r/hello@sha256:" + "b" * 64}))
    assert first["web"] != second["web"]
    assert first["w"] == second["w"]


def test_a_component_that_keeps_its_commit_keeps_its_pod_template() -> None:
    images = {"web": "r/hello@sha256:" + "a" * 64}
    first = compiled(images=images)
    later = compiled(images=images, commit="1" * 40, context=Context(known=False, commits={"web": COMMIT, "w": COMMIT}))
    assert [o["spec"]["template"] for o in first.objects if o["kind"] == "Deployment"] == [
        o["spec"]["template"] for o in later.objects if o["kind"] == "Deployment"
    ]


def test_a_value_that_names_the_commit_changes_the_digest_with_it() -> None:
    text = "appname: hello\ncomponents: {w: {type: daemon, image: 'x:1', env: {C: '{{ .Commit }}'}}}\n"
    assert template_digests(compiled(text)) != template_digests(compiled(text, commit="0" * 40))


def test_resource_attributes_of_the_platform_follow_the_commit_and_those_of_a_person_change_the_digest() -> None:
    cluster = ClusterFacts(otel=Otel(endpoint="http://otel:4317"))

    def digests(commit: str, attributes: str = "", cluster: ClusterFacts = cluster) -> Any:
        written = f", env: {{OTEL_RESOURCE_ATTRIBUTES: '{attributes}'}}" if attributes else ""
        text = f"appname: hello\ncomponents: {{w: {{type: daemon, image: 'x:1'{written}}}}}\n"
        return template_digests(compiled(text, Context(known=False, cluster=cluster), commit=commit))

    assert digests("1" * 40) == digests("2" * 40)
    assert digests("1" * 40) != digests("1" * 40, cluster=ClusterFacts())
    assert digests("1" * 40, "team=a") == digests("2" * 40, "team=a")
    assert len({str(digests("1" * 40, written)) for written in ("", "team=a", "team=b")}) == 3


def test_two_components_never_become_one_object() -> None:
    """Names of 52 characters end in 32 bits of a hash: these two have the same."""
    app, first, second = "a" * 40, "c000000099714", "c000000113801"
    assert base_of(app, first) == base_of(app, second)
    components = f"  {first}: {{type: daemon, image: 'x:1'}}\n  {second}: {{type: daemon, image: 'x:1'}}\n"
    came_out = compiled(f"appname: {app}\ncomponents:\n{components}")
    assert came_out.objects == ()
    assert [str(p) for p in came_out.problems if p.severity is Severity.ERROR] == [
        f"app.yaml:4:3: components.{second}: Deployment {base_of(app, first)} would be made twice. Rename one."
    ]


def test_which_components_use_the_built_image_is_told() -> None:
    spec = compiled().spec
    assert {c.name: (c.own_image, c.base, c.type, c.port) for c in spec.components} == {
        "web": (False, "hello-web", "web", 8080),
        "w": (True, "hello-w", "daemon", 0),
    }
    assert spec.build is not None
    assert compiled("appname: hello\ncomponents: {w: {type: daemon, image: 'x:1'}}\n").spec.build is None


def test_the_words_of_prepare_and_the_workflow_reach_the_builder() -> None:
    text = "appname: hello\nbuild: {prepare: make 'all of it', ci: flow.yaml}\ncomponents: {w: {type: daemon}}\n"
    build = compiled(text).spec.build
    assert build is not None
    assert (build.prepare, build.ci) == (("make", "all of it"), "flow.yaml")


def test_a_list_of_prepare_is_taken_word_by_word() -> None:
    text = "appname: hello\nbuild: {prepare: [sh, -c, 'echo $HOME']}\ncomponents: {w: {type: daemon}}\n"
    build = compiled(text).spec.build
    assert build is not None
    assert (build.prepare, build.ci) == (("sh", "-c", "echo $HOME"), "")


def test_a_pinned_image_wins_over_the_written_one() -> None:
    pinned = "x@sha256:" + "c" * 64
    images = {c.name: c.image for c in compiled(images={"w": pinned}, image="r/hello:9").spec.components}
    assert images == {"web": "r/hello:9", "w": pinned}


def test_with_an_error_there_is_no_object_and_every_problem() -> None:
    broken = compiled(
        "appname: hello\ncomponents: {web: {type: web, port: 0, user: 0}, w: {type: daemon, health: /p}}\n"
    )
    assert broken.objects == ()
    assert not broken.ok
    assert [p.field for p in broken.problems] == ["components.web.port", "components.web.user", "components.w.health"]


def test_warnings_alone_do_not_stop_a_deploy() -> None:
    warned = compiled("name: hello\ncomponents: {web: {type: web}}\n")
    assert warned.ok
    assert warned.objects
    assert {p.severity for p in warned.problems} == {Severity.WARNING}


def test_a_context_can_be_made_in_code() -> None:
    context = Context(
        product_line=ProductLineFacts(name="city", namespace="ns", secrets={"db": SecretFacts(("password",), "3")}),
        node_pools=(Pool(name="general"),),
        settings=SettingsFacts(revision=2, components={"web": ComponentSettings(replicas=3)}),
    )
    text = "appname: hello\ncomponents: {web: {type: web, env: {P: {secret: db/password}}}}\n"
    got = compiled(text, context)
    deployment = next(o for o in got.objects if o["kind"] == "Deployment")
    assert deployment["metadata"]["namespace"] == "ns"
    assert deployment["spec"]["replicas"] == 3
    (need,) = got.secrets
    assert (need.name, need.keys, need.source, need.version) == ("mcd-line-db", ("password",), "line", "3")
    assert "mcd.internal/checksum" in deployment["spec"]["template"]["metadata"]["annotations"]


def test_a_new_version_of_a_secret_restarts_only_who_reads_it() -> None:
    text = "appname: hello\ncomponents: {a: {type: daemon, env: {P: {secret: db/p}}}, b: {type: daemon}}\n"

    def digests(version: str) -> Any:
        line = ProductLineFacts(secrets={"db": SecretFacts(("p",), version)})
        return template_digests(compiled(text, Context(product_line=line)))

    assert digests("1")["a"] != digests("2")["a"]
    assert digests("1")["b"] == digests("2")["b"]


def test_the_line_has_its_objects_without_any_app() -> None:
    objects = render_line(Context(product_line=ProductLineFacts(name="city")))
    assert [f"{o['kind']}/{o['metadata']['name']}" for o in objects] == [
        "Namespace/city",
        "LimitRange/mcd-limits",
        "Role/mcd-reader",
        "RoleBinding/mcd-controller",
        "RoleBinding/mcd-readers",
        "NetworkPolicy/mcd-default-deny",
        "NetworkPolicy/mcd-egress",
    ]


@given(st.from_regex(r"[a-z][a-z0-9-]{0,70}", fullmatch=True), st.integers(20, 63))
def test_a_shortened_name_fits_and_is_still_a_name(name: str, limit: int) -> None:
    got = short(name, limit)
    assert len(got) <= limit
    assert got == name if len(name) <= limit else re.fullmatch(r"[a-z](?:[a-z0-9-]*[a-z0-9])?", got)


ALLOWED_VOLUMES = ("emptyDir", "persistentVolumeClaim", "projected")


def test_every_pod_passes_restricted() -> None:
    """Pod Security `restricted`, field by field, for every pod of every case but those that ask for root."""
    for case in VALID:
        if case.name == "user-root-baseline":
            continue
        for obj in case.objects():
            pod = pod_of(obj)
            if pod is None:
                continue
            security = pod["securityContext"]
            assert security["runAsNonRoot"] is True
            assert security.get("runAsUser", 1) != 0
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
            assert all(set(volume) <= {"name", *ALLOWED_VOLUMES} for volume in pod.get("volumes", []))
            for container in (*pod["containers"], *pod.get("initContainers", [])):
                inside = container["securityContext"]
                assert inside["allowPrivilegeEscalation"] is False
                assert inside["capabilities"] == {"drop": ["ALL"]}
                assert "privileged" not in inside
                assert all("hostPort" not in port for port in container.get("ports", []))
            assert pod["automountServiceAccountToken"] is False


def pod_of(obj: dict[str, Any]) -> dict[str, Any] | None:
    spec = obj.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    template = spec.get("template")
    return template["spec"] if template else None


def test_no_name_is_longer_than_kubernetes_takes() -> None:
    web = "{type: web, domains: [{host: x.example.com, path: /p}]}"
    cron = "{type: cron, schedule: '@daily'}"
    text = f"appname: {'a' * 40}\ncomponents: {{{'b' * 30}: {web}, {'c' * 30}: {cron}}}\n"
    for obj in compiled(text).objects:
        assert len(obj["metadata"]["name"]) <= (52 if obj["kind"] == "CronJob" else 63)
        assert all(len(value) <= 63 for value in obj["metadata"]["labels"].values())


def test_the_context_of_the_page_is_read_and_a_wrong_one_says_where() -> None:
    assert read_context(CONTEXT_OF_THE_PAGE.read_bytes(), "context.yaml")[1] == ()
    context, problems = read_context("cluster:\n  name: bj1\n  kubernets: '1.33'\n  keda: yes\n", "context.yaml")
    assert context is None
    assert [str(p) for p in problems] == [
        'context.yaml:3:3: cluster.kubernets: there is no "kubernets" here. Did you mean "kubernetes"?',
        'context.yaml:4:9: cluster.keda: "yes" is text. Write true or false.',
    ]
    assert has_errors(problems)
