"""The ClusterRoles of MCD in the local cluster: those of its chart, so that its least rights are tried all the time.

Read from charts/mcd/rights. It must not grant anything: manifests/rbac.yaml binds them.
"""

from __future__ import annotations

import json

import yaml

from scripts.cluster import places

RIGHTS = places.CHECKOUT / "charts" / "mcd" / "rights"
ROLES = {
    "mcd-controller": "controllers",
    "mcd-line-controller": "line-controllers",
    "mcd-api-reader": "api",
    "mcd-line-api": "line-api",
}
"""ClusterRole → its file."""


def roles() -> list[dict[str, object]]:
    """The ClusterRoles."""
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": yaml.safe_load((RIGHTS / f"{file}.yaml").read_text("utf-8")),
        }
        for name, file in ROLES.items()
    ]


def manifest() -> str:
    """The objects, as YAML text."""
    return "".join(f"---\n{json.dumps(each)}\n" for each in roles())
