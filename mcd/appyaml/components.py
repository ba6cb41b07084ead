"""One component with everything filled in: image, command, ports, resources, place, times (app-yaml 4.1 g to l).

Called by resolve.py for each component. It must not make objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcd.appyaml import combinations as combine
from mcd.appyaml.commands import CommandError, for_kubernetes, split, variables
from mcd.appyaml.context import Context
from mcd.appyaml.lifecycle import SHARE_WITH_GPU, SHARE_WITHOUT
from mcd.appyaml.nodes import Path
from mcd.appyaml.overrides import with_settings
from mcd.appyaml.parts import (
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
    DEFAULT_PORT,
    DEFAULT_REPLICAS,
    DEFAULT_USER,
    Variable,
)
from mcd.appyaml.pools import Ask, place
from mcd.appyaml.probes import resolve_probes
from mcd.appyaml.problems import Findings
from mcd.appyaml.record import record
from mcd.appyaml.schedules import check_schedule, check_timezone
from mcd.appyaml.schema import App, Component
from mcd.appyaml.shapes import IMAGE, Words
from mcd.appyaml.spec import (
    ComponentSpec,
    HostSpec,
    Identity,
    Placement,
    PortSpec,
    ProbeSpec,
    ResourceSpec,
    RolloutSpec,
    RunSpec,
    ScheduleSpec,
    Source,
    WebSpec,
)
from mcd.appyaml.templates import InPod, Piece, TemplateError, expand
from mcd.appyaml.variables import Environment, check_literal, report_template, secret_need
from mcd.errors import echo
from mcd.objects import short

_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@record
class Resolving:
    """What every component of one run shares."""

    app: App
    name: str
    line: str
    namespace: str
    context: Context
    source: Source
    text: str
    findings: Findings
    webs: int
    """How many web components there are: the only one gets the short domain."""


def base_of(app: str, component: str) -> str:
    """The object base name of a component: a CronJob may have 52 characters, and a suffix of 11 must fit into 63."""
    return short(f"{app}-{component}", 52)


def resolve_component(run: Resolving, name: str, component: Component) -> ComponentSpec:
    """The component with nothing left open. Problems go to the findings of the run."""
    path: Path = ("components", name)
    findings, context = run.findings, run.context
    overrides: dict[str, tuple[object, object]] = {}
    component = with_settings(component, context.settings, path, overrides, findings)
    ports = _ports(component, path, findings)
    base = base_of(run.name, name)
    commit = context.commits.get(name, run.source.commit)
    version = run.source.tag if run.source.tag and commit == run.source.commit else commit[:12]
    domain = _domain(run, name) if component.type == "web" else ""
    env = _environment(run, name, component, ports)
    env.plain |= _platform(run, name, component, ports, base, (commit, version, domain))
    env.in_pod |= {"MCD_NODE": "spec.nodeName", "MCD_POD": "metadata.name"}
    own_image = component.image is not None
    image = _image(run, name, component, env)
    resources, placement = _resources(run, component, path, own_image=own_image)
    probes = resolve_probes(component, ports, path, findings) if component.type in ("web", "service", "daemon") else {}
    combine.check_user(component.user, context.product_line.security, run.line, path, findings)
    combine.check_scratch(component.scratch, path, findings)
    if component.type == "cron":
        _check_cron(component, path, findings)
    return ComponentSpec(
        name=name,
        type=component.type,
        base=base,
        image=image,
        own_image=own_image,
        command=_words(run, component.command, (*path, "command"), env, program=True),
        args=_words(run, component.args, (*path, "args"), env, program=False),
        workdir=component.workdir or "",
        env=env.entries(),
        commit=commit,
        version=version,
        replicas=DEFAULT_REPLICAS if component.replicas is None else component.replicas,
        resources=resources,
        placement=placement,
        ports=tuple(sorted(ports, key=lambda p: p.name)),
        port=ports[0].port if ports else 0,
        probes=probes,
        rollout=_rollout(component, resources, probes, path, findings),
        identity=_identity(component),
        scratch=component.scratch,
        headless=component.headless,
        web=_web(run, component, domain, env, path) if component.type == "web" else None,
        schedule=_schedule(component, context) if component.type == "cron" else None,
        run=RunSpec(component.timeout, component.retries, component.keep, component.trigger)
        if component.type in ("cron", "job")
        else None,
        needs={need.name: need for need in env.needs.values()},
        overrides=overrides,
        restart=context.restart.get(name, ""),
        dependents=tuple(d for d in context.dependents if d.component == name),
    )


# ── ports, hosts ─────────────────────────────────────────────────────────────────────────────────────────────────


def _ports(component: Component, path: Path, findings: Findings) -> list[PortSpec]:
    """The ports in the order of the file: the first one is PORT."""
    found: list[tuple[Path, PortSpec]] = []
    if component.type == "web":
        found.append(((*path, "port"), PortSpec("http", component.port or DEFAULT_PORT)))
    elif component.port is not None:
        found.append(((*path, "port"), PortSpec("main", component.port)))
        if "main" in component.ports:
            message = "port and ports.main say the same thing."
            findings.refuse("exclusive", (*path, "port"), message, "Keep ports.main.", key=True)
    for name, port in component.ports.items():
        found.append(((*path, "ports", name), PortSpec(name, port.port, port.protocol)))
    combine.check_ports(component, found, path, findings)
    return [port for _, port in found]


def _domain(run: Resolving, name: str) -> str:
    short_one = run.webs == 1 or name == "web"
    label = run.name if short_one else short(f"{run.name}--{name}", 63)
    return f"{label}.{run.context.cluster.base_domain}"


def _web(run: Resolving, component: Component, domain: str, env: Environment, path: Path) -> WebSpec:
    hosts = []
    for item in component.domains:
        here = (*path, "domains", item.number)
        host = _plain_text(run, item.host, here, env, "a host name")
        if host is not None and (not _HOST.fullmatch(host) or len(host) > 253):
            hint = "Use lower-case letters, digits, - and dots."
            run.findings.refuse("value.format", here, f'"{echo(host)}" is not a host name.', hint)
            host = None
        if host is not None:
            hosts.append(HostSpec(host, item.path))
            combine.check_host(hosts, run.context.cluster.base_domain, here, run.findings)
    return WebSpec(domain, tuple(hosts), component.protocol == "h2c", component.request_timeout)


# ── variables, words, image ──────────────────────────────────────────────────────────────────────────────────────


def template_names(run: Resolving) -> dict[str, str]:
    """What templates may name besides variables."""
    source = run.source
    return {
        "App": run.name,
        "Commit": source.commit,
        "Branch": source.branch,
        "Tag": source.tag,
        "ProductLine": run.line,
        "Cluster": run.context.cluster.name,
    }


def _environment(run: Resolving, name: str, component: Component, ports: list[PortSpec]) -> Environment:
    """What the file says, over what the product line says."""
    env = Environment(run.findings, run.text, template_names(run))
    line = run.context.product_line.config
    env.plain |= line
    for level, path in ((run.app.env, ("env",)), (component.env, ("components", name, "env"))):
        for word, variable in level.items():
            _add_variable(run, env, word, variable, (*path, word), line)
    if ports and "PORT" in env.written:
        holder = "port" if component.type == "web" or component.port is not None else "ports"
        message = f"PORT comes from components.{name}.{holder}."
        run.findings.refuse("env.reserved", env.written["PORT"][1], message, "Remove it.", key=True)
        del env.written["PORT"]
    return env


def _add_variable(
    run: Resolving, env: Environment, name: str, variable: Variable, path: Path, line: Mapping[str, str]
) -> None:
    check_literal(run.findings, name, variable, path)
    if name in line:
        run.findings.warn("env.shadows", path, f"{name} hides the value of the product line.")
    if variable.secret is not None:
        need = secret_need(run.findings, run.context, run.name, variable, path)
        if need is not None:
            env.needs[variable.secret.partition("/")[0]] = need
    env.written[name] = (variable, path)


def _platform(
    run: Resolving, name: str, component: Component, ports: list[PortSpec], base: str, who: tuple[str, str, str]
) -> dict[str, str]:
    """The variables of 5.3; those that only a pod knows are added by the renderer's field paths."""
    commit, version, domain = who
    cluster = run.context.cluster
    plain = {
        "MCD_APP": run.name,
        "MCD_CLUSTER": cluster.name,
        "MCD_COMMIT": commit,
        "MCD_COMPONENT": name,
        "MCD_PRODUCT_LINE": run.line,
        "MCD_VERSION": version,
    }
    if domain:
        plain["MCD_DOMAIN"] = domain
    if ports:
        plain["PORT"] = str(ports[0].port)
    if component.resources.gpu is not None:
        plain["MCD_GPU_COUNT"] = str(component.resources.gpu.count)
    if component.user != "image" and "HOME" not in run.context.product_line.config:
        plain["HOME"] = "/tmp"  # noqa: S108 - inside the pod, for a uid that has no home
    if cluster.otel.endpoint:
        weak = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": cluster.otel.endpoint,
            "OTEL_SERVICE_NAME": base,
            "OTEL_RESOURCE_ATTRIBUTES": f"service.namespace={run.line},service.version={version}",
        }
        plain |= {k: v for k, v in weak.items() if k not in run.context.product_line.config}
    return plain


