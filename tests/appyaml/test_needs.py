"""What an App needs from others, as later steps read it: Claims, generated values, Secrets, and who restarts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from mcd.appyaml.compiler import NO_CONTEXT, Compiled, Context, check, compile_app
from mcd.appyaml.context import InfraFacts, SecretFacts, SettingsFacts
from mcd.appyaml.record import record
from mcd.appyaml.shells import app_shells
from mcd.infra.catalog import KINDS
from mcd.objects import GENERATE, MADE_ONCE, MASK, SECRET, SECRET_VERSION

MYSQL = ("database", "host", "password", "port", "url", "user")


def compiled(text: str, **facts: Any) -> Compiled:
    found = compile_app(check(text, "app.yaml"), with_facts(**{"kinds": KINDS, **facts}))
    assert found.ok, [str(problem) for problem in found.problems]
    return found


def with_facts(**facts: Any) -> Context:
    return Context(known=False, **facts)


def checksums(found: Compiled) -> dict[str, str]:
    return {
        obj["metadata"]["name"]: obj["spec"]["template"]["metadata"]["annotations"].get("mcd.internal/checksum", "")
        for obj in found.objects
        if obj["kind"] == "Deployment"
    }


def variables(found: Compiled, workload: str) -> dict[str, Any]:
    pod = next(o for o in found.objects if o["kind"] == "Deployment" and o["metadata"]["name"] == workload)
    return {e["name"]: e for e in pod["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_a_claim_reads_all_that_was_asked_for_and_each_default() -> None:
    spec = compiled(
        "appname: shop-admin\n"
        "infra:\n"
        "  main: {type: postgres, version: 16, plan: large, ha: true, isolation: cluster, params: {a: 1, b: [on]}}\n"
        "  oss: {access: read}\n"
        "components: {w: {type: daemon}}\n",
        infra={"main": InfraFacts(namespace="infra-pg", port=5432, version="9")},
    ).spec
    assert spec is not None
    main, oss = spec.infra["main"], spec.infra["oss"]
    assert (main.type, main.version, main.plan, main.ha, main.isolation) == (
        "postgresql",
        "16",
        "large",
        True,
        "cluster",
    )
    assert main.params == {"a": "1", "b": ("on",)}
    assert main.options == {"database": "shop_admin"}
    assert (main.secret, main.prefix, main.variable("host")) == ("shop-admin-infra-main", "MAIN", "MAIN_HOST")
    assert (main.namespace, main.port, main.credentials) == ("infra-pg", 5432, "9")
    assert (oss.version, oss.plan, oss.ha, oss.isolation) == ("", "small", False, "app")
    assert oss.options == {"bucket": "shop-admin", "access": "read"}
    assert (oss.namespace, oss.port, oss.credentials) == (None, None, "0")


@pytest.mark.parametrize("isolation", ["app", "product_line", "cluster", "idc"])
def test_isolation_changes_no_name_and_no_object(isolation: str) -> None:
    text = "appname: shop\ninfra: {mysql: %s}\ncomponents: {w: {type: daemon}}\n"
    shared = compiled(text % f"{{isolation: {isolation}}}")
    own = compiled(text % "true")
    assert shared.objects == own.objects
    assert shared.secrets[0].keys == own.secrets[0].keys == MYSQL


@dataclass(frozen=True)
class OtherKind:
    """A kind that the compiler was never told of by name."""

    name: str = "qdrant"
    words: tuple[str, ...] = ("url", "grpc_url", "api_key")
    options: tuple[str, ...] = ()


def test_a_kind_that_the_page_does_not_know_is_only_a_value() -> None:
    kinds: Mapping[str, OtherKind] = {"qdrant": OtherKind(), "vectors": OtherKind()}
    found = compiled("appname: shop\ninfra: {vectors: true}\ncomponents: {w: {type: daemon}}\n", kinds=kinds)
    seen = {name: e["valueFrom"]["secretKeyRef"] for name, e in variables(found, "shop-w").items() if "VECTORS" in name}
    assert seen == {
        "VECTORS_URL": {"name": "shop-infra-vectors", "key": "url"},
        "VECTORS_GRPC_URL": {"name": "shop-infra-vectors", "key": "grpc_url"},
        "VECTORS_API_KEY": {"name": "shop-infra-vectors", "key": "api_key"},
    }
    assert found.spec is not None
    assert found.spec.infra["vectors"].type == "qdrant"


def test_without_a_catalogue_no_kind_is_known() -> None:
    found = compile_app(
        check("appname: shop\ninfra: {mysql: true}\ncomponents: {w: {type: daemon}}\n", "a"), NO_CONTEXT
    )
    assert [str(p) for p in found.problems] == ['a:2:9: infra.mysql: there is no "mysql". There are none.']


THREE = """
appname: shop
infra: {mysql: true}
env: {MYSQL_HOST: db, MYSQL_PORT: "1", MYSQL_USER: u, MYSQL_PASSWORD: "", MYSQL_DATABASE: d, MYSQL_URL: none}
components:
  pay: {type: daemon, env: {TOKEN: {secret: payment/token}}}
  read: {type: daemon, env: {DB: {from: infra.mysql.url}}}
  free: {type: daemon}
