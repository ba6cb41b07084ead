"""What a Pre App is where its parent is something else (app-yaml 6.13): name, components, which of Settings it has.

What `pre` lays over `env` and `infra` is done before (environments.py). It must not make objects.
"""

from __future__ import annotations

import re

from mcd.appyaml.context import Context
from mcd.appyaml.record import replace
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import LONG
from mcd.appyaml.schema.pre import Pre
from mcd.appyaml.text.problems import Findings
from mcd.objects import h8, short

_LONGEST_NAME = 40
_NO_SLUG = re.compile(r"[^a-z0-9]+")


def pre_name(parent: str, pre: Pre, branch: str) -> str:
    """The name of the Pre App of a branch."""
    if pre.domain == "fixed":
        return short(f"{parent}-pre", _LONGEST_NAME)
    # A branch without one Latin letter or digit has its hash, so that two of them are two Pre Apps.
    slug = _NO_SLUG.sub("-", branch.lower()).strip("-") or h8(branch)
    return short(f"{parent}-pre-{slug}", _LONGEST_NAME)


def as_pre(app: App, pre: Pre) -> App:
    """The App with the components of a Pre App."""
    return replace(app, components={name: _component(component, pre) for name, component in app.components.items()})


def _component(component: Component, pre: Pre) -> Component:
    """Few pods, no host outside, nothing by the clock, so that mail is not sent twice."""
    if component.type == "cron":
        return replace(component, suspend=True)
    if component.type not in LONG:
        return component
    rollout = component.rollout
    if rollout.strategy == "canary":
        rollout = replace(rollout, strategy="rolling")
    return replace(component, replicas=pre.replicas, autoscale=None, domains=(), rollout=rollout)


def without_overrides(context: Context) -> Context:
    """What the portal lays over the parent is for the parent; its secrets, configs and variables are for both."""
    return replace(context, settings=replace(context.settings, components={}, alerts={}))


def refuse_none(app: App, findings: Findings) -> Pre:
    """What `pre` says. An App that wants no pre-release environment is given none."""
    if app.pre is not None:
        return app.pre
    message = "this App has no pre-release environments."
    findings.refuse("combination", ("pre",), message, "Remove pre: false, or deploy the branch itself.")
    return Pre()
