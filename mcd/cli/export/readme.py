"""README.md of an exported folder: what the cluster must have, what to fill in, in which order, what is not included.

Plain words for somebody who has never heard of MCD. It must not promise what the folder does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcd.appyaml.spec.pod import Origin
from mcd.cli.export.contents import BEFORE, Blank, Exported, blanks_of, place_of
from mcd.cli.export.needs import cluster_needs, images
from mcd.errors import Problem
from mcd.objects import TRIGGER, Object

_HEAD = """\
# {name}, as plain Kubernetes objects

This folder runs `{name}` on a Kubernetes cluster with `kubectl` alone. It was made by `mcd export`; MCD itself is not
needed there. The same app.yaml gives the same bytes, so the folder can stand in a repository of its own.
"""
_BLANKS = """\
These files are not there yet. Until they are, `kubectl apply -k` stops before it changes anything and names the missing
one; a line `FILL IN` that was forgotten is refused by the cluster. There is no empty value to forget.

| write this file | with these keys | it is |
|---|---|---|"""
_HOW = """
Beside each lies a file of the same name with `.example`: copy it, then replace every line. In an `.env` file a line is
`KEY=VALUE`, without quotes; any other file is taken as it is, to the last line break. `.gitignore` keeps them out of
git."""
_IMAGES = """\
The cluster pulls these; `images.txt` has the same list. From another registry: copy them there, and put an `images:`
entry into kustomization.yaml, or export again with `--image`.
"""
_BEFORE = """
Jobs cannot be changed. Before the next version delete the ones that ran (`kubectl delete job …`), then go on in the
same order."""
_POLICIES = """\
- Network policies are included; whether the cluster enforces them depends on its network. They let in requests from the
  namespace of the gateway that the context names (`cluster.gateway`)."""


def readme(exported: Exported, warnings: Sequence[Problem]) -> str:
    """The whole page."""
    parts = [
        [_HEAD.format(name=exported.spec.app)],
        ["## 1. What the cluster must have", "", *_cluster(exported), ""],
        ["## 2. What to fill in", "", *_blanks(blanks_of(exported)), ""],
        ["## 3. The images", "", _IMAGES, *(f"- `{image}`" for image in images(exported.objects)), ""],
        ["## 4. In this order", "", *_order(exported), ""],
        ["## 5. What is not included", "", *_not_included(exported, warnings), ""],
    ]
    return "\n".join(line for part in parts for line in part)


def _cluster(exported: Exported) -> Iterator[str]:
    for line in cluster_needs(exported.objects, [need.name for need in exported.secrets]):
        yield f"- {line}"


def _blanks(blanks: Sequence[Blank]) -> Iterator[str]:
    if not blanks:
        yield "Nothing: the App reads no secret."
        return
    yield _BLANKS
    for blank in blanks:
        keys = ", ".join(f"`{key}`" for key in blank.keys)
        yield f"| `{blank.path}` | {keys} | {_what(blank)} |"
    yield _HOW
    if any(blank.source is Origin.FILES for blank in blanks):
        yield "Where `<<secret:OBJECT/KEY>>` stands in an example, the value of that Secret belongs."


def _what(blank: Blank) -> str:
    return {
        Origin.SETTINGS: f"secret `{blank.named}` of the App",
        Origin.LINE: f"secret `{blank.named}` of the product line",
        Origin.INFRA: f"address and account of `{blank.named}`, which you run yourself",
        Origin.GENERATED: f"letters and digits of your own ({blank.named}); never change them again",
        Origin.FILES: f"`{blank.named}`, a file with secrets in it",
    }[blank.source]


# --- the order --------------------------------------------------------------------------------------------------------


def _order(exported: Exported) -> Iterator[str]:
    space, objects = exported.spec.namespace, exported.objects
    first = BEFORE.rstrip("/") if exported.has_before else "."
    yield "```sh"
    for number, obj in enumerate(objects, 1):
        if obj["kind"] == "Namespace":
            yield f"kubectl apply -f {place_of(exported, number, obj)}"
    yield f"kubectl apply -k {first} --dry-run=server   # changes nothing, and says what is still missing"
    if exported.has_before:
        yield "kubectl apply -k before   # accounts, policies, files, volumes, and the jobs that run first"
        for name in _jobs(objects, "pre_deploy"):
            yield f"kubectl --namespace {space} wait --for=condition=complete --timeout=15m job/{name}"
    yield "kubectl apply -k ."
    for obj in objects:
        if obj["kind"] in ("Deployment", "StatefulSet"):
            yield f"kubectl --namespace {space} rollout status {obj['kind'].lower()}/{obj['metadata']['name']}"
    yield "```"
    if exported.has_before:
        yield _BEFORE
    webs = [component.base for component in exported.spec.components if component.web is not None]
    if webs:
        yield ""
        yield f"To look at it from your machine: `kubectl --namespace {space} port-forward service/{webs[0]} 8080:80`."
    yield ""
    yield "To remove it: `kubectl delete -k .`, which deletes its volumes and what is on them too."


def _jobs(objects: Sequence[Object], trigger: str) -> list[str]:
    return [
        obj["metadata"]["name"]
        for obj in objects
        if obj["kind"] == "Job" and obj["metadata"].get("annotations", {}).get(TRIGGER) == trigger
    ]


# --- what is not included ---------------------------------------------------------------------------------------------


def _not_included(exported: Exported, warnings: Sequence[Problem]) -> Iterator[str]:
    kinds = {obj["kind"] for obj in exported.objects}
    yield "- Building the images: they must be in a registry already."
    infra = sorted({need.secret for need in exported.secrets if need.source is Origin.INFRA})
    if infra:
        yield f"- {', '.join(f'`{name}`' for name in infra)}: only used from here. Run them yourself."
    if exported.secrets:
        yield "- Values of secrets, and their rotation: after a change restart the pods, `kubectl rollout restart`."
    yield from _suspended(exported)
    steps = "steps of a canary, " if any(c.rollout.canary is not None for c in exported.spec.components) else ""
    yield f"- What MCD does at a deploy: rollback on failure, {steps}waiting for one thing before the next."
    if "PrometheusRule" not in kinds:
        yield "- Alerts and metrics: export with a context that has the Prometheus operator to get their objects."
    if not kinds & {"HTTPRoute", "Ingress"} and any(component.web for component in exported.spec.components):
        yield "- An address from outside: export with a context that names an ingress class or a Gateway."
    if "NetworkPolicy" in kinds:
        yield _POLICIES
    for warning in warnings:
        if warning.code == "cluster.degraded":
            yield f"- `{warning.field}`: {warning.message}"


def _suspended(exported: Exported) -> Iterator[str]:
    for trigger, when in (("on_failure", "after a failed deploy"), ("manual", "when somebody wants it")):
        for name in _jobs(exported.objects, trigger):
            patch = '{"spec":{"suspend":false}}'
            yield f"- `{name}` is there and suspended, because it runs {when}. To run it once:"
            yield f"  `kubectl --namespace {exported.spec.namespace} patch job {name} --patch '{patch}'`."
