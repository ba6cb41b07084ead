"""Tells what app.yaml may say and this version's server does not do yet, where a server is to carry it out.

A file that is checked or rendered without a server says nothing of this: what is rendered is whole. What an App cannot
live without is refused, the rest warned; nothing is left undone in silence. It must not decide anything else.
"""

from __future__ import annotations

from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.text.nodes import Path


def tell_undone(run: Resolving, name: str, component: Component) -> None:
    """What the server leaves undone of one component."""
    if not run.context.live:
        return
    path: Path = ("components", name)
    if component.type == "job" and component.trigger in ("pre_deploy", "post_deploy"):
        # Success without the migration, or without the check, would be a lie.
        message = f'"{component.trigger}" is not supported yet.'
        run.findings.refuse("value.choice", (*path, "trigger"), message, "Use manual.")
    if component.type == "job" and component.trigger == "on_failure":
        message = "no server starts on_failure jobs yet: it is left out."
        run.findings.warn("cluster.degraded", (*path, "trigger"), message)
