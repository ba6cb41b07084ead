"""Claims of storage: the directory of the App, a volume for each pod of a StatefulSet (app-yaml 3.7, 6.5).

It must not take a claim away: nothing here is ever pruned.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import app_labels, made
from mcd.appyaml.spec.app import AppSpec
from mcd.appyaml.spec.storage import StatefulSpec
from mcd.appyaml.text.units import Bytes
from mcd.objects import Object

DATA = "data"


def permdir_claim(spec: AppSpec) -> list[Object]:
    """The PersistentVolumeClaim of the App, where a component mounts it."""
    permdir = spec.permdir
    if permdir is None:
        return []
    claim = made("v1", "PersistentVolumeClaim", spec, permdir.claim, app_labels(spec))
    mode = "ReadWriteOnce" if permdir.alone else "ReadWriteMany"
    claim["spec"] = _asked(mode, permdir.size, permdir.storage_class)
    return [claim]


def claim_templates(stateful: StatefulSpec) -> list[dict[str, Any]]:
    """`volumeClaimTemplates` of a StatefulSet."""
    if not stateful.path:
        return []
    return [{"metadata": {"name": DATA}, "spec": _asked("ReadWriteOnce", stateful.size, stateful.storage_class)}]


def _asked(mode: str, size: Bytes, storage_class: str) -> dict[str, Any]:
    return {
        "accessModes": [mode],
        "resources": {"requests": {"storage": str(size)}},
        "storageClassName": storage_class,
    }
