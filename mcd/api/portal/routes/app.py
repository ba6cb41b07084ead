"""/apps/{app}: one App as it is now, live; and its pods as a page of their own.

It reads the store; pods come from what this process watches, or from one question to the cluster that all viewers
share, which has a deadline. It must not change anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi.responses import Response
from starlette.requests import HTTPConnection, Request

from mcd import model
from mcd.api import places
from mcd.api.access import Reader, RuntimeOf
from mcd.api.app_shapes import Pod
from mcd.api.apps import state_of
from mcd.api.away import away
from mcd.api.looks import Looked, Looks
from mcd.api.paths import AppName
from mcd.api.pods import pod_shape
from mcd.api.portal.live import live, seen
from mcd.api.portal.pages import Page, fragment, show, spoken_of
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app import (
    Overview,
    Pending,
    Pods,
    Top,
    component_of,
    conditions_of,
    pods_of,
    running_of,
    top_of,
    waits_of,
)
from mcd.api.portal.views.typed import typed
from mcd.api.running import Drafts, pair_of
from mcd.api.running import Running as Drawn
from mcd.api.unattended import command, next_step
from mcd.api.why import Facts, explained
from mcd.api.why_routes import facts_in
from mcd.model import Actor, Verb
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.liveness import Living, living
from mcd.store.tx import Tx

router = pages()

TEMPLATE = "app/show.html"
FRESH = 3.0
"""Seconds for which the pods that a cluster told are good for everybody who looks at the App."""
PATIENCE = 5.0
"""Seconds for which a page waits for a cluster that it was asked to look into."""


def looks_of(connection: HTTPConnection) -> Looks:
    looks: Looks = connection.app.state.looks
    return looks


def drafts_of(connection: HTTPConnection) -> Drafts:
    drafts: Drafts = connection.app.state.drafts
    return drafts


async def top(actor: Actor, tx: Tx, app: str, tab: str) -> Top:
    """The head of a page. Raises McdError not_found."""
    listed = await reads.app_listed(actor, tx, app)
    return top_of(actor, listed.app, listed.live, (listed.cluster, state_of(listed)), tab)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look into the store found."""

    listed: reads.AppListed
    facts: Facts
    place: places.Place
    settings: model.Settings
    drawn: Drawn
    release: model.Release | None
    """What is live."""
    alive: Living


async def _find(request: HTTPConnection, actor: Actor, runtime: Runtime, app: str) -> _Found:
    drafts = drafts_of(request)
    async with runtime.db.reading() as tx:
        listed = await reads.app_listed(actor, tx, app)
        place = await places.place_of(actor, tx, app, Verb.READ)
        facts = await facts_in(actor, tx, place)
        rollout = listed.live
        drawn = drafts.kept(place, rollout) if rollout is not None else None
        pair = None
        if rollout is not None and drawn is None:
            pair = await pair_of(actor, tx, place, rollout.release, rollout.settings)
        newest = await reads.settings(actor, tx, app)
        alive = await living(tx, runtime.now())
    if rollout is not None and pair is not None:
        drawn = await drafts.drawn(runtime, place, pair, rollout)
    running, release = drawn or (Drawn(), None)
    return _Found(listed, facts, place, newest, running, release, alive)


@router.get("/apps/{app}", operation_id="portal_app")
async def overview(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """Everything that a person asks first. No cluster is asked."""
    view = _view(request, runtime, actor, await _find(request, actor, runtime, app), None)
    drawn = fragment(request, TEMPLATE, "now", view, runtime.now())
    view = replace(view, seen=seen(drawn))
    return show(request, Page(TEMPLATE, view, typed("mcd status", app)), now=runtime.now())


@router.get("/apps/{app}/live", operation_id="portal_app_live")
async def follow(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """The part of the overview that follows what happens; here the cluster is asked for the pods."""
    async with runtime.db.reading() as tx:
        await reads.app(actor, tx, app)

    async def draw(who: Actor) -> str:
        found = await _find(request, who, runtime, app)
        pods = await look_for_pods(request, runtime, found.place, wait=1.0)
        return fragment(request, TEMPLATE, "now", _view(request, runtime, who, found, pods), runtime.now())

    return live(request, runtime, actor, draw)


@router.get("/apps/{app}/pods", operation_id="portal_pods")
async def pods(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """All pods as the cluster has them now, for who has no scripts."""
    found = await _find(request, actor, runtime, app)
    looked = await look_for_pods(request, runtime, found.place, wait=PATIENCE)
    simulated = found.place.cluster.serves.simulated
    shown = pods_of(looked.value or (), looked.at, looked.trouble, simulated, most=10_000)
    view = replace(_view(request, runtime, actor, found, looked), pods=shown)
    return show(request, Page("app/pods.html", view, typed("mcd status", app, "-o", "wide")), now=runtime.now())


async def look_for_pods(
    connection: HTTPConnection, runtime: Runtime, place: places.Place, *, wait: float
) -> Looked[tuple[Pod, ...]]:
    """From the watch of this process, else from the cluster, asked once for all viewers."""
    kept = places.pods_kept(runtime, place)
    if kept is not None:
        return Looked(tuple(pod_shape(pod) for pod in kept), runtime.now())

    async def question() -> tuple[Pod, ...]:
        cluster = await places.client_of(runtime, place)
        return tuple(pod_shape(pod) for pod in await places.pods_of(cluster, place))

    return await looks_of(connection).ask(("pods", place.app.id), question, fresh=FRESH, wait=wait)


def _view(
    request: Request, runtime: Runtime, actor: Actor, found: _Found, looked: Looked[tuple[Pod, ...]] | None
) -> Overview:
    listed, facts = found.listed, found.facts
    app, rollout = listed.app, listed.live
    gone = away(listed.cluster_state, listed.cluster_seen_at)
    head = top_of(actor, app, rollout, (listed.cluster, state_of(listed)))
    drawn = found.drawn
    health = {h.component: h for h in facts.live.health} if facts.live is not None else {}
    whole = explained(facts, spoken_of(request).of_sentences)
    words = {item.component: item.sentence for item in reversed(whole.items) if item.live}
    return Overview(
        top=head,
        whole=whole,
        components=tuple(component_of(p, health.get(p.name), gone, words.get(p.name, "")) for p in drawn.parts),
        conditions=conditions_of(rollout.state) if rollout is not None else (),
        waits=waits_of(head, rollout, Pending(facts.newest, found.settings)) if head.deploys else (),
        problems=tuple(map(str, drawn.problems[:20])),
        pods=_pods(request, runtime, found.place, looked),
        running=running_of(rollout, found.release) if rollout is not None and found.release is not None else None,
        repository=app.repository,
        branch=app.branch,
        path=app.path,
        git_url=f"{runtime.settings.url}/git/{app.name}.git" if app.repository == f"mcd:{app.name}" else "",
        idle=next_step(found.alive, command(runtime.settings.database)),
    )


def _pods(request: Request, runtime: Runtime, place: places.Place, looked: Looked[tuple[Pod, ...]] | None) -> Pods:
    """`looked` None: what is known without asking anybody."""
    if looked is None:
        kept = places.pods_kept(runtime, place)
        looked = looks_of(request).kept(("pods", place.app.id))
        if kept is not None:
            looked = Looked(tuple(pod_shape(pod) for pod in kept), runtime.now())
    # The moment is told only of what is not live: else the part would differ at each look.
    at = looked.at if looked.trouble or looked.value is None else None
    shown = pods_of(looked.value or (), at, looked.trouble, place.cluster.serves.simulated)
    return replace(shown, known=looked.value is not None)
