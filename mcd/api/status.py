"""/apps/{app}/status: all that a person asks first about an App, in one answer that needs no cluster.

It tells what controllers saw last, with its age in the conditions, so that it answers also while a cluster is away.
"""

from __future__ import annotations

from collections.abc import Iterator

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
from mcd.api.newest import Tried, not_live, tried
from mcd.api.paths import AppName
from mcd.api.rehearsal import pools_of
from mcd.api.shapes import Problem
from mcd.api.strict import StrictRoute
from mcd.api.unattended import command, next_step
from mcd.api.why import explain_health, told_of_away
from mcd.appyaml.compiler import ComponentSpec
from mcd.appyaml.live import Desired, Pair
from mcd.appyaml.resolve.overrides import OVERRIDE
from mcd.errors import Code, McdError
from mcd.errors import Problem as FileProblem
from mcd.kube.explain import explain_condition
from mcd.model import Actor, ConditionType, HealthState, Reason, StateWord, Verb
from mcd.model.why import every, step, told_by
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.liveness import living
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["apps"], route_class=StrictRoute)


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
        place: places.Place,
        shape: App,
        newest: model.Release | None,
        problems: tuple[FileProblem, ...],
        seen: reads.RolloutSeen | None,
        running: Pair | None,
        aside: NotLive | None,
        tried: Tried | None,
        gone: Away | None,
        settings: int,
    ) -> None:
        self.app, self.namespace, self.shape = place.app, place.line.namespace, shape
        self.newest, self.problems, self.settings = newest, problems, settings
        self.seen, self.running, self.aside, self.tried, self.gone = seen, running, aside, tried, gone

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

    def _stalled(self) -> Iterator[model.Condition]:
        """What a person must do something about, the newest first: a Release that failed after the Rollout that runs
        is what they wait for. What was chosen away, or cannot be seen now, asks for nothing."""
        states = [self.newest.state] if self.newest is not None and _is_stalled(self.newest.state, None) else []
        if self.aside is not None and self.aside.state is StateWord.STALLED and self.tried is not None:
            states.append(self.tried.rollout.state)
        if self.seen is not None and _is_stalled(self.seen.rollout.state, self.gone):
            states.append(self.seen.rollout.state)
        for state in states:
            if (found := state.condition(ConditionType.STALLED)) is not None:
                yield found

    def _step(self, stalled: model.Condition) -> str:
        """What `mcd why` says: of the component that failed for this reason, else of the condition itself."""
        failed = [h for h in self.seen.health if h.state is HealthState.FAILED] if self.seen else []
        health = next((h for h in failed if h.reason is stalled.reason and h.told), None)
        if health is not None and (said := explain_health(self.app.name, health).step):
            return said
        cause = explain_condition(self.app.name, stalled.reason, stalled.message, self.namespace)
        within = (words for one in every(told_by(stalled.message)) if (words := step(one)))
        return step(cause.told) or next(within, "")

    def _next_step(self, idle: str) -> str:
        """While nobody works, nothing goes on by itself."""
        if self.newest is None:
            where = self.shape.git_url or self.app.repository
            return f"Push a commit with an {self.app.path}: git push {where} {self.app.branch}"
        if (stalled := next(self._stalled(), None)) is not None:
            return self._step(stalled)
        if self.gone is not None and not idle:
            return step(told_of_away(self.gone, self.shape.cluster))
        if self.seen is None and not self.newest.deploys:
            return f"Deploy it: mcd deploy {self.app.name} --commit {self.newest.commit[:12]}"
        return ""


def _is_stalled(state: model.Reconciled, gone: Away | None) -> bool:
    return known(state, gone).state is StateWord.STALLED


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
    found = await tried(actor, tx, newest, live)
    aside = await not_live(actor, tx, newest, live, found)
    revision = (await reads.settings(actor, tx, name)).revision
    if live is None:
        return _Facts(place, shape, newest, problems, None, None, aside, found, gone, revision)
    release = await reads.release(actor, tx, name, live.release, files=True)
    settings = await reads.settings(actor, tx, name, live.settings)
    pools = await pools_of(actor, tx, place.cluster.name)
    around = await reads.facts_of(actor, tx, release, (place.line, place.cluster))
    running = Pair(place.app, release, settings, place.line, place.cluster, pools, around) if release.app_yaml else None
    seen = await reads.rollout_seen(actor, tx, live.id)
    return _Facts(place, shape, newest, problems, seen, running, aside, found, gone, revision)


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
