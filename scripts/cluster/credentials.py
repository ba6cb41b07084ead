"""The users of one cluster: their tokens and kubeconfigs.

Each component and each MCD process is a user of its own, so that the audit log says who did what. It must not give
`system:masters` to anything that MCD or a test runs as, except the admin.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster import state

_MASTERS = "system:masters"
_MCD = "mcd:controllers"


@dataclass(frozen=True)
class User:
    """A user of the API server. `handed_out`: its kubeconfig is for people and tests, not for a component."""

    short: str
    name: str
    groups: tuple[str, ...] = ()
    handed_out: bool = False


# Rights of those without system:masters: manifests/rbac.yaml, or the roles that Kubernetes itself binds to these names.
USERS = (
    User("admin", "admin", (_MASTERS,), True),
    User("mcd", "mcd", (_MCD,), True),
    User("mcd-a", "mcd-a", (_MCD,), True),
    User("mcd-b", "mcd-b", (_MCD,), True),
    User("mcd-chart", "system:serviceaccount:mcd-system:mcd-controller", ("system:serviceaccounts",), True),
    User("mcd-chart-api", "system:serviceaccount:mcd-system:mcd-api", ("system:serviceaccounts",), True),
    User("person", "person", ("mcd:people",), True),
    User("other", "other", ("mcd:people",), True),
    User("nobody", "nobody", (), True),
    User("kube-controller-manager", "system:kube-controller-manager"),
    User("kube-scheduler", "system:kube-scheduler"),
    User("kube-proxy", "system:kube-proxy"),
    User("kubelet", "system:node:real-1", ("system:nodes",)),
    User("kwok", "kwok", (_MASTERS,)),
    User("traefik", "traefik"),
    User("coredns", "coredns"),
    User("metrics-server", "metrics-server"),
    User("storage", "storage"),
)


def ensure(folder: Path, server: str) -> None:
    """Write tokens.csv and one kubeconfig per user; tokens that exist are kept."""
    tokens = _tokens(folder / "tokens.csv")
    rows = []
    for user in USERS:
        token = tokens.get(user.name) or secrets.token_urlsafe(32)
        rows.append(f'{token},{user.name},{user.short},"{",".join(user.groups)}"')
        state.write(kubeconfig(folder, user.short), _kubeconfig(server, (folder / "ca.crt").read_bytes(), user, token))
    state.write(folder / "tokens.csv", "\n".join(rows) + "\n")


def kubeconfig(folder: Path, short: str) -> Path:
    """The kubeconfig of a user; `folder` is the cluster's."""
    return folder / f"kubeconfig-{short}"


def token(folder: Path, name: str) -> str:
    """The token of a user, by its whole name."""
    return _tokens(folder / "tokens.csv")[name]


def _tokens(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    rows = (line.split(",", 2) for line in file.read_text().splitlines())
    return {name: token for token, name, _ in rows}


def _kubeconfig(server: str, authority: bytes, user: User, token: str) -> str:
    return f"""apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: {server}
    certificate-authority-data: {base64.b64encode(authority).decode()}
users:
- name: {user.short}
  user:
    token: {token}
contexts:
- name: local
  context: {{cluster: local, user: {user.short}}}
current-context: local
"""
