"""/apps/{app}/status: all that a person asks first about an App, in one answer that needs no cluster.

It tells what controllers saw last, with its age in the conditions, so that it answers also while a cluster is away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api import places
from mcd.api.access import Reader, RuntimeOf
from mcd.api.addresses import urls
from mcd.api.app_shapes import App, ComponentHealth, ComponentStatus, NotLive, ReleaseWhole, Rollout, Status
from mcd.api.apps import app_shape
from mcd.api.away import Away, away, known
from mcd.api.etag import shown
from mcd.api.newest import not_live
from mcd.api.paths import AppName
from mcd.api.rehearsal import pools_of
from mcd.api.shapes import Problem, summary
from mcd.api.strict import StrictRoute
from mcd.api.unattended import command, next_step
from mcd.api.why import explain_health
from mcd.appyaml.compiler import ComponentSpec
from mcd.appyaml.live import Desired, Pair
from mcd.appyaml.resolve.overrides import OVERRIDE
from mcd.errors import Code, McdError
from mcd.errors import Problem as FileProblem
from mcd.model import Actor, HealthState, Reason, Verb
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.liveness import living
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["apps"], route_class=StrictRoute)

NEXT: Mapping[Reason, str] = {
    Reason.INVALID_APP_YAML: "Mend app.yaml, commit and push again.",
    Reason.BUILD_FAILED: "Read `mcd logs --build {app}`, mend it and push; or try the same commit: `mcd deploy {app}`.",
    Reason.IMAGE_MISSING: "Push the image and `mcd deploy {app}`; or correct image: in app.yaml and push.",
    Reason.BUILD_UNAVAILABLE: "Use `image:` in app.yaml, or ask an admin to set MCD_BUILDER and MCD_REGISTRY.",
    Reason.COMMIT_NOT_FOUND: "Push the commit again.",
    Reason.CRASH_LOOPING: "Read `mcd logs --previous {app}`; mend it and push.",
    Reason.OOM_KILLED: "Raise resources.memory in app.yaml and push, or use less.",
    Reason.IMAGE_PULL: "Check the image's name in app.yaml and that the registry has it.",
    Reason.CONFIG_MISSING: "Set what is missing: `mcd secret set {app} NAME KEY=VALUE`.",
    Reason.PROBE_FAILING: "Check port and health in app.yaml, and `mcd logs {app}`.",
    Reason.NO_ENDPOINTS: "Put the Service back as it was: `mcd deploy {app}`.",
    Reason.UNSCHEDULABLE: "Change resources, gpu or node_pool in app.yaml, or free a node.",
    Reason.DEADLINE_EXCEEDED: "Read `mcd logs {app}`; mend it and push.",
    Reason.ROLLED_BACK: "Mend what it says and push again; `mcd history {app} -o wide` tells what was tried.",
    Reason.NOT_OURS: "Delete the other object, or `mcd deploy {app} --take-over`.",
    Reason.FIELD_FIGHT: "Stop the other manager, then `mcd deploy {app}`.",
    Reason.PRUNE_NEEDS_CONFIRMATION: "Read the list. The command behind it goes on; `mcd rollback {app} --to N` runs "
    "something else.",
    Reason.NEWER_IN_CLUSTER: "Ask an admin whether a newer backup is restored; if not, `{deploy}`.",
    Reason.IMMUTABLE_FIELD: "Rename the component, or delete the object that cannot change.",
    Reason.QUOTA_EXCEEDED: "Free something, or ask the owners of the product line for more.",
    Reason.CLUSTER_AUTH_FAILED: "Ask an admin to give the cluster a new kubeconfig.",
    Reason.FORBIDDEN: "Ask an admin to give MCD the right that the message names.",
    Reason.QUARANTINED: "Ask for it again: `mcd deploy {app}`.",
}
"""What a person can do about a reason. What is not here goes on by itself, or its message says it all. `deploy` is the
command that the message itself names first."""

_COMMAND = re.compile(r"`((?:mcd deploy|kubectl) [^`]+)`")


@router.get("/apps/{app}/status", operation_id="show_status", response_model=Status)
async def show_status(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """The App, its live Rollout, its newest Release, each component with health and addresses, and the next step."""
    async with runtime.db.reading() as tx:
        facts = await _facts(runtime, actor, tx, app)
        idle = next_step(await living(tx, runtime.now()), command(runtime.settings.database))
    wanted = None
    if facts.running is not None and facts.seen is not None:
        wanted = await runtime.compiler.desired(facts.running, facts.seen.rollout, None)
    return shown(request, facts.status(runtime, idle, wanted), facts.app.generation)


class _Facts:
    """What the store knows of an App, read in one transaction."""

    def __init__(
        self,
        app: model.App,
        shape: App,
        newest: model.Release | None,
        problems: tuple[FileProblem, ...],
        seen: reads.RolloutSeen | None,
        running: Pair | None,
        aside: NotLive | None,
        gone: Away | None,
        settings: int,
    ) -> None:
        self.app, self.shape, self.newest, self.problems = app, shape, newest, problems
        self.settings = settings
        self.seen, self.running, self.aside, self.gone = seen, running, aside, gone

    def status(self, runtime: Runtime, idle: str, wanted: Desired | None) -> Status:
        """`idle`: what to do about it that no controller works, if none does; `wanted` is what runs, compiled now."""
        return Status(
            app=self.shape,
            rollout=Rollout.shown(self.seen.rollout, self.gone) if self.seen else None,
            release=ReleaseWhole.shown(self.newest) if self.newest else None,
            not_live=self.aside,
            newest_settings=self.settings,
            components=self._components(runtime, wanted),
            problems=[Problem.of(p) for p in self._problems(wanted)],
            next_step=self._next_step(idle) or idle,
        )

    def _problems(self, wanted: Desired | None) -> list[FileProblem]:
        """Of what runs as it is compiled now, and of a newer Release that does not run yet as it was compiled once:
        what that said of Settings was true of those of that moment only."""
        now = list(wanted.problems) if wanted is not None else []
        if self.aside is None and wanted is not None:
            return now
        kept = [p for p in self.problems if p.code != OVERRIDE]
        return [*kept, *(p for p in now if p.code == OVERRIDE or not self.problems)]

    def _components(self, runtime: Runtime, wanted: Desired | None) -> list[ComponentStatus]:
        if wanted is None or wanted.compiled.spec is None:
            return []
        health = {h.component: h for h in self.seen.health} if self.seen else {}
        return [
            _component(spec, health.get(spec.name), urls((spec,), runtime.settings.gateway_port), self.gone)
            for spec in wanted.compiled.spec.components
        ]

    def _step(self, reason: Reason) -> str:
        """What `mcd why` says of the component that failed for this reason."""
        failed = [h for h in self.seen.health if h.state is HealthState.FAILED] if self.seen else []
        told = next((h for h in failed if h.reason is reason and h.told), None)
        return explain_health(self.app.name, told).step if told is not None else ""

    def _next_step(self, idle: str) -> str:
        """The newest trouble first: a Release that failed after the Rollout that runs is what the person waits for.
        While nobody works, nothing goes on by itself."""
        if self.newest is None:
            where = self.shape.git_url or self.app.repository
            return f"Push a commit with an {self.app.path}: git push {where} {self.app.branch}"
        aside = [(self.aside.state, self.aside.reason, self.aside.message)] if self.aside else []
        told = known(self.seen.rollout.state, self.gone) if self.seen else None
        live = [(told.state, told.reason, told.message)] if told else []
        for word, reason, message in (summary(self.newest.state), *aside, *live):
            if word == "stalled":
                if said := self._step(reason):
                    return said
                named = _COMMAND.search(message)
                command = named[1] if named else f"mcd deploy {self.app.name}"
                return NEXT.get(reason, "").format(app=self.app.name, deploy=command)
        if self.gone is not None and not idle:
            ask = NEXT.get(self.gone.reason) or "It goes on by itself when the cluster answers:"
            return f"{ask} mcd cluster show {self.shape.cluster}"
        if self.seen is None and not self.newest.deploys:
            return f"Deploy it: mcd deploy {self.app.name} --commit {self.newest.commit[:12]}"
        return ""


async def _facts(runtime: Runtime, actor: Actor, tx: Tx, name: str) -> _Facts:
    place = await places.place_of(actor, tx, name, Verb.READ)
    shape = app_shape(runtime, await reads.app_listed(actor, tx, name))
    gone = away(place.cluster.state, place.cluster.seen_at)
    try:
        newest: model.Release | None = await reads.release(actor, tx, name)
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        newest = None
    problems = await reads.release_problems(actor, tx, name, newest.number) if newest is not None else ()
    live = await reads.live_rollout(actor, tx, name)
    aside = await not_live(actor, tx, newest, live)
    revision = (await reads.settings(actor, tx, name)).revision
    if live is None:
        return _Facts(place.app, shape, newest, problems, None, None, aside, gone, revision)
    release = await reads.release(actor, tx, name, live.release, files=True)
    settings = await reads.settings(actor, tx, name, live.settings)
    pools = await pools_of(actor, tx, place.cluster.name)
    around = await reads.facts_of(actor, tx, release, (place.line, place.cluster))
    running = Pair(place.app, release, settings, place.line, place.cluster, pools, around) if release.app_yaml else None
    seen = await reads.rollout_seen(actor, tx, live.id)
    return _Facts(place.app, shape, newest, problems, seen, running, aside, gone, revision)


def _component(
    spec: ComponentSpec, health: model.ComponentHealth | None, at: list[str], gone: Away | None
) -> ComponentStatus:
    seen = health or model.ComponentHealth(
        spec.name,
        HealthState.PROGRESSING,
        Reason.NEW,
        "It was not looked at yet.",
        0,
        spec.replicas if spec.long else 0,
    )
    return ComponentStatus(
        **dict(ComponentHealth.of(seen, gone)), type=spec.type, replicas=spec.replicas if spec.long else None, urls=at
    )
