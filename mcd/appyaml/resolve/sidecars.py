"""The programs beside the main one, and where requests come in first (app-yaml 3.17, 6.7).

A sidecar knows its own variables, `MCD_*` and `HOME`: it needs no password of the App. It must not make objects.
"""

from __future__ import annotations

from mcd.appyaml.record import record
from mcd.appyaml.resolve.environment import write_variables
from mcd.appyaml.resolve.files import Owner, resolve_files
from mcd.appyaml.resolve.mounts import Mount
from mcd.appyaml.resolve.needs import read_by
from mcd.appyaml.resolve.oauth import resolve_oauth, sign_in_need
from mcd.appyaml.resolve.pod_ports import OAUTH_PORT, port_names, signs_in
from mcd.appyaml.resolve.probes import Asked, written_probes
from mcd.appyaml.resolve.resources import check_resources
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.texts import named_image, words_of
from mcd.appyaml.resolve.variables import Environment
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import SIDECAR_CPU, SIDECAR_DISK, SIDECAR_MEMORY
from mcd.appyaml.schema.sidecar import Sidecar
from mcd.appyaml.spec.pod import PortSpec, ResourceSpec, SecretNeed
from mcd.appyaml.spec.sidecars import SidecarSpec
from mcd.appyaml.spec.storage import FileVolume
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings


@record
class Beside:
    """What stands beside the main container: the sidecars as they start, the port that takes requests first (0: the
    main container's), the Secrets that they read, and their files."""

    sidecars: tuple[SidecarSpec, ...] = ()
    entry: int = 0
    needs: tuple[SecretNeed, ...] = ()
    volumes: tuple[FileVolume, ...] = ()


NOTHING = Beside()
MAIN = "main"
"""What a port is called that is written as `port: N`."""


def resolve_sidecars(run: Resolving, component: Component, env: Environment, path: Path, port: int) -> Beside:
    """Sign-in first, then the sidecars by name. `port` is where the program itself takes requests."""
    if not component.sidecars and not signs_in(component):
        return NOTHING
    names = port_names(component)
    folders = tuple(Mount("scratch", folder, (*path, "scratch", folder)) for folder in component.scratch)
    found: dict[str, SidecarSpec] = {}
    needs: list[SecretNeed] = []
    volumes: list[FileVolume] = []
    entry = 0
    for name, written in sorted(component.sidecars.items()):
        here = (*path, "sidecars", name)
        _check_name(run, name, here)
        own = _environment(run, component, written, env, here)
        found[name] = _resolved(run, (name, written), own, names, here)
        if "$" in run.text:
            from mcd.appyaml.resolve.dollars import tell_dollars

            tell_dollars(run, own, here, written.command, written.args)
        needs += read_by(run, found[name].env, own.needs)
        if written.files:
            owner = Owner(here, own.scope(), found[name].env, folders, name)
            volumes.append(resolve_files(run, owner, ((written.files, (*here, "files")),)))
        if written.entry:
            entry = _entry(component, written, here, run.findings) or entry
    _check_entries(component, path, run.findings)
    sidecars = list(found.values())
    oauth = resolve_oauth(run, component, path, entry or port)
    if oauth is not None:
        sidecars.insert(0, oauth)
        needs.append(sign_in_need(run, path))
    first = OAUTH_PORT if signs_in(component) else entry
    return Beside(tuple(sidecars), first, tuple(needs), tuple(volumes))


def _environment(
    run: Resolving, component: Component, written: Sidecar, beside: Environment, path: Path
) -> Environment:
    """Its own variables over `MCD_*` and `HOME`."""
    needs = {**run.credentials}
    env = Environment(run.findings, run.text, beside.names, needs=needs, beside=beside, spent=run.spent)
    env.plain = {k: value for k, value in {**beside.line, **beside.plain}.items() if k.startswith("MCD_")}
    if component.user != "image":
        env.plain["HOME"] = "/tmp"  # noqa: S108 - inside the pod, for a uid that has no home
    env.in_pod = beside.in_pod
    write_variables(run, env, written.env, (*path, "env"))
    return env


def _resolved(run: Resolving, which: tuple[str, Sidecar], env: Environment, names: set[str], path: Path) -> SidecarSpec:
    name, written = which
    ports = _ports(written, names, path, run.findings)
    image = named_image(run, written.image, (*path, "image"), env) or ""
    asked = Asked(ports, "this sidecar", {MAIN: written.port} if written.port is not None else {})
    return SidecarSpec(
        name=name,
        image=(run.source.images or {}).get(f"{path[1]}/{name}", image),
        command=words_of(run, written.command, (*path, "command"), env, program=True),
        args=words_of(run, written.args, (*path, "args"), env, program=False),
        workdir=written.workdir or "",
        env=env.entries(),
        ports=tuple(sorted(ports, key=lambda port: port.name)),
        probes=written_probes(written.health, asked, (*path, "health"), run.findings),
        resources=_resources(written, path, run.findings),
    )


def _resources(written: Sidecar, path: Path, findings: Findings) -> ResourceSpec:
    asked, limits = written.resources, written.limits
    memory, disk = asked.memory or SIDECAR_MEMORY, asked.disk or SIDECAR_DISK
    spec = ResourceSpec(
        cpu=SIDECAR_CPU if asked.cpu is None else asked.cpu,
        memory=memory,
        disk=disk,
        limit_cpu=limits.cpu,
        limit_memory=limits.memory or memory,
        limit_disk=limits.disk or disk,
        shm=asked.shm,
    )
    check_resources(spec, None, path, findings)
    return spec


def _ports(written: Sidecar, names: set[str], path: Path, findings: Findings) -> list[PortSpec]:
    """Its ports in the order of the file. A `port` is called main, unless another port of the pod is."""
    found = []
    if written.port is not None:
        if MAIN in written.ports:
            message = "port and ports.main say the same thing."
            findings.refuse("exclusive", (*path, "port"), message, "Keep ports.main.", key=True)
        found.append(PortSpec(MAIN if MAIN not in names else f"port-{written.port}", written.port))
        names.add(found[0].name)
    return found + [PortSpec(name, port.port, port.protocol) for name, port in written.ports.items()]


def _check_name(run: Resolving, name: str, path: Path) -> None:
    if name in run.app.components:
        run.findings.refuse("name.taken", path, f'"{name}" is a component.', "Choose another name.", key=True)


def _entry(component: Component, written: Sidecar, path: Path, findings: Findings) -> int:
    """The port of an entry: its first TCP port, as the file has them."""
    if component.type != "web":
        message = f"a {component.type} has no entry."
        findings.refuse("schema.not_for_type", (*path, "entry"), message, "Remove it.", key=True)
        return 0
    first = written.port or next((port.port for port in written.ports.values() if port.protocol == "TCP"), 0)
    if not first:
        message = "an entry needs a TCP port for the requests."
        findings.refuse("combination", (*path, "entry"), message, "Add port: N.")
    return first


def _check_entries(component: Component, path: Path, findings: Findings) -> None:
    entries = [name for name, written in component.sidecars.items() if written.entry]
    for name in entries[1:]:
        message = f"sidecars.{entries[0]} is the entry already."
        findings.refuse("combination", (*path, "sidecars", name, "entry"), message, "One sidecar can be.")