"""


def settings(version: str) -> SettingsFacts:
    return SettingsFacts(revision=1, secrets={"payment": SecretFacts(("token",), version)})


def test_a_new_version_of_a_secret_changes_exactly_the_pods_that_read_it() -> None:
    facts = {"infra": {"mysql": InfraFacts(version="1")}, "settings": settings("1")}
    before = checksums(compiled(THREE, **facts))
    rotated = checksums(compiled(THREE, **{**facts, "settings": settings("2")}))
    renewed = checksums(compiled(THREE, **{**facts, "infra": {"mysql": InfraFacts(version="2")}}))
    assert before["shop-free"] == "", "it reads no Secret"
    assert [name for name in before if before[name] != rotated[name]] == ["shop-pay"]
    assert [name for name in before if before[name] != renewed[name]] == ["shop-read"]


def test_the_checksum_is_over_the_versions_of_what_is_read_as_the_page_says() -> None:
    found = compiled(THREE, settings=settings("4"))
    said = json.dumps({"files": {}, "secrets": {"shop-secret-payment": "4"}}, sort_keys=True, separators=(",", ":"))
    assert checksums(found)["shop-pay"] == hashlib.sha256(said.encode()).hexdigest()[:16]


def test_credentials_are_listed_whole_though_no_pod_reads_all_of_them() -> None:
    listed = [(n.name, n.keys, n.source, n.version, n.secret) for n in compiled(THREE, settings=settings("4")).secrets]
    assert listed == [
        ("shop-infra-mysql", MYSQL, "infra", "0", "mysql"),
        ("shop-secret-payment", ("token",), "settings", "4", "payment"),
    ]


def test_the_list_of_secrets_is_in_order_of_name() -> None:
    text = "appname: shop\ninfra: {redis: true, mysql: true}\nenv: {KEY: {generate: secret}, T: {secret: a/b}}\n"
    found = compiled(f"{text}components: {{w: {{type: daemon}}}}\n")
    names = ["shop-generated", "shop-infra-mysql", "shop-infra-redis", "shop-secret-a"]
    assert [need.name for need in found.secrets] == names


GENERATED = """
appname: shop
env: {KEY: {generate: secret}, ONLY_TOP: {generate: secret}, EVERYWHERE: {generate: secret}}
components:
  a: {type: daemon, env: {EVERYWHERE: none, ONLY_TOP: none}}
  b: {type: daemon, env: {KEY: {generate: secret, length: 64}, ONLY_TOP: none}}
