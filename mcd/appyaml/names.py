"""Names of objects that more than one file must agree on (app-yaml 6.1), each at most as long as Kubernetes takes.

It must not know what an object is for.
"""

from __future__ import annotations

from mcd.objects import h8, short

SIGN_IN_SECRET = "mcd-oauth"
"""The secret of a product line that its Apps sign people in with, and the name of its object (app-yaml 6.6)."""


def base_of(app: str, component: str) -> str:
    """The object base name of a component: a CronJob may have 52 characters, and a suffix of 11 must fit into 63."""
    return short(f"{app}-{component}", 52)


def settings_secret(app: str, secret: str) -> str:
    """The Secret object of a secret that the portal holds for an App."""
    return short(f"{app}-secret-{secret}", 63)


def line_secret(secret: str) -> str:
    """The Secret object of a product line's secret. The one that signs people in has the name that every pod with
    `oauth` asks for."""
    return SIGN_IN_SECRET if secret == SIGN_IN_SECRET else short(f"mcd-line-{secret}", 63)


def is_ours(name: str) -> bool:
    """Whether a secret or an infra need of this name would get an object that the platform makes: of an App or a
    component that is called like the middle of it, such as component `secret` with files."""
    return name in _OURS or name.endswith(tuple(f"-{word}" for word in _OURS))


_OURS = ("generated", "secfiles")


def infra_secret(app: str, infra: str) -> str:
    """The Secret object with the credentials of an infra need."""
    return short(f"{app}-infra-{infra}", 63)


def generated_secret(app: str) -> str:
    """The Secret object of what was generated for an App."""
    return f"{app}-generated"


def files_config(base: str) -> str:
    """The ConfigMap object with the files of a component."""
    return f"{base}-files"


def files_secret(base: str) -> str:
    """The Secret object with those files of a component that have a secret in them."""
    return f"{base}-secfiles"


def peers_service(base: str) -> str:
    """The Service that gives each pod of a StatefulSet a name."""
    return f"{base}-peers"


def route_of(base: str, path: str) -> str:
    """The HTTPRoute of a path of a component."""
    return base if path == "/" else f"{base}-{h8(path)}"
