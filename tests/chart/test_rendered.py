"""What the chart makes: valid, `restricted`, least in rights, and without a secret where it may be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from mcd.cli.main import run as run_command
from mcd.kube.gate import APP_KINDS, LINE_CLUSTER_ROLES, LINE_KINDS
from mcd.kube.kinds import KINDS
from mcd.settings import Environment
from scripts.cluster import rights
from tests.chart.toggles import TOGGLES, merged
from tests.schemas.strict import wrong
from tests.servers.helm import CHART, rendered, run

Object = Mapping[str, Any]


@pytest.fixture(scope="module", params=TOGGLES)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return rendered(TOGGLES[request.param])


def _pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for obj in objects:
        if obj["kind"] in ("Deployment", "Job"):
            yield obj["metadata"]["name"], obj["spec"]["template"]["spec"]
        if obj["kind"] == "Pod":
            yield obj["metadata"]["name"], obj["spec"]


def _one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


def _names(objects: list[dict[str, Any]], kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in objects if each["kind"] == kind}


def test_helm_finds_nothing_to_say_of_it() -> None:
    done = run("lint", "--strict", str(CHART), values=TOGGLES["everything"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_every_object_is_strictly_valid(objects: list[dict[str, Any]], version: str) -> None:
    assert wrong([each for each in objects if each["kind"] != "ServiceMonitor"], version) == []


def test_every_pod_is_restricted_and_writes_nowhere_but_in_volumes(objects: list[dict[str, Any]]) -> None:
    found = dict(_pods(objects))
    assert found
    for name, spec in found.items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
        for volume in spec.get("volumes", ()):
            assert "hostPath" not in volume, name
        for container in spec["containers"]:
            context = container["securityContext"]
            assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True), name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_names_fit_and_labels_say_whose_they_are(objects: list[dict[str, Any]]) -> None:
    for obj in objects:
        assert len(obj["metadata"]["name"]) <= 63
        assert obj["metadata"]["labels"]["app.kubernetes.io/instance"] == "own"
        assert obj["metadata"]["labels"]["app.kubernetes.io/part-of"] == "mcd"


@pytest.mark.parametrize("name", ["a", "own", "x" * 53])
def test_any_release_name_gives_names_that_fit(name: str) -> None:
    for obj in rendered(TOGGLES["everything"], name=name):
        assert len(obj["metadata"]["name"]) <= 63
        assert not obj["metadata"]["name"].endswith("-")


def test_the_database_is_in_secrets_and_nowhere_else(objects: list[dict[str, Any]]) -> None:
    for obj in objects:
        if obj["kind"] != "Secret":
            assert "p%40ss" not in json.dumps(obj)
    for name, spec in _pods(objects):
        for container in spec["containers"]:
            for variable in container.get("env", ()):
                if variable["name"] == "MCD_DATABASE_URL":
                    assert set(variable) == {"name", "valueFrom"}, name


def test_what_a_process_is_told_are_settings_that_there_are(objects: list[dict[str, Any]]) -> None:
    known = {f"MCD_{name.upper()}" for name in Environment.model_fields}
    for name, spec in _pods(objects):
        for container in spec["containers"]:
            told = {variable["name"] for variable in container.get("env", ()) if variable["name"].startswith("MCD_")}
            assert told <= known, name


def test_what_is_started_are_commands_that_there_are() -> None:
    started = {
        tuple(container["args"])
        for name, spec in _pods(rendered())
        for container in spec["containers"]
        if "command" not in container
    }
    assert started == {("serve", "api"), ("serve", "controllers"), ("admin", "migrate")}
    for words in started:
        assert run_command([*words, "--help"]) == 0, words


def test_both_halves_have_a_new_one_ready_before_an_old_one_goes() -> None:
    objects = rendered()
    for name in ("own-mcd-api", "own-mcd-controllers"):
        spec = _one(objects, "Deployment", name)["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        (container,) = spec["template"]["spec"]["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
        # Eight seconds to hand over (docs/how-to/operate.md), and five of the API before it begins to.
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 15
        assert _one(objects, "PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
    api = _one(objects, "Deployment", "own-mcd-api")["spec"]["template"]["spec"]["containers"][0]
    assert api["args"] == ["serve", "api"]
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert api["lifecycle"]["preStop"]["sleep"]["seconds"] > 0


def test_a_process_never_bears_the_name_of_another() -> None:
    """Two of one name would undo each other's leases; the same name again takes over at once."""
    for name, spec in _pods(rendered()):
        if name in ("own-mcd-api", "own-mcd-controllers"):
            told = {variable["name"]: variable for variable in spec["containers"][0]["env"]}
            assert told["MCD_HOLDER"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_the_tables_are_moved_before_anything_else_of_the_release() -> None:
    for values in (TOGGLES["defaults"], TOGGLES["url"]):
        objects = rendered(values)
        job = _one(objects, "Job", "own-mcd-migrate")
        note = job["metadata"]["annotations"]
        assert set(note["helm.sh/hook"].split(",")) == {"pre-install", "pre-upgrade"}
        spec = job["spec"]["template"]["spec"]
        assert "serviceAccountName" not in spec, "the release's own accounts are not there yet"
        (told,) = [v for v in spec["containers"][0]["env"] if v["name"] == "MCD_DATABASE_URL"]
        source = told["valueFrom"]["secretKeyRef"]["name"]
        secrets = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Secret"}
        if source in secrets:
            earlier = secrets[source]["metadata"]["annotations"]
            assert int(earlier["helm.sh/hook-weight"]) < int(note["helm.sh/hook-weight"])
            assert "hook-succeeded" in earlier["helm.sh/hook-delete-policy"]


def test_uninstalling_keeps_the_commits_of_apps_and_what_product_lines_bind() -> None:
    objects = rendered()
    kept = {
        (each["kind"], each["metadata"]["name"])
        for each in objects
        if (each["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {
        ("PersistentVolumeClaim", "own-mcd-data"),
        ("ClusterRole", "mcd-line-controller"),
        ("ClusterRole", "mcd-line-api"),
    }


def test_a_volume_of_one_node_keeps_all_on_one_node() -> None:
    for name, spec in _pods(rendered(TOGGLES["one-node"])):
        if name in ("own-mcd-api", "own-mcd-controllers"):
            (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            assert term["topologyKey"] == "kubernetes.io/hostname"


def test_a_volume_of_one_node_keeps_all_there_whatever_else_is_asked_of_nodes() -> None:
    zone = {"labelSelector": {"matchLabels": {"app": "pg"}}, "topologyKey": "topology.kubernetes.io/zone"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [zone]}}
    for affinity in (TOGGLES["placed"]["api"]["affinity"], near, {"podAffinity": {}}):
        values = {**TOGGLES["one-node"], "api": {"affinity": affinity}}
        given = _one(rendered(values), "Deployment", "own-mcd-api")["spec"]["template"]["spec"]["affinity"]
        *theirs, ours = given["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert ours["topologyKey"] == "kubernetes.io/hostname"
        assert theirs == ([zone] if affinity is near else [])
        assert given.get("nodeAffinity") == affinity.get("nodeAffinity")


def test_the_controllers_are_the_account_that_product_lines_bind() -> None:
    for name in ("defaults", "second-mcd", "given-accounts"):
        objects = rendered(TOGGLES[name])
        (deployment,) = [
            o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"].endswith("-controllers")
        ]
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "mcd-controller"


def test_the_test_asks_for_controllers_where_there_are_some() -> None:
    for name, expected in (("defaults", True), ("stopped-controllers", False)):
        (script,) = _one(rendered(TOGGLES[name]), "Pod", "own-mcd-test")["spec"]["containers"][0]["args"]
        compile(script, "test", "exec")
        assert f'missing = {expected} and "[-] controllers" in ready.text' in script


def test_switches_switch() -> None:
    assert _names(rendered(TOGGLES["no-rights"]), "ClusterRole") == set()
    assert _names(rendered(TOGGLES["line-roles-alone"]), "ClusterRole") == LINE_CLUSTER_ROLES
    assert _names(rendered(TOGGLES["second-mcd"]), "ClusterRole") == {"mcd-two-api", "mcd-two-controllers"}
    assert _names(rendered(TOGGLES["given-accounts"]), "ServiceAccount") == set()
    assert _names(rendered(TOGGLES["no-policy"]), "NetworkPolicy") == set()
    assert _names(rendered(TOGGLES["no-migration"]), "Job") == set()
    assert _names(rendered(TOGGLES["own-claim"]), "PersistentVolumeClaim") == set()
    assert "replicas" not in _one(rendered(TOGGLES["autoscaled"]), "Deployment", "own-mcd-api")["spec"]
    assert _names(rendered(TOGGLES["one-each"]), "PodDisruptionBudget") == set()
    watched = rendered(TOGGLES["watched"])
    assert _names(watched, "ServiceMonitor") == {"own-mcd-api", "own-mcd-controllers"}
    for name in _names(watched, "ServiceMonitor"):
        wanted = _one(watched, "ServiceMonitor", name)["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= _one(watched, "Service", name)["metadata"]["labels"].items()
    assert ("PrometheusRule" in {each["kind"] for each in watched}) == (CHART / "files" / "rules.yaml").exists()
    assert (_names(watched, "ConfigMap") != set()) == (CHART / "files" / "dashboard.json").exists()


def test_metrics_do_not_leave_through_the_gateway() -> None:
    route = _one(rendered(TOGGLES["route"]), "HTTPRoute", "own-mcd-api")
    exact = [rule for rule in route["spec"]["rules"] if rule["matches"][0]["path"]["value"] == "/metrics"]
    assert [rule.get("backendRefs") for rule in exact] == [None]


# --- rights -----------------------------------------------------------------------------------------------------------


def _granted(role: str) -> dict[tuple[str, str], frozenset[str]]:
    """(group, resource) → verbs."""
    rules = yaml.safe_load((rights.RIGHTS / f"{role}.yaml").read_text())
    found: dict[tuple[str, str], frozenset[str]] = {}
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[group, resource] = found.get((group, resource), frozenset()) | frozenset(rule["verbs"])
    return found


READ = frozenset({"get", "list", "watch"})
LOOK = frozenset({"get", "list"})
WRITE = READ | {"create", "patch", "delete"}


def _wanted(kinds: frozenset[str], verbs: frozenset[str]) -> dict[tuple[str, str], frozenset[str]]:
    return {
        (kind.api_version.rpartition("/")[0], served.plural): verbs
        for kind, served in KINDS.items()
        if kind.kind in kinds
    }


ALL = frozenset(kind.kind for kind in KINDS)
RBAC = "rbac.authorization.k8s.io"


def test_controllers_have_exactly_what_they_use() -> None:
    """They read every kind that MCD knows but Secrets, and write what a product line is made of."""
    wanted = _wanted(ALL - {"Secret"}, READ) | _wanted(LINE_KINDS - {"Secret"}, WRITE)
    # Who grants the Role mcd-reader must hold what it says.
    wanted |= {("", "pods/log"): READ, (RBAC, "clusterroles"): frozenset({"bind"})}
    wanted[RBAC, "roles"] |= {"bind"}
    assert _granted("controllers") == wanted


def test_controllers_have_in_a_product_line_exactly_what_they_write_there() -> None:
    wanted = _wanted((APP_KINDS | LINE_KINDS) - {"Namespace"}, WRITE)
    assert _granted("line-controllers") == wanted | {("", "pods/exec"): frozenset({"get", "create"})}


def test_the_api_reads_and_opens_shells_and_writes_nothing() -> None:
    assert _granted("api") == _wanted(ALL - {"Secret"}, LOOK) | {("", "pods/log"): frozenset({"get"})}
    assert _granted("line-api") == {("", "secrets"): LOOK, ("", "pods/exec"): frozenset({"get", "create"})}


def test_roles_of_a_product_line_are_those_that_mcd_may_bind() -> None:
    rules = yaml.safe_load((rights.RIGHTS / "controllers.yaml").read_text())
    (bind,) = [rule for rule in rules if rule["resources"] == ["clusterroles"]]
    assert set(bind["resourceNames"]) == LINE_CLUSTER_ROLES
    assert _names(rendered(), "ClusterRole") >= LINE_CLUSTER_ROLES


def test_the_chart_grants_what_the_files_say_to_its_own_accounts_alone() -> None:
    objects = rendered(merged("second-mcd"))
    for part, account in (("api", "mcd-api"), ("controllers", "mcd-controller")):
        role = _one(objects, "ClusterRole", f"mcd-two-{part}")
        assert role["rules"] == yaml.safe_load((rights.RIGHTS / f"{part}.yaml").read_text())
        binding = _one(objects, "ClusterRoleBinding", f"mcd-two-{part}")
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "mcd-system"}]
        assert binding["roleRef"]["name"] == f"mcd-two-{part}"
    for role, file in rights.ROLES.items():
        if role in LINE_CLUSTER_ROLES:
            line = _one(rendered(), "ClusterRole", role)
            assert line["rules"] == yaml.safe_load((rights.RIGHTS / f"{file}.yaml").read_text())


def test_the_api_is_told_which_proxies_to_believe() -> None:
    made = rendered({"trustedProxies": ["10.88.3.7", "10.88.4.0/24"]})
    (api,) = (o for o in made if o["kind"] == "Deployment" and o["metadata"]["name"].endswith("-api"))
    told = {v["name"]: v.get("value") for v in api["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert told["MCD_TRUSTED_PROXIES"] == "10.88.3.7 10.88.4.0/24"


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({}, "https://mcd.internal/docs/runbooks/"),
        ({"publicURL": "https://mcd.example.com"}, "https://mcd.example.com/docs/runbooks/"),
        (
            {"publicURL": "https://a.test", "prometheusRule": {"enabled": True, "runbooks": "https://wiki.test/mcd"}},
            "https://wiki.test/mcd/",
        ),
    ],
)
def test_alerts_lead_to_runbooks_that_are_there(values: dict[str, Any], where: str) -> None:
    found = rendered({"prometheusRule": {"enabled": True}, **values})
    (made,) = (obj for obj in found if obj["kind"] == "PrometheusRule")
    rules = [rule for group in made["spec"]["groups"] for rule in group["rules"] if "alert" in rule]
    assert {rule["annotations"]["runbook_url"] for rule in rules} == {where + rule["alert"] for rule in rules}
