"""The live path's way into the compiler: from the nouns as the database has them to desired objects.

Controllers, pushes and dry runs all come through here, so that what a person is shown before is what is written after.
Pure; it looks nothing up and holds no secret value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from mcd.appyaml.compiler import (
    Checked,
    Compiled,
    Source,
    check,
    compile_app,
    render_line,
    template_digests,
)
from mcd.appyaml.context import Context, Dependent, Kinds, OtherApp, OtherComponent, read_context
from mcd.appyaml.resolve.environments import laid_over
from mcd.appyaml.schema.app import App as Written
from mcd.appyaml.schema.shapes import PortNumber
from mcd.appyaml.shells import app_shells, files_with_secrets, line_shells
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.pod import Origin
from mcd.errors import Code, McdError, Problem, has_errors, in_order
from mcd.model import (
    NO_FACTS,
    NO_SECRET_FILES,
    App,
    Cluster,
    Device,
    Facts,
    Footprint,
    Neighbour,
    NodePool,
    ProductLine,
    Release,
    Rollout,
    SecretFiles,
    Serving,
    Settings,
)
from mcd.objects import Object, Ref, in_apply_order


class Bound(Protocol):
    """What a Release or Rollout is compiled with. Work items of the loop have all of it."""

    @property
    def app(self) -> App: ...
    @property
    def release(self) -> Release: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def line(self) -> ProductLine: ...
    @property
    def cluster(self) -> Cluster: ...
    @property
    def pools(self) -> tuple[NodePool, ...]: ...
    @property
    def facts(self) -> Facts: ...


@dataclass(frozen=True, slots=True)
class Pair:
    """A Bound by itself, for callers that have no work item."""

    app: App
    release: Release
    settings: Settings
    line: ProductLine
    cluster: Cluster
    pools: tuple[NodePool, ...]
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Desired:
    """What should be live, Secrets as shells. With errors among the problems there are no objects. `commits` and
    `digests` are those of `Rollout`: component → commit that changed it last, and digest of its pod template."""

    compiled: Compiled
    objects: tuple[Object, ...]
    commits: Mapping[str, str]
    digests: Mapping[str, str]
    problems: tuple[Problem, ...]
    files: SecretFiles = NO_SECRET_FILES
    """The files that go into Secrets, without the values in them."""
    footprint: Footprint | None = None
    """What it has to do with other Apps; None with errors."""


FILE = "app.yaml"


def desired(bound: Bound, kinds: Kinds, rollout: Rollout | None, previous: Rollout | None) -> Desired:
    """The objects of a pair; `kinds` is the catalogue. `rollout` is the one that is carried out (None for a dry run),
    `previous` the last one that began to write: a component that is as it was there keeps its commit, and with it its
    pods (ADR 3)."""
    restarts = rollout.restarts if rollout is not None else {}
    checked = check(bound.release.app_yaml, bound.app.path or FILE)
    if rollout is not None and rollout.commits:
        compiled = _compiled(bound, kinds, checked, rollout.commits, restarts)
        return _finished(bound, checked, compiled, rollout.commits)
    kept = dict(previous.commits) if previous is not None else {}
    compiled = _compiled(bound, kinds, checked, kept, restarts)
    digests = template_digests(compiled)
    commits = {
        name: kept[name]
        if previous is not None and name in kept and previous.digests.get(name) == digest
        else bound.release.commit
        for name, digest in digests.items()
    }
    if any(kept.get(name, bound.release.commit) != commit for name, commit in commits.items()):
        compiled = _compiled(bound, kinds, checked, commits, restarts)
    return _finished(bound, checked, compiled, commits)


def _finished(bound: Bound, checked: Checked, compiled: Compiled, commits: Mapping[str, str]) -> Desired:
    objects = [obj for obj in compiled.objects if not _is_a_template(obj)]
    files = NO_SECRET_FILES
    if compiled.ok and compiled.spec is not None:
        files = files_with_secrets(compiled.spec)
        objects = in_apply_order([*objects, *app_shells(compiled.spec, files)])
    digests = template_digests(compiled)
    footprint = _footprint(bound, checked, compiled)
    return Desired(compiled, tuple(objects), commits, digests, compiled.problems, files, footprint)


def _is_a_template(obj: Object) -> bool:
    """A Job is the template of its Runs, each of which is an object of its own (app-yaml 6.12). Applied as it is, it
    would run once, beside the deploy that should wait for it. What must run and is not run yet, resolve refuses."""
    return bool(obj["kind"] == "Job")


def _compiled(
    bound: Bound,
    kinds: Kinds,
    checked: Checked,
    commits: Mapping[str, str],
    restarts: Mapping[str, str],
) -> Compiled:
    """The Release's app.yaml in the context of its product line. Problems name the file as it is in the repository."""
    release = bound.release
    context = replace(
        line_context(bound.line, bound.cluster, bound.pools),
        settings=_settings(bound.settings),
        commits=dict(commits),
        restart=dict(restarts),
        app=bound.app.name,
        kinds=kinds,
        live=True,
        new=bool(bound.app.name) and not bound.app.id,
        generated={name: version - 1 for name, version in bound.app.generated.items()},
        **_around(bound.facts),
    )
    files = None if release.files is None else {p: raw for p, raw in release.files.items() if raw is not None}
    source = Source(release.commit, release.branch, release.tag, images=dict(release.images), files=files)
    return compile_app(checked, context, source)


