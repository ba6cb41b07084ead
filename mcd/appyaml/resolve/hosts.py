"""External hosts of the web components and their certificates (app-yaml 3.11, 6.10).

Each component says which it asks for; then it is settled for the App as a whole, because two components may serve paths
of one host, and only one may listen for it. It must not make routes.
"""

from __future__ import annotations

import re

from mcd.appyaml.names import base_of, route_of
from mcd.appyaml.record import replace
from mcd.appyaml.resolve.run import AskedHost, Resolving
from mcd.appyaml.resolve.texts import plain_text
from mcd.appyaml.resolve.variables import Environment, named_secret
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.network import AUTO
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.pod import SecretNeed
from mcd.appyaml.spec.running import HostSpec, TlsSpec
from mcd.appyaml.text.nodes import Path, place_of
from mcd.errors import echo
from mcd.objects import h8

_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_KEYS = ("tls.crt", "tls.key")


def ask_for_hosts(run: Resolving, name: str, component: Component, env: Environment) -> None:
    """Adds what a web component asks for to the run. What is no host, or the platform's own, is told and left out."""
    findings, base_domain = run.findings, run.context.cluster.base_domain
    for item in component.domains:
        where: Path = ("components", name, "domains", item.number)
        here = (*where, "host") if item.long else where
        host = plain_text(run, item.host, here, env, "a host name")
        if host is None:
            continue
        if not _HOST.fullmatch(host) or len(host) > 253:
            hint = "Use lower-case letters, digits, - and dots."
            hint = "Use at most 253 characters." if len(host) > 253 else hint
            findings.refuse("value.format", here, f'"{echo(host)}" is not a host name.', hint)
        elif host.rpartition(".")[2].isdecimal():
            # Gateways and certificates know hosts by name; a name that ends in a number is read as an address.
            message = f'"{echo(host)}" is an address, not a host name.'
            findings.refuse("value.format", here, message, "Write a name that DNS leads here.")
        elif host == base_domain or host.endswith(f".{base_domain}"):
            findings.refuse("name.reserved", here, f'"{echo(host)}" is given out by the platform.', "Remove it.")
        elif host.startswith("*.") and f".{base_domain}".endswith(host[1:]):
            # Every internal domain that has no route yet, or no longer, would answer with this App.
            message = f'"{echo(host)}" takes hosts below {base_domain}, which the platform gives out.'
            findings.refuse("name.reserved", here, message, "Name the hosts one by one.")
        else:
            run.hosts.append(AskedHost(name, host, item.path, item.tls or "", where))


def settle_hosts(run: Resolving, components: tuple[ComponentSpec, ...]) -> tuple[ComponentSpec, ...]:
    """The components with their hosts, each with its certificate. Of two that ask for the same, the later one in the
    file is told."""
    if not run.hosts:
        return components
    asked = sorted(run.hosts, key=lambda host: place_of(run.findings.root, host.where))
    _check_twice(run, asked)
    _check_taken(run, asked)
    _check_routes(run, asked)
    needs: dict[str, SecretNeed] = {}
    served = _certificates(run, asked, needs)
    hosts: dict[str, list[HostSpec]] = {}
    for item in run.hosts:
        hosts.setdefault(item.component, []).append(HostSpec(item.host, item.path, served.get(item.host)))
    return tuple(
        replace(c, web=replace(c.web, hosts=(mine := tuple(hosts[c.name])), certificates=_read(mine, needs)))
        if c.web is not None and c.name in hosts
        else c
        for c in components
    )


def _read(hosts: tuple[HostSpec, ...], needs: dict[str, SecretNeed]) -> tuple[SecretNeed, ...]:
    """The Secrets with certificates that somebody else makes."""
    names = dict.fromkeys(host.tls.secret for host in hosts if host.tls is not None)
    return tuple(needs[name] for name in names if name in needs)


def _check_twice(run: Resolving, asked: list[AskedHost]) -> None:
    seen: set[tuple[str, str]] = set()
    for item in asked:
        if (item.host, item.path) in seen:
            message = f"{echo(item.host)}{echo(item.path)} is listed twice."
            run.findings.refuse("exclusive", item.where, message, "Remove one.")
        seen.add((item.host, item.path))


def _check_taken(run: Resolving, asked: list[AskedHost]) -> None:
    """What an App of another product line is called is nobody's to hear."""
    for item in asked:
        owner = run.context.hosts.get((item.host, item.path))
        if owner is not None and owner != run.name:
            whose = f'App "{owner}"' if owner else "an App of another product line"
            message = f"{echo(item.host)}{echo(item.path)} already belongs to {whose}."
            run.findings.refuse("exclusive", item.where, message, "Use another host or path.")


def _check_routes(run: Resolving, asked: list[AskedHost]) -> None:
    """A path has a route of its own, named by its hash, and a web component may be called like that."""
    webs = {base_of(run.name, word): word for word, component in run.app.components.items() if component.type == "web"}
    routes = {(route_of(base_of(run.name, item.component), item.path), item.path): item for item in asked}
    for (name, path), item in routes.items():
        if path != "/" and name in webs:
            message = f'{name} already belongs to path {echo(path)} of component "{echo(item.component)}".'
            run.findings.refuse("name.taken", ("components", webs[name]), message, "Rename the component.", key=True)


def _certificates(run: Resolving, asked: list[AskedHost], needs: dict[str, SecretNeed]) -> dict[str, TlsSpec]:
    """Host → its certificate. The first by name of those that ask for it listens for the host; all its paths are served
    with it."""
    first: dict[str, AskedHost] = {}
    served: dict[str, TlsSpec] = {}
    listening = {
        item.host: item.component for item in sorted(asked, key=lambda i: i.component, reverse=True) if item.tls
    }
    for item in asked:
        if not item.tls:
            continue
        where = (*item.where, "tls")
        before = first.setdefault(item.host, item)
        if before.tls != item.tls:
            message = f"{echo(item.host)} has the certificate {before.tls} already."
            run.findings.refuse("combination", where, message, "Name the same one, or leave this one out.")
        if not _may_have(run, item, where):
            continue
        listener = base_of(run.name, listening[item.host])
        if item.tls == AUTO:
            tls = TlsSpec(f"{listener}-{h8(item.host)}", issued=True, listener=listener)
        else:
            need = named_secret(run.findings, run.context, run.name, (item.tls, _KEYS), where)
            if need is None:
                continue
            needs[need.name] = need
            tls = TlsSpec(need.name, issued=False, listener=listener)
        served.setdefault(item.host, tls)
    return served


def _may_have(run: Resolving, item: AskedHost, where: Path) -> bool:
    """Whether this cluster can serve the certificate that is asked for; why not is told."""
    cluster, refuse = run.context.cluster, run.findings.refuse
    if run.context.judges_cluster and cluster.gateway_api and not cluster.gateway.listener_set:
        message = f'gateway "{cluster.gateway.name}" takes no certificates from Apps.'
        refuse("cluster.lacks", where, message, "Ask its owner to add this one, then remove tls.")
        return False
    if item.tls != AUTO:
        return True
    if item.host.startswith("*."):
        refuse("combination", where, "a wildcard certificate cannot be made automatically.", "Name a secret.")
        return False
    routed = cluster.gateway_api or cluster.ingress_class is not None
    if run.context.judges_cluster and routed and cluster.cert_issuer is None:
        refuse("cluster.lacks", where, f'cluster "{cluster.name}" issues no certificates.', "Name a secret.")
        return False
    return True
