"""AppFile + Context + Source → AppSpec: the steps f to l of app-yaml 4.1, and every Problem that they find.

After this nothing optional is left. It must not make objects.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcd.appyaml.context import Context
from mcd.appyaml.names import base_of
from mcd.appyaml.parse import AppFile
from mcd.appyaml.record import replace
from mcd.appyaml.resolve.alerts import resolve_alerts
from mcd.appyaml.resolve.build import resolve_build
from mcd.appyaml.resolve.canary import at_its_step
from mcd.appyaml.resolve.components import resolve_component
from mcd.appyaml.resolve.degrade import without_what_the_cluster_lacks
from mcd.appyaml.resolve.environments import line_name
from mcd.appyaml.resolve.hosts import settle_hosts
from mcd.appyaml.resolve.needs import merged, with_needs
from mcd.appyaml.resolve.pre import as_pre, pre_name, refuse_none, without_overrides
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.storage import check_writers, resolve_permdir
from mcd.appyaml.resolve.undone import tell_undone_app, tell_undone_needs
from mcd.appyaml.spec.app import AppSpec, ComponentSpec, Source
from mcd.appyaml.spec.pod import Origin, SecretNeed
from mcd.appyaml.text.nodes import TOP
from mcd.appyaml.text.problems import Findings, Report
from mcd.errors import Problem, echo
from mcd.objects import OLDEST_MINOR


def resolve(app_file: AppFile, context: Context, source: Source) -> tuple[AppSpec, tuple[Problem, ...]]:
    """The spec and what is wrong with it. With an error among the problems the spec must not be rendered."""
    report = Report(app_file.file)
    findings = Findings(report, app_file.root)
    app = app_file.app
    parent = name = context.app or app.appname
    line = line_name(app_file, context)
    pre = None
    if context.pre is not None:
        pre = refuse_none(app, findings)
        name = pre_name(parent, pre, context.pre.branch)
        app, context = as_pre(app, pre), without_overrides(context)
    run = Resolving(
        app=app,
        name=name,
        parent=parent,
        line=line,
        namespace=context.product_line.namespace or line,
        context=context,
        source=source,
        text=app_file.source,
        findings=findings,
        webs=sum(c.type == "web" for c in app.components.values()),
    )
    run = with_needs(run)
    if app.permdir is not None:
        run = replace(run, permdir=resolve_permdir(run))
    _check_app(run)
    tell_undone_needs(run)
    tell_undone_app(run)
    components = tuple(resolve_component(run, word, app.components[word]) for word in sorted(app.components))
    components = settle_hosts(run, components)
    components = tuple(without_what_the_cluster_lacks(c, context.cluster, findings) for c in components)
    check_writers(run, components)
    if context.canary:
        components = tuple(at_its_step(run, c) for c in components)
    secrets = _secrets(run, components)
    spec = AppSpec(
        app=name,
        label_name=app.appname if pre is None else parent,
        ttl=pre.ttl if pre is not None else "",
        product_line=line,
        namespace=run.namespace,
        description=app.description,
        owners=app.owners,
        cluster=context.cluster,
        components=components,
        build=resolve_build(run),
        secrets=secrets,
        settings_revision=context.settings.revision,
        tag=source.tag,
        infra=run.infra,
        app_dep=run.app_dep,
        permdir=run.permdir,
        alerts=resolve_alerts(run, components),
        generated={key: run.generated[key] for need in secrets if need.source == Origin.GENERATED for key in need.keys},
    )
    return spec, tuple(report.found)


def _secrets(run: Resolving, components: Sequence[ComponentSpec]) -> tuple[SecretNeed, ...]:
    """What must exist before the workloads do: each Secret once, by name."""
    read = [component.needs.values() for component in components]
    read += [component.newest.needs.values() for component in components if component.canary is not None]
    presented = [component.web.certificates for component in components if component.web is not None]
    return tuple(merged(run.credentials.values(), *read, *presented).values())


def _check_app(run: Resolving) -> None:
    """What concerns the App as a whole."""
    findings, context, app = run.findings, run.context, run.app
    cluster = context.cluster
    if cluster.minor < OLDEST_MINOR:
        message = f'cluster "{cluster.name}" runs {cluster.kubernetes}.'
        findings.report.refuse("cluster.lacks", TOP, (), message, f"mcd needs 1.{OLDEST_MINOR} or newer.")
    if context.known and app.product_line and app.product_line != run.line:
        message = f'the file says "{app.product_line}", the App is in "{run.line}".'
        findings.warn("product_line.differs", ("product_line",), message, "Remove it, or move the App.")
    if not cluster.prometheus_operator:
        metrics = any(component.metrics is not None for component in app.components.values())
        lost = f"{'metrics become annotations, ' if metrics else ''}alerts are left out."
        message = f'cluster "{cluster.name}" has no Prometheus operator: {lost}'
        findings.warn("cluster.degraded", ("appname",), message)
    for word in app.components:
        owner = context.names.get(base_of(run.name, word))
        if owner is not None and owner != run.name:
            message = f'{base_of(run.name, word)} already belongs to App "{echo(owner)}".'
            findings.refuse("name.taken", ("components", word), message, "Rename the component.", key=True)
