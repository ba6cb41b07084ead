"""The sidecar that signs people in (app-yaml 3.12, 6.6): the options of the proxy, in the order of the page.

It must not know who is asked to sign in. Without sign-in on the cluster it is refused, never left out, because that
would open the App.
"""

from __future__ import annotations

from mcd.appyaml.context import Oauth
from mcd.appyaml.names import SIGN_IN_SECRET
from mcd.appyaml.resolve.commands import for_kubernetes
from mcd.appyaml.resolve.pod_ports import OAUTH_PORT, signs_in
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import SIDECAR_CPU, SIDECAR_DISK, SIDECAR_MEMORY
from mcd.appyaml.schema.health import PROBE_TIMES
from mcd.appyaml.schema.oauth import SignIn
from mcd.appyaml.spec.pod import Action, EnvEntry, Origin, PortSpec, ProbeSpec, ResourceSpec, SecretNeed
from mcd.appyaml.spec.sidecars import SidecarSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.re2 import literal

NAME = "mcd-oauth"
EVERYWHERE = "/*"
"""Of `skip`: every path there is."""
_VARIABLES = ("OAUTH2_PROXY_CLIENT_ID", "OAUTH2_PROXY_CLIENT_SECRET", "OAUTH2_PROXY_COOKIE_SECRET")


def resolve_oauth(run: Resolving, component: Component, path: Path, upstream: int) -> SidecarSpec | None:
    """The sidecar in front of the port `upstream`, or None where nobody signs in."""
    if component.oauth is None or not signs_in(component):
        return None
    if component.protocol == "h2c":
        message = "sign-in does not speak HTTP/2 without TLS."
        run.findings.refuse("combination", (*path, "protocol"), message, "Remove protocol, or oauth.")
    if EVERYWHERE in component.oauth.skip:
        where = (*path, "oauth", "skip", component.oauth.skip.index(EVERYWHERE))
        message = f'"{EVERYWHERE}" is every path: nobody has to sign in.'
        run.findings.warn("oauth.open", where, message, "Name the paths, or write enabled: false.")
    cluster = run.context.cluster
    if cluster.oauth is None:
        if run.context.judges_cluster:
            message = f'cluster "{cluster.name}" has no sign-in.'
            hint = "Remove oauth, or ask its owner to set one up."
            run.findings.refuse("cluster.lacks", (*path, "oauth"), message, hint)
        return None
    times = PROBE_TIMES["readiness"]
    return SidecarSpec(
        name=NAME,
        image=cluster.oauth.image,
        command=(),
        args=tuple(for_kubernetes([word]) for word in _options(component.oauth, cluster.oauth, upstream)),
        workdir="",
        env=tuple(EnvEntry(name, secret=(SIGN_IN_SECRET, name)) for name in _VARIABLES),
        ports=(PortSpec("oauth", OAUTH_PORT),),
        probes={
            "readiness": ProbeSpec(
                Action("http", path="/ping", port=OAUTH_PORT), times.period, times.timeout, times.failures
            )
        },
        resources=ResourceSpec(
            cpu=SIDECAR_CPU,
            memory=SIDECAR_MEMORY,
            disk=SIDECAR_DISK,
            limit_cpu=None,
            limit_memory=SIDECAR_MEMORY,
            limit_disk=SIDECAR_DISK,
        ),
        shares=False,
        own_image=False,
    )


def sign_in_need(run: Resolving, path: Path) -> SecretNeed:
    """The Secret of the product line that the sidecar reads. A server knows whether it is there: else pods would wait
    for it, and nobody would know for whom."""
    facts = run.context.product_line.secrets.get(SIGN_IN_SECRET)
    missing = [key for key in _VARIABLES if facts is None or key not in facts.keys]
    if run.context.live and missing:
        lacks = f'secret "{SIGN_IN_SECRET}"' if facts is None else f'{missing[0]} in secret "{SIGN_IN_SECRET}"'
        message = f'product line "{run.line}" has no {lacks} to sign people in with.'
        run.findings.refuse("secret.unknown", (*path, "oauth"), message, "Set it with mcd secret set -p.")
    version = facts.version if facts is not None else "0"
    return SecretNeed(SIGN_IN_SECRET, _VARIABLES, Origin.LINE, version, SIGN_IN_SECRET)


def _options(asked: SignIn, sign_in: Oauth, upstream: int) -> list[str]:
    return [
        "--provider=oidc",
        f"--oidc-issuer-url={sign_in.issuer_url}",
        f"--http-address=0.0.0.0:{OAUTH_PORT}",
        f"--upstream=http://127.0.0.1:{upstream}",
        # As a reverse proxy it takes the path from a header, which anybody may send: one in `skip` would open all.
        f"--reverse-proxy={'false' if asked.skip else 'true'}",
        "--email-domain=*",
        "--skip-provider-button=true",
        "--pass-authorization-header=true",
        "--pass-user-headers=true",
        *(f"--allowed-group={group}" for group in asked.allow),
        *(f"--skip-auth-route={_route(path)}" for path in asked.skip),
    ]


def _route(path: str) -> str:
    """`/healthz` is that path, `/api/*` all below it; the proxy reads an expression, so a dot must stay a dot."""
    stem, below = (path[:-1], ".*") if path.endswith("/*") else (path, "")
    return f"^{literal(stem)}{below}$"