def _words(run: Resolving, words: Words | None, path: Path, env: Environment, *, program: bool) -> tuple[str, ...]:
    """A command as Kubernetes must write it, so that the program sees what was meant."""
    if words is None:
        return ()
    try:
        if words.text is None:
            return tuple(_word(run, word, (*path, number), env) for number, word in enumerate(words.words))
        said = []
        for parts in split(words.text, program=program):
            pieces: list[Piece] = []
            for part, template in parts:
                pieces.extend(expand(part, env.scope()) if template else variables(part, env.has))
            said.append(for_kubernetes(pieces))
        return tuple(said)
    except CommandError as wrong:
        run.findings.refuse(wrong.code, path, wrong.message, wrong.hint)
    except TemplateError as wrong:
        report_template(run.findings, run.text, path, _in_text(words.text or "", wrong))
    return ()


def _in_text(text: str, wrong: TemplateError) -> TemplateError:
    """A template of a split text was expanded alone: find where the first one that goes wrong stands."""
    return wrong if wrong.offset else TemplateError(max(text.find("{{"), 0), wrong.code, wrong.message, wrong.hint)


def _word(run: Resolving, word: str, path: Path, env: Environment) -> str:
    try:
        return for_kubernetes(expand(word, env.scope()))
    except TemplateError as wrong:
        report_template(run.findings, run.text, path, wrong)
        return ""


