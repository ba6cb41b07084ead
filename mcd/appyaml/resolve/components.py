"""One component with everything filled in (app-yaml 4.1 g to l): calls the others of this room, one aspect each.

Called by app.py for each component. It must not make objects.
"""

from __future__ import annotations

from mcd.appyaml.context import Context
from mcd.appyaml.names import base_of
from mcd.appyaml.resolve.entry import domain_of, resolve_ports, resolve_web
from mcd.appyaml.resolve.environment import environment_of, platform_variables
from mcd.appyaml.resolve.files import all_files, main_files
from mcd.appyaml.resolve.metrics import resolve_metrics
from mcd.appyaml.resolve.needs import merged, read_by
from mcd.appyaml.resolve.overrides import with_settings
from mcd.appyaml.resolve.probes import resolve_probes
from mcd.appyaml.resolve.resources import check_idle, resolve_resources
from mcd.appyaml.resolve.rollout import resolve_rollout
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.scaling import resolve_autoscale
from mcd.appyaml.resolve.schedules import check_schedule, check_timezone
from mcd.appyaml.resolve.sidecars import resolve_sidecars
from mcd.appyaml.resolve.storage import for_one_writer, resolve_stateful
from mcd.appyaml.resolve.texts import image_of, words_of
from mcd.appyaml.resolve.tracing import resolve_tracing
from mcd.appyaml.resolve.undone import tell_undone
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import (
    DAY,
    DEFAULT_REPLICAS,
    DEFAULT_USER,
    WITH_A_DEPLOY,
)
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.pod import Identity
from mcd.appyaml.spec.running import IdleSpec, RunSpec, ScheduleSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings


def resolve_component(run: Resolving, name: str, component: Component) -> ComponentSpec:
    """The component with nothing left open. Problems go to the findings of the run."""
    path: Path = ("components", name)
    findings, context = run.findings, run.context
    overrides: dict[str, tuple[object, object]] = {}
    component = with_settings(component, context.settings, path, overrides, findings)
    component = for_one_writer(run, component, path)
    ports = resolve_ports(component, path, findings)
    base = base_of(run.name, name)
    commit = context.commits.get(name, run.source.commit)
    version = run.source.tag if run.source.tag and commit == run.source.commit else commit[:12]
    domain = domain_of(run, name) if component.type == "web" else ""
    env = environment_of(run, name, component, ports)
    env.plain = platform_variables(run, name, component, ports, base, (commit, version, domain))
    variables = env.entries()
    if "$" in run.text:  # no other file has a use for it
        from mcd.appyaml.resolve.dollars import tell_dollars

        tell_dollars(run, env, path, component.command, component.args)
    own_image = component.image is not None
    image = image_of(run, name, component, env)
    resources, placement = resolve_resources(run, component, path, own_image=own_image)
    probes = resolve_probes(component, ports, path, findings) if component.type in ("web", "service", "daemon") else {}
    _check_user(run, component, path)
    beside = resolve_sidecars(run, component, env, path, ports[0].port if ports else 0)
    own_files = main_files(run, path, component, env.scope(), variables)
    files = all_files(run, base, path, (*own_files, *beside.volumes))
    if component.type == "cron":
        _check_cron(component, path, findings)
    check_idle(component, path, findings)
    idle = component.idle_gpu
    tell_undone(run, name, component)
    return ComponentSpec(
        name=name,
        type=component.type,
        base=base,
        image=image,
        own_image=own_image,
        command=words_of(run, component.command, (*path, "command"), env, program=True),
        args=words_of(run, component.args, (*path, "args"), env, program=False),
        workdir=component.workdir or "",
        env=variables,
        commit=commit,
        version=version,
        replicas=DEFAULT_REPLICAS if component.replicas is None else component.replicas,
        resources=resources,
        placement=placement,
        ports=tuple(sorted(ports, key=lambda p: p.name)),
        port=ports[0].port if ports else 0,
        probes=probes,
        rollout=resolve_rollout(component, resources, probes, path, findings),
        identity=_identity(component),
        scratch=component.scratch,
        headless=component.headless,
        web=resolve_web(run, name, component, domain, env) if component.type == "web" else None,
        schedule=_schedule(component, context) if component.type == "cron" else None,
        run=_run(component) if component.type in ("cron", "job") else None,
        needs=merged(read_by(run, variables, env.needs), files.needs.values(), beside.needs),
        overrides=overrides,
        restart=context.restart.get(name, ""),
        dependents=tuple(d for d in context.dependents if d.component == name),
        autoscale=resolve_autoscale(run, component, path),
        metrics=resolve_metrics(component, ports, path, findings),
        tracing=resolve_tracing(run, component, path),
        sidecars=beside.sidecars,
        entry=beside.entry,
        permdir=run.permdir if component.permdir else None,
        stateful=resolve_stateful(run, component, path),
        files=files,
        idle_gpu=IdleSpec(idle.below, idle.for_, idle.action == "stop") if idle is not None else None,
    )


def _check_user(run: Resolving, component: Component, path: Path) -> None:
    """Root only where the product line allows it."""
    security = run.context.product_line.security
    if component.user == 0 and security != "baseline":
        message = f'user 0 is root, and product line "{run.line}" is {security}.'
        run.findings.refuse("combination", (*path, "user"), message, "Use another uid.")


def _identity(component: Component) -> Identity:
    user: int | None = DEFAULT_USER
    if component.user == "image":
        user = None
    elif isinstance(component.user, int):
        user = component.user
    return Identity(user, component.read_only, component.stop.grace, component.stop.signal)


def _run(component: Component) -> RunSpec:
    timeout = component.timeout
    if timeout is None:
        timeout = DAY if component.trigger == "manual" else WITH_A_DEPLOY
    return RunSpec(timeout, component.retries, component.keep, component.trigger)


def _check_cron(component: Component, path: Path, findings: Findings) -> None:
    if component.schedule is not None:
        answer = check_schedule(component.schedule)
        if answer.error:
            findings.refuse("cron.schedule", (*path, "schedule"), *answer.error)
        elif answer.both_days:
            message = "day and weekday are both restricted, so either of them fires."
            findings.warn("cron.both_days", (*path, "schedule"), message, "Restrict one.")
    if component.timezone is not None:
        wrong = check_timezone(component.timezone)
        if wrong:
            findings.refuse("cron.timezone", (*path, "timezone"), *wrong)


def _schedule(component: Component, context: Context) -> ScheduleSpec:
    return ScheduleSpec(
        schedule=component.schedule or "",
        timezone=component.timezone or context.product_line.timezone,
        concurrency=component.concurrency,
        start_within=component.start_within,
        suspend=component.suspend,
        success=component.history.success,
        failure=component.history.failure,
    )
