"""What a component's pods read beside their image: the account they run as.

It must not hold a secret's value.
"""

from __future__ import annotations

from mcd.appyaml.render.labels import app_labels, made
from mcd.appyaml.spec.app import AppSpec
from mcd.objects import Object


def account(spec: AppSpec) -> Object:
    """The ServiceAccount of the App. Its token is mounted nowhere."""
    made_account = made("v1", "ServiceAccount", spec, spec.app, app_labels(spec))
    made_account["automountServiceAccountToken"] = False
    return made_account