def _plain_text(run: Resolving, text: str, path: Path, env: Environment, where: str) -> str | None:
    """A text whose value must be known now: a secret cannot stand in it."""
    try:
        pieces = expand(text, env.scope())
    except TemplateError as wrong:
        report_template(run.findings, run.text, path, wrong)
        return None
    for piece in pieces:
        if isinstance(piece, InPod):
            what = "is a secret" if piece.secret else "is known in the pod only"
            message = f"{piece.name} {what} and cannot stand in {where}."
            run.findings.refuse("secret.misplaced", path, message, "Use another variable.")
            return None
    return "".join(str(piece) for piece in pieces)


def _image(run: Resolving, name: str, component: Component, env: Environment) -> str:
    """The pinned image, else the written one, else the built one."""
    path = ("components", name, "image")
    source = run.source
    written = None
    if component.image is not None:
        written = _plain_text(run, component.image, path, env, "an image name")
        if written is not None and (not IMAGE.fullmatch(written) or len(written) > 500):
            hint = "Write it like nginx:1.29.3."
            run.findings.refuse("value.format", path, f'"{echo(written)}" is not an image.', hint)
        elif written is not None and moving(written):
            tag = "latest" if written.endswith(":latest") else "no tag"
            message = (
                f"{echo(written)} has {tag}, so it can change between two pods."
                if tag == "no tag"
                else (f"{echo(written)} can change between two pods.")
            )
            run.findings.warn("image.moving_tag", path, message, "Write a version.")
    if source.images and name in source.images:
        return source.images[name]
    if component.image is not None:
        return written or ""
    return source.image or f"{run.context.cluster.registry}/{run.name}:{source.commit[:12]}"


def moving(image: str) -> bool:
    """Whether a reference has no tag or `latest`, so that it is another image tomorrow."""
    if "@" in image:
        return False
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return not colon or tag == "latest"


# ── resources, rollout, times ────────────────────────────────────────────────────────────────────────────────────


def _resources(run: Resolving, component: Component, path: Path, *, own_image: bool) -> tuple[ResourceSpec, Placement]:
    asked, limits, gpu = component.resources, component.limits, component.resources.gpu
    cpu = DEFAULT_CPU if asked.cpu is None else asked.cpu
    memory = asked.memory or DEFAULT_MEMORY
    disk = asked.disk or DEFAULT_DISK
    platforms = None if own_image else run.app.build.platforms
    ask = Ask(path, component.node_pool, gpu, cpu, memory, platforms)
    placement, device = place(ask, run.context, run.line, run.findings)
    spec = ResourceSpec(
        cpu=cpu,
        memory=memory,
        disk=disk,
        limit_cpu=limits.cpu,
        limit_memory=limits.memory or memory,
        limit_disk=limits.disk or disk,
        device=device,
        devices=gpu.count if gpu is not None else 0,
        shm=asked.shm or (memory.half() if gpu is not None else None),
    )
    combine.check_resources(spec, gpu, path, run.findings)
    return spec, placement


def _rollout(
    component: Component, resources: ResourceSpec, probes: Mapping[str, ProbeSpec], path: Path, findings: Findings
) -> RolloutSpec:
    written = component.rollout
    gpu = resources.devices > 0
    share = SHARE_WITH_GPU if gpu else SHARE_WITHOUT
    surge = share.surge if written.max_surge is None else written.max_surge
    unavailable = share.unavailable if written.max_unavailable is None else written.max_unavailable
    if written.strategy == "rolling":
        combine.check_surge(surge, unavailable, path, findings)
    startup = probes.get("startup")
    budget = startup.delay + startup.period * startup.failures if startup else 0
    timeout = max(written.timeout, budget + 300)
    return RolloutSpec(written.strategy, surge, unavailable, timeout, written.on_fail)


def _identity(component: Component) -> Identity:
    user: int | None = DEFAULT_USER
    if component.user == "image":
        user = None
    elif isinstance(component.user, int):
        user = component.user
    return Identity(user, component.read_only, component.stop.grace, component.stop.signal)


def _check_cron(component: Component, path: Path, findings: Findings) -> None:
    if component.schedule is not None:
        answer = check_schedule(component.schedule)
        if answer.error:
            findings.refuse("cron.schedule", (*path, "schedule"), *answer.error)
        elif answer.both_days:
            message = "day and weekday are both given, and either of them fires."
            findings.warn("cron.both_days", (*path, "schedule"), message, "Write * for one of them.")
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