"""


def test_what_is_made_once_is_named_by_the_variable_alone_and_the_longest_wish_wins() -> None:
    spec = compiled(GENERATED).spec
    assert spec is not None
    assert spec.generated == {"EVERYWHERE": 32, "KEY": 64}, "ONLY_TOP is read by nobody"
    assert [(n.name, n.keys, n.source, n.version) for n in spec.secrets] == [
        ("shop-generated", ("EVERYWHERE", "KEY"), "generated", "0")
    ]


def test_the_shell_of_what_is_made_once_says_how_long_each_key_is_and_holds_no_value() -> None:
    spec = compiled(GENERATED).spec
    assert spec is not None
    (shell,) = app_shells(spec)
    assert shell["metadata"]["name"] == "shop-generated"
    assert shell["data"] == {"EVERYWHERE": MASK, "KEY": MASK}
    assert shell["metadata"]["annotations"] == {
        SECRET: MADE_ONCE,
        SECRET_VERSION: "0",
        GENERATE: '{"EVERYWHERE":32,"KEY":64}',
    }


def test_no_shell_is_made_of_credentials_because_the_claim_makes_them() -> None:
    spec = compiled(THREE, settings=settings("4")).spec
    assert spec is not None
    assert [shell["metadata"]["name"] for shell in app_shells(spec)] == ["shop-secret-payment"]


def test_a_person_is_not_said_to_be_late_where_nobody_can_know() -> None:
    text = "appname: shop\nenv: {SITE: {required: true}}\ncomponents: {w: {type: daemon}}\n"
    late = compile_app(check(text, "app.yaml"), NO_CONTEXT)
    assert [p.code for p in late.problems] == ["env.required"]
    assert compiled(text, fills=False).problems == ()


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("infra: {aaaaaaaaaaaaaaaaaaaa: {type: redis}}", "infra: {aaaaaaaaaaaaaaaaaaaaa: {type: redis}}"),
        (f"infra: {{redis: {{env_prefix: {'P' * 64}}}}}", f"infra: {{redis: {{env_prefix: {'P' * 65}}}}}"),
        (f"infra: {{redis: {{version: {'1' * 64}}}}}", f"infra: {{redis: {{version: {'1' * 65}}}}}"),
        (f"infra: {{redis: {'1' * 63}}}", f"infra: {{redis: {'1' * 64}}}"),
        (f"infra: {{redis: {{plan: {'p' * 30}}}}}", f"infra: {{redis: {{plan: {'p' * 31}}}}}"),
        (f"infra: {{mysql: {{database: {'d' * 63}}}}}", f"infra: {{mysql: {{database: {'d' * 64}}}}}"),
        (f"infra: {{oss: {{bucket: {'b' * 63}}}}}", f"infra: {{oss: {{bucket: {'b' * 64}}}}}"),
        ("infra: {oss: {bucket: bbb}}", "infra: {oss: {bucket: bb}}"),
        (f"app_dep: {{other: {{component: {'c' * 30}}}}}", f"app_dep: {{other: {{component: {'c' * 31}}}}}"),
        (f"app_dep: {{other: {{port: {'p' * 15}}}}}", f"app_dep: {{other: {{port: {'p' * 16}}}}}"),
        (f"app_dep: {{other: {{as: {'A' * 128}}}}}", f"app_dep: {{other: {{as: {'A' * 129}}}}}"),
        ("env: {K: {generate: secret, length: 128}}", "env: {K: {generate: secret, length: 129}}"),
        ("env: {K: {generate: secret, length: 16}}", "env: {K: {generate: secret, length: 15}}"),
        (f"env: {{K: {{value: a, description: {'d' * 200}}}}}", f"env: {{K: {{value: a, description: {'d' * 201}}}}}"),
    ],
)
def test_a_limit_is_allowed_and_one_more_is_not(good: str, bad: str) -> None:
    def found(line: str) -> tuple[str, ...]:
        text = f"appname: hello\n{line}\ncomponents: {{w: {{type: daemon}}}}\n"
        return tuple(p.code for p in compile_app(check(text, "app.yaml"), with_facts(kinds=KINDS)).problems)

    assert found(good) == ()
    assert len(found(bad)) == 1


@pytest.mark.parametrize("key", ["infra", "app_dep"])
def test_a_hundred_needs_are_enough(key: str) -> None:
    def found(many: int) -> list[str]:
        needs = "".join(f"  n{number}: {{{'type: redis' if key == 'infra' else ''}}}\n" for number in range(many))
        text = f"appname: hello\n{key}:\n{needs}components: {{w: {{type: daemon}}}}\n"
        return [str(p) for p in compile_app(check(text, "app.yaml"), with_facts(kinds=KINDS)).problems]

    assert found(100) == []
    nouns = "needs" if key == "infra" else "Apps"
    assert found(101) == [f"app.yaml:103:9: {key}.n100: 101 {nouns}. Use at most 100."]


def test_a_bucket_is_written_to_unless_the_file_says_read() -> None:
    spec = compiled("appname: shop\ninfra: {oss: true, mysql: true}\ncomponents: {w: {type: daemon}}\n").spec
    assert spec is not None
    assert spec.infra["oss"].options == {"bucket": "shop", "access": "write"}
    assert spec.infra["mysql"].options == {"database": "shop"}


@record
class _Kind:
    name: str
    words: tuple[str, ...]
    options: tuple[str, ...] = ()


def test_a_secret_name_that_is_too_long_is_cut_the_same_way_everywhere() -> None:
    app, name = "a" * 40, "b" * 20
    text = f"appname: {app}\ninfra: {{{name}: {{type: x}}}}\ncomponents: {{w: {{type: daemon}}}}\n"
    found = compiled(text, kinds={"x": _Kind("x", ("url",))})
    (need,) = found.secrets
    assert len(need.name) == 63
    assert variables(found, f"{app}-w")["B" * 20 + "_URL"]["valueFrom"]["secretKeyRef"]["name"] == need.name
