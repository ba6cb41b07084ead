"""Sidecars, sign-in and certificates beyond the objects that they become: what restarts pods, who makes the Secrets,
what is asked of no cluster in particular."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcd.appyaml.compiler import Compiled, Source, check, compile_app, template_digests, validate
from mcd.appyaml.context import NO_CONTEXT, ClusterFacts, Context, Gateway, Oauth, ProductLineFacts, SecretFacts
from mcd.appyaml.shells import app_shells, line_shells
from mcd.infra.catalog import KINDS

CLIENT = ("OAUTH2_PROXY_CLIENT_ID", "OAUTH2_PROXY_CLIENT_SECRET", "OAUTH2_PROXY_COOKIE_SECRET")
SIGN_IN = ClusterFacts(name="bj1", oauth=Oauth(issuer_url="https://sso.example.com", image="r/proxy:1"))
BESIDE = """
appname: desk
components:
  web:
    type: web
    image: r/web:1
    oauth: true
    sidecars: {edge: {image: "nginx:1.29.3", port: 8081, entry: true}}
"""


def compiled(text: str = BESIDE, context: Context | None = None, commit: str = "a" * 40) -> Compiled:
    context = context or Context(cluster=SIGN_IN, kinds=KINDS)
    came_out = compile_app(check(text, "app.yaml"), context, Source(commit=commit))
    assert came_out.ok, came_out.problems
    return came_out


def pod(came_out: Compiled) -> dict[str, Any]:
    spec: dict[str, Any] = next(o for o in came_out.objects if o["kind"] == "Deployment")["spec"]["template"]["spec"]
    return spec


def line(*secrets: str, keys: tuple[str, ...] = ("tls.crt", "tls.key")) -> ProductLineFacts:
    return ProductLineFacts(name="city", secrets={name: SecretFacts(keys=keys, version="3") for name in secrets})


def test_a_commit_alone_leaves_pods_with_sidecars_alone() -> None:
    first, second = compiled(commit="a" * 40), compiled(commit="b" * 40)
    assert pod(first) != pod(second)  # MCD_COMMIT stands in the sidecar too
    assert template_digests(first) == template_digests(second)


def test_another_image_of_a_sidecar_is_another_pod() -> None:
    assert template_digests(compiled()) != template_digests(compiled(BESIDE.replace("1.29.3", "1.29.4")))


def test_what_signs_people_in_is_a_secret_of_the_line_under_the_name_that_every_pod_asks_for() -> None:
    facts = line("mcd-oauth", keys=CLIENT)
    came_out = compiled(context=Context(cluster=SIGN_IN, product_line=facts, kinds=KINDS))
    assert [(need.name, need.keys, need.source, need.version) for need in came_out.secrets] == [
        ("mcd-oauth", CLIENT, "line", "3")
    ]
    assert [shell["metadata"]["name"] for shell in line_shells(facts)] == ["mcd-oauth"]


@pytest.mark.parametrize(
    ("keys", "lacks"), [(None, 'secret "mcd-oauth"'), (CLIENT[:2], 'OAUTH2_PROXY_COOKIE_SECRET in secret "mcd-oauth"')]
)
def test_a_server_says_that_the_line_has_no_client_to_sign_in_with(keys: tuple[str, ...] | None, lacks: str) -> None:
    """Its pods would wait for a Secret that nobody makes. Without a server nobody knows."""
    facts = line() if keys is None else line("mcd-oauth", keys=keys)
    context = Context(cluster=SIGN_IN, product_line=facts, kinds=KINDS)
    assert compile_app(check(BESIDE, "app.yaml"), context).ok
    told = compile_app(check(BESIDE, "app.yaml"), replace(context, live=True)).problems
    assert [str(problem) for problem in told] == [
        f'app.yaml:7:12: components.web.oauth: product line "city" has no {lacks} to sign people in with. '
        "Set it with mcd secret set -p."
    ]


def test_a_new_client_of_the_sign_in_restarts_the_pods() -> None:
    def restarted_by(version: str) -> Any:
        facts = ProductLineFacts(name="city", secrets={"mcd-oauth": SecretFacts(keys=CLIENT, version=version)})
        came_out = compiled(context=Context(cluster=SIGN_IN, product_line=facts, kinds=KINDS))
        deployment = next(o for o in came_out.objects if o["kind"] == "Deployment")
        return deployment["spec"]["template"]["metadata"]["annotations"]["mcd.internal/checksum"]

    assert restarted_by("1") != restarted_by("2")


CERTIFICATE = """
appname: shop
components:
  web: {type: web, image: "r/web:1", domains: [{host: shop.example.com, tls: NAME}]}
"""
LISTENS = ClusterFacts(name="bj1", gateway=Gateway(listener_set=True))


@pytest.mark.parametrize("whose", ["settings", "line"])
def test_a_certificate_is_delivered_as_the_type_of_secret_that_gateways_take(whose: str) -> None:
    context = Context(cluster=LISTENS, product_line=line("wildcard"), kinds=KINDS)
    if whose == "settings":
        context = replace(context, product_line=line(), settings=replace(context.settings, secrets=line("own").secrets))
    came_out = compiled(CERTIFICATE.replace("NAME", "own" if whose == "settings" else "wildcard"), context)
    assert came_out.spec is not None
    shells = [*app_shells(came_out.spec), *line_shells(context.product_line)]
    assert [(shell["type"], list(shell["data"])) for shell in shells] == [("kubernetes.io/tls", ["tls.crt", "tls.key"])]


def test_a_certificate_restarts_no_pod() -> None:
    context = Context(cluster=LISTENS, product_line=line("wildcard"), kinds=KINDS)
    with_one = compiled(CERTIFICATE.replace("NAME", "wildcard"), context)
    annotations = next(o for o in with_one.objects if o["kind"] == "Deployment")["spec"]["template"]["metadata"]
    assert "mcd.internal/checksum" not in annotations["annotations"]


LACKING = """
appname: shop
components:
  web: {type: web, oauth: true, domains: [{host: shop.example.com, tls: auto}]}
"""


def test_a_file_for_no_cluster_in_particular_is_not_told_what_a_cluster_lacks() -> None:
    """`validate` without a context (app-yaml 4.1); with one, and for `render`, it is."""
    nowhere = replace(NO_CONTEXT, fills=False, kinds=KINDS)
    assert validate(check(LACKING, "app.yaml"), nowhere) == ()
    problems = compile_app(check(LACKING, "app.yaml"), NO_CONTEXT).problems
    assert [problem.code for problem in problems] == ["cluster.lacks", "cluster.lacks"]


def test_only_one_component_listens_for_a_host_that_two_serve() -> None:
    """Two listeners for one host are in conflict, and a gateway serves the older one alone."""
    text = """
appname: shop
components:
  web: {type: web, image: "r/web:1", domains: [{host: shop.example.com, tls: auto}]}
  api: {type: web, image: "r/api:1", domains: [{host: shop.example.com, path: /api, tls: auto}]}
"""
    came_out = compiled(text, Context(cluster=replace(LISTENS, cert_issuer="ca"), kinds=KINDS))
    listening = [o["metadata"]["name"] for o in came_out.objects if o["kind"] in ("ListenerSet", "Certificate")]
    assert listening == ["shop-api-951623a2", "shop-api"]
    routes = {o["metadata"]["name"]: o["spec"] for o in came_out.objects if o["kind"] == "HTTPRoute"}
    assert {parent["name"] for spec in routes.values() for parent in spec["parentRefs"]} == {"mcd", "shop-api"}
    assert [parent["name"] for parent in routes["shop-web"]["parentRefs"]] == ["mcd", "shop-api"]
