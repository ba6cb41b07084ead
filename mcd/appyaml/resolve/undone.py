"""Tells what app.yaml may say and this version's server does not do yet, where a server is to carry it out.

A file that is checked or rendered without a server says nothing of this: what is rendered is whole. What an App cannot
live without is refused, the rest warned; nothing is left undone in silence. It must not decide anything else.
"""

from __future__ import annotations

from mcd.appyaml.resolve.rollout import CANARY, strategy_path
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.build import NATIVE
from mcd.appyaml.schema.component import Component
from mcd.appyaml.spec.app import BuildSpec
from mcd.appyaml.text.nodes import Map, Path


def tell_undone(run: Resolving, name: str, component: Component) -> None:
    """What the server leaves undone of one component."""
    if not run.context.live:
        return
    path: Path = ("components", name)
    if component.type == "job" and component.trigger in ("pre_deploy", "post_deploy"):
        # Success without the migration, or without the check, would be a lie.
        message = f"no server runs {component.trigger} jobs yet."
        run.findings.refuse("cluster.lacks", (*path, "trigger"), message, "Use manual.")
    if component.type == "job" and component.trigger == "on_failure":
        message = "no server starts on_failure jobs yet: it is left out."
        run.findings.warn("cluster.degraded", (*path, "trigger"), message)
    if component.idle_gpu is not None and component.idle_gpu.action == "stop":
        message = "no server stops idle runs yet: people are told, as with notify."
        run.findings.warn("cluster.degraded", (*path, "idle_gpu", "action"), message)
    if component.rollout.strategy == CANARY and component.type == "web" and run.context.cluster.gateway_api:
        message = "no server moves requests in steps yet: canary becomes rolling."
        run.findings.warn("cluster.degraded", strategy_path(path, run.findings), message)


def tell_undone_app(run: Resolving) -> None:
    """What the server does not read at the top of the file."""
    if not run.context.live:
        return
    written = run.findings.root.entries if isinstance(run.findings.root, Map) else {}
    if "pre" in written and run.app.pre is not None:
        message = "no server makes pre-release environments yet: it is left out."
        run.findings.warn("cluster.degraded", ("pre",), message, key=True)


def tell_undone_build(run: Resolving, build: BuildSpec) -> None:
    """What the builder leaves undone: another image would come out, or one that nobody tested as the file says."""
    if not run.context.live:
        return
    if build.prepare:
        message = "no builder runs a command before the build yet."
        run.findings.refuse("cluster.lacks", ("build", "prepare"), message, "Run it in the Dockerfile.")
    if build.ci:
        run.findings.refuse("cluster.lacks", ("build", "ci"), "no server runs a workflow file yet.", "Remove it.")
    for number, platform in enumerate(build.platforms):
        if platform != NATIVE:
            where = ("build", "platforms", number)
            run.findings.refuse("cluster.lacks", where, f"no builder makes {platform} yet.", f"Write {NATIVE} alone.")


def tell_undone_needs(run: Resolving) -> None:
    """What the App needs and no server makes yet. Without it no pod would ever start."""
    if not run.context.live:
        return
    for name, need in run.infra.items():
        hint = "Put its address into env and its password into a secret."
        run.findings.refuse("cluster.lacks", ("infra", name), f"no server makes a {need.type} yet.", hint, key=True)