def _around(facts: Facts) -> dict[str, Any]:
    """What is true of other Apps, as values of a Context."""
    return {
        "apps": None if facts.apps is None else {name: _other(app) for name, app in facts.apps.items()},
        "dependents": tuple(Dependent(app=c.app, namespace=c.namespace, component=c.component) for c in facts.callers),
        "hosts": facts.hosts,
        "names": facts.names,
    }


def _other(app: Neighbour) -> OtherApp:
    components = {
        name: OtherComponent(type=one.type, ports={port: PortNumber(port=number) for port, number in one.ports.items()})
        for name, one in (app.components or {}).items()
    }
    return OtherApp(
        product_line=app.product_line, namespace=app.namespace, components=components, cluster=app.cluster,
        known=app.components is not None,
    )  # fmt: skip


def _footprint(bound: Bound, checked: Checked, compiled: Compiled) -> Footprint | None:
    spec = compiled.spec
    if spec is None or checked.app_file is None or not compiled.ok:
        return None
    written = laid_over(checked.app_file, bound.line.name)[0].app
    names: dict[str, list[str]] = {"Secret": [need.name for need in compiled.secrets if need.source != Origin.LINE]}
    for obj in compiled.objects:
        if not _is_a_template(obj):
            names.setdefault(obj["kind"], []).append(obj["metadata"]["name"])
    return Footprint(
        components={component.name: _serving(component) for component in spec.components},
        calls={name: asked.component for name, asked in written.app_dep.items()},
        beside=_beside(written),
        hosts=tuple(
            sorted({(h.host, h.path) for c in spec.components if c.web is not None for h in c.web.hosts}),
        ),
        names={kind: tuple(sorted(found)) for kind, found in sorted(names.items()) if found},
    )


def _serving(component: ComponentSpec) -> Serving:
    """The first port first. Of a web that is the one behind port 80 of its Service, which has no name here."""
    ports = sorted(component.ports, key=lambda port: port.port != component.port)
    if component.type == "web":
        ports = [port for port in ports if port.port != component.port]
    return Serving(component.type, {port.name: port.port for port in ports})


def _beside(written: Written) -> tuple[str, ...]:
    """The Apps whose pods a component wants near or far."""
    wanted = [component.affinity for component in written.components.values() if component.affinity is not None]
    named = [name for one in wanted for name in (*one.near, *one.avoid) if name not in written.components]
    return tuple(dict.fromkeys(named))


def apps_named(checked: Checked, line: str) -> tuple[str, ...]:
    """The Apps that an app.yaml names in a product line; none for a text that cannot be used."""
    if checked.app_file is None or not checked.ok:
        return ()
    app = laid_over(checked.app_file, line)[0].app
    return tuple(dict.fromkeys((*app.app_dep, *_beside(app))))


def types_in(app_yaml: str, line: str) -> Mapping[str, str] | None:
    """Component → type, as an app.yaml has them in a product line. None for a text that cannot be used."""
    checked = check(app_yaml, FILE) if app_yaml else None
    if checked is None or checked.app_file is None or not checked.ok:
        return None
    app_file, _ = laid_over(checked.app_file, line)
    return {name: component.type for name, component in app_file.app.components.items()}


