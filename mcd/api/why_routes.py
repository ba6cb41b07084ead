"""/apps/{app}/why: why an App does not run, in one language, from what controllers saw last.

It reads the store and asks no cluster. What is said is worked out in `why.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api import places
from mcd.api.access import Reader, RuntimeOf
from mcd.api.away import away
from mcd.api.components import refuse_unknown
from mcd.api.etag import shown
from mcd.api.newest import tried
from mcd.api.paths import AppName, Component
from mcd.api.shapes import Shape
from mcd.api.strict import StrictRoute
from mcd.api.why import LINES, Explanation, Facts, Ran, Whole, explained
from mcd.errors import Code, McdError
from mcd.model import Actor, Reason, Verb, WhyState
from mcd.model.why import Family, Language, Why
from mcd.store import reads
from mcd.store.reads.runs import build_tail
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["apps"], route_class=StrictRoute)


class WhyNode(Shape):
    """One node that does not take a pod. The amounts are what is free of what there is; empty where there is none."""

    node: str
    model: str
    devices: str
    cpu: str
    memory: str
    pods: str
    why: str


class WhyItem(Shape):
    """Why one component, or the App as a whole, is as it is."""

    component: str
    """Empty: it is of the whole App."""
    well: bool
    state: WhyState
    why: Why
    """The state, told apart from every other one; the page of states lists them."""
    family: Family
    reason: Reason
    sentence: str
    beside: list[str]
    """What else is to be known."""
    step: str
    """What to do; empty: nothing."""
    patch: str
    """Lines of app.yaml that mend it, words in capitals to be filled in; empty where app.yaml is not what to mend."""
    evidence: list[str]
    """Lines of a log or of the cluster's own messages."""
    nodes: list[WhyNode]
    release: int | None
    rollout: int | None
    live: bool
    """False: it is of the newest Release, which is not what runs."""
    whose: str
    """Plain words for that; empty: it is of what runs, or nothing else does."""
    since: datetime | None

    @classmethod
    def of(cls, item: Explanation) -> WhyItem:
        return cls.model_validate(item, from_attributes=True)


class WhyWhole(Shape):
    """Everything that is to be said of an App, what is wrong first."""

    app: str
    well: bool
    """All of it is as it was asked for."""
    language: Language
    items: list[WhyItem]

    @classmethod
    def of(cls, whole: Whole, language: Language) -> WhyWhole:
        return cls(app=whole.app, well=whole.well, language=language, items=[WhyItem.of(i) for i in whole.items])


@router.get("/apps/{app}/why", operation_id="show_why", response_model=WhyWhole)
async def show_why(
    request: Request,
    app: AppName,
    actor: Reader,
    runtime: RuntimeOf,
    component: Annotated[Component | None, Query(max_length=63, description="Only this component.")] = None,
    language: Annotated[Language, Query(description="What to say it in.")] = Language.EN,
) -> Response:
    """Why it is not running: one sentence for each component, the lines that show it, what to do."""
    await refuse_unknown(runtime, actor, app, component)
    async with runtime.db.reading() as tx:
        facts, generation = await facts_of(actor, tx, app)
    answer = WhyWhole.of(explained(facts, language, component or ""), language)
    return shown(request, answer, generation)


async def facts_of(actor: Actor, tx: Tx, app: str) -> tuple[Facts, int]:
    """What the store knows of an App that may be in trouble, and the App's generation. Raises McdError not_found."""
    place = await places.place_of(actor, tx, app, Verb.READ)
    return await facts_in(actor, tx, place), place.app.generation


async def facts_in(actor: Actor, tx: Tx, place: places.Place) -> Facts:
    """The same of an App whose place is known."""
    app = place.app.name
    gone = away(place.cluster.state, place.cluster.seen_at)
    live = await reads.live_rollout(actor, tx, app)
    newest = await _newest(actor, tx, app)
    aside = await _aside(actor, tx, newest, live)
    seen = await reads.rollout_seen(actor, tx, live.id) if live is not None else None
    return Facts(
        app=app,
        cluster=place.cluster.name,
        namespace=place.line.namespace,
        live=Ran(seen.rollout, seen.health) if seen is not None else None,
        newest=newest,
        aside=aside,
        gone=gone,
        build=await _build(actor, tx, app, newest),
    )


async def _newest(actor: Actor, tx: Tx, app: str) -> model.Release | None:
    try:
        return await reads.release(actor, tx, app)
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None


async def _aside(actor: Actor, tx: Tx, newest: model.Release | None, live: model.Rollout | None) -> Ran | None:
    """The newest Rollout of the newest Release, when that is not what runs and nobody chose another one since."""
    found = await tried(actor, tx, newest, live)
    if found is None or found.chosen is not None:
        return None
    seen = await reads.rollout_seen(actor, tx, found.rollout.id)
    return Ran(seen.rollout, seen.health)


async def _build(actor: Actor, tx: Tx, app: str, newest: model.Release | None) -> tuple[str, ...]:
    """The last lines of a builder that failed."""
    stalled = newest.state.condition(model.ConditionType.STALLED) if newest is not None else None
    if newest is None or stalled is None or not stalled.status or stalled.reason is not Reason.BUILD_FAILED:
        return ()
    return await build_tail(actor, tx, app, newest.number, LINES)