def required_in(app_yaml: str, line: str) -> frozenset[str]:
    """The variables that an app.yaml calls required in a product line; none for a text that cannot be used."""
    checked = check(app_yaml, FILE) if "required" in app_yaml else None
    if checked is None or checked.app_file is None or not checked.ok:
        return frozenset()
    app = laid_over(checked.app_file, line)[0].app
    levels = [app.env, *(component.env for component in app.components.values())]
    levels += [one.env for component in app.components.values() for one in component.sidecars.values()]
    return frozenset(name for level in levels for name, variable in level.items() if variable.required)


def line_objects(line: ProductLine, cluster: Cluster, pools: Sequence[NodePool]) -> list[Object]:
    """The objects of a product line (app-yaml 6.16), with shells of all its secrets: they are one object each for all
    its Apps."""
    context = line_context(line, cluster, pools)
    return in_apply_order([*render_line(context), *line_shells(context.product_line)])


def of_the_line(wanted: Desired, namespace: str) -> tuple[Ref, ...]:
    """The Secret objects of the product line that an App's pods read: the line makes them, the App waits for them."""
    needs = [need for need in wanted.compiled.secrets if need.source == Origin.LINE]
    return tuple(Ref("v1", "Secret", namespace, need.name) for need in needs)


def line_context(line: ProductLine, cluster: Cluster, pools: Sequence[NodePool]) -> Context:
    """What the platform knows of a product line and its cluster.

    Raises McdError(invalid) with the problems when what people wrote about them is no context.
    """
    return _read(context_file(line, cluster, pools))


def context_file(line: ProductLine, cluster: Cluster, pools: Sequence[NodePool]) -> dict[str, Any]:
    """The same as the context file of app-yaml 8.2, with which the offline commands render as a push would."""
    return {
        "product_line": {**line.wishes, "name": line.name, "namespace": line.namespace},
        "cluster": _cluster(cluster),
        "node_pools": [_pool(pool) for pool in pools if pool.dedicated_to in (None, line.name)],
    }


def _settings(settings: Settings) -> Any:
    values = {
        **settings.values,
        "revision": settings.revision,
        "by": settings.created_by,
        "at": settings.created_at.isoformat(),
    }
    return _read({"settings": values}).settings


def _read(value: Mapping[str, Any]) -> Context:
    # JSON is YAML: what people set through the API is read by the very code that reads a context file.
    return _read_text(json.dumps(value, sort_keys=True, ensure_ascii=True))


@lru_cache(maxsize=512)
def _read_text(text: str) -> Context:
    context, problems = read_context(text, "context")
    if context is None or has_errors(problems):
        first = in_order(problems)[0]
        raise McdError(
            Code.INVALID,
            f"{first.field}: {first.message}",
            first.hint or "Correct the product line's or the cluster's settings.",
            problems=problems,
        )
    return context


def _cluster(cluster: Cluster) -> dict[str, Any]:
    """What people said, corrected by what the cluster was seen to serve."""
    serves = cluster.serves
    seen: dict[str, Any] = {"name": cluster.name}
    if serves.kubernetes:
        seen |= {
            "kubernetes": ".".join(serves.kubernetes.lstrip("v").split(".")[:2]),
            "gateway_api": serves.has("gateway.networking.k8s.io/v1", "HTTPRoute"),
            "keda": serves.has("keda.sh/v1alpha1", "ScaledObject"),
            "prometheus_operator": serves.has("monitoring.coreos.com/v1", "PrometheusRule"),
        }
        gateway = cluster.facts.get("gateway")
        # That the kind is served does not say that this Gateway takes any: only its owner knows.
        if isinstance(gateway, Mapping) and not serves.has("gateway.networking.k8s.io/v1", "ListenerSet"):
            seen["gateway"] = {**gateway, "listener_set": False}
    return {**cluster.facts, **seen}


def _pool(pool: NodePool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": pool.name, "arch": pool.arch}
    if pool.labels:
        written["labels"] = dict(pool.labels)
    if pool.taints:
        written["taints"] = [dict(taint) for taint in pool.taints]
    if pool.runtime_class:
        written["runtime_class"] = pool.runtime_class
    if capacity := {k: v for k, v in pool.capacity.items() if k in ("cpu", "memory")}:
        written["capacity"] = capacity
    if pool.devices:
        written["devices"] = [_device(device) for device in pool.devices]
    return written


def _device(device: Device) -> dict[str, Any]:
    written: dict[str, Any] = {"vendor": device.vendor, "model": device.model, "per_node": device.per_node}
    for word in ("product", "memory", "resource"):
        if value := getattr(device, word):
            written[word] = value
    if device.mig:
        written["mig"] = list(device.mig)
    return written
