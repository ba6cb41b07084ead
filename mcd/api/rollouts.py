"""/apps/{app}/rollouts and /rollouts/{id}: the wish that an App run a Release, what became of it, live as Events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from mcd import model
from mcd.api import sources
from mcd.api.access import Deployer, Reader, RuntimeOf
from mcd.api.app_shapes import (
    Change,
    ComponentHealth,
    DryRun,
    InventoryEntry,
    ObjectRef,
    Rollout,
    RolloutMade,
    RolloutWhole,
    rollout_fields,
)
from mcd.api.away import Away, away
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.components import RESTART, refuse_others, types_of
from mcd.api.etag import shown
from mcd.api.named import deletes_of
from mcd.api.pages import Piece, page
from mcd.api.paths import AppName, RolloutId
from mcd.api.running import dry_run_beside
from mcd.api.shapes import Event, Page, State
from mcd.api.streams import Item, Look, resume_after, stream
from mcd.api.strict import StrictRoute
from mcd.api.wishes import RolloutNew
from mcd.errors import Code, McdError
from mcd.model import Actor, ConditionType, Noun, Reason, Trigger
from mcd.model.triggers import BACK
from mcd.objects import Ref
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.intents import Requested
from mcd.store.reads import Part
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["rollouts"], route_class=StrictRoute)

_EVERY = 1.0
"""Seconds between two looks at a Rollout that is being watched: pods make progress without an Event."""

_ENDS = frozenset({"ready", "stalled", "superseded"})


@router.get("/apps/{app}/rollouts", operation_id="list_rollouts", response_model=Page[Rollout])
async def list_rollouts(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """The Rollouts of an App, newest first."""
    async with runtime.db.reading() as tx:
        found = await reads.rollouts(actor, tx, app, part)
        live = next((r for r in found.items if r.live), None)
        gone = await _gone(actor, tx, live) if live is not None else None
    return page(request, found, lambda r: Rollout.shown(r, gone if r.live else None))


async def _gone(actor: Actor, tx: Tx, rollout: model.Rollout) -> Away | None:
    """Not None: it is live on a cluster that cannot be looked at. What is history was seen when it was made."""
    if not rollout.live:
        return None
    listed = await reads.app_listed(actor, tx, rollout.app)
    return away(listed.cluster_state, listed.cluster_seen_at)


@router.post(
    "/apps/{app}/rollouts",
    operation_id="create_rollout",
    status_code=202,
    response_model=RolloutMade,
    responses={
        200: {
            "model": DryRun | RolloutMade,
            "description": "The answer to `dry_run`; or, without it, the live Rollout when it is what was asked for.",
        }
    },
)
async def create_rollout(
    request: Request, app: AppName, wish: RolloutNew, actor: Deployer, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Runs a Release with Settings: a deploy, a rollback, a restart. `dry_run` answers what would be written."""
    source = await sources.find(runtime, actor, app, wish.commit) if wish.commit is not None else None
    if wish.restart:
        await _refuse_others(actor, runtime, app, wish, source)
    deletes: tuple[Ref, ...] = ()
    if wish.rollback and wish.release is not None:
        # Before the transaction, because to compile takes its time.
        deletes = await deletes_of(runtime, actor, app, wish.release, wish.settings)
    ask = _asker(actor, app, wish, source, deletes)
    if wish.dry_run:

        async def rehearsed(tx: Tx, now: datetime) -> model.Rollout:
            return (await ask(tx, now))[0].rollout

        answer = await dry_run_beside(runtime, actor, app, rehearsed)
        return JSONResponse(answer.model_dump(mode="json"), headers={"Cache-Control": "no-store"})

    async def act(tx: Tx, now: datetime) -> Answer:
        done, deletes = await ask(tx, now)
        made, gone = done.rollout, await _gone(actor, tx, done.rollout)
        status = 202 if done.created else 200
        shown = RolloutMade.made(made, gone, deletes if done.created else ())
        return Answer(status, shown, f"/api/v1/rollouts/{made.id}")

    return await carry(request, runtime, actor, act, key)


async def _refuse_others(
    actor: Actor, runtime: Runtime, app: str, wish: RolloutNew, source: sources.Source | None
) -> None:
    if source is None:
        types = await types_of(runtime, actor, app, wish.release)
    else:
        async with runtime.db.reading() as tx:
            line = (await reads.app(actor, tx, app)).product_line
        types = await runtime.compiler.types(source.app_yaml, line)
    refuse_others(types, wish.restart, RESTART)


def _asker(
    actor: Actor, app: str, wish: RolloutNew, source: sources.Source | None, deletes: tuple[Ref, ...]
) -> Callable[[Tx, datetime], Awaitable[tuple[Requested, tuple[Ref, ...]]]]:
    """The wish, to be done in a transaction; answers the deletes that it names, too."""

    async def ask(tx: Tx, now: datetime) -> tuple[Requested, tuple[Ref, ...]]:
        live = await reads.live_rollout(actor, tx, app)
        if wish.goes_on:
            return await _go_on(actor, tx, now, app, wish, live), ()
        number = await _release(actor, tx, now, app, wish, source, live)
        revision = wish.settings
        if revision is None and wish.restart and live is not None and number == live.release:
            revision = live.settings
        requested = await intents.request_rollout(
            actor,
            tx,
            now,
            app,
            release=number,
            settings_revision=revision,
            trigger=_trigger(wish, number, live),
            take_over=wish.take_over,
            restart=wish.restart,
            confirmed_prune=wish.confirmed_prune,
            wished_deletes=deletes,
        )
        return requested, deletes

    return ask


async def _go_on(
    actor: Actor, tx: Tx, now: datetime, app: str, wish: RolloutNew, live: model.Rollout | None
) -> Requested:
    """The Rollout that waits for a confirmation, once more as it was asked for. Raises McdError conflict when none
    does: a digest says which deletes are meant, and not what is to run."""
    held = live.state.condition(ConditionType.STALLED) if live is not None else None
    waits = held is not None and held.status and held.reason is Reason.PRUNE_NEEDS_CONFIRMATION
    if live is None or not waits:
        # Whether the App is there was answered before.
        await reads.app(actor, tx, app)
        raise McdError(
            Code.CONFLICT,
            f"{app}: no Rollout waits for a confirmation now.",
            f"Name what is to run with it: `mcd deploy {app} --release N --confirm {wish.confirmed_prune}`.",
        )
    trigger = Trigger.ROLLBACK if live.trigger in BACK else Trigger.DEPLOY
    return await intents.request_rollout(
        actor, tx, now, app,
        release=live.release, settings_revision=live.settings, trigger=trigger,
        take_over=live.take_over or wish.take_over, confirmed_prune=wish.confirmed_prune,
    )  # fmt: skip


async def _release(
    actor: Actor,
    tx: Tx,
    now: datetime,
    app: str,
    wish: RolloutNew,
    source: sources.Source | None,
    live: model.Rollout | None,
) -> int:
    """The number of the Release that is meant; one is made for a commit that is none yet."""
    if source is not None:
        return await sources.release_of(actor, tx, now, app, source)
    if wish.release is not None:
        return wish.release
    if live is not None:
        return live.release
    try:
        return (await reads.release(actor, tx, app)).number
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        # Whether the App is there was answered before: only the Release is missing.
        await reads.app(actor, tx, app)
        raise McdError(Code.CONFLICT, f"{app} has no Release yet.", "Push one first, or name a commit.") from None


def _trigger(wish: RolloutNew, number: int, live: model.Rollout | None) -> Trigger:
    if wish.rollback:
        return Trigger.ROLLBACK
    if wish.restart and live is not None and number == live.release:
        return Trigger.RESTART
    return Trigger.DEPLOY


@router.get("/rollouts/{rollout}", operation_id="show_rollout", response_model=RolloutWhole)
async def show_rollout(request: Request, rollout: RolloutId, actor: Reader, runtime: RuntimeOf) -> Response:
    """One Rollout: its conditions, the health of each component, what was written, what belongs to the App."""
    async with runtime.db.reading() as tx:
        seen = await reads.rollout_seen(actor, tx, rollout)
        answer = await whole(actor, tx, seen, await _gone(actor, tx, seen.rollout))
    return shown(request, answer, seen.rollout.state.generation)


async def whole(actor: Actor, tx: Tx, seen: reads.RolloutSeen, gone: Away | None) -> RolloutWhole:
    inventory = await reads.inventory(actor, tx, seen.rollout.app) if seen.rollout.live else ()
    fields: dict[str, Any] = rollout_fields(seen.rollout, gone)
    return RolloutWhole(
        **fields,
        components=[ComponentHealth.of(h, gone) for h in seen.health],
        changes=[
            Change(object=ObjectRef.of(c.ref), action=c.action, detail=c.detail, healed_from=c.healed_from)
            for c in seen.changes
        ],
        inventory=[InventoryEntry(object=ObjectRef.of(e.ref), uid=e.uid) for e in inventory],
    )


@router.get(
    "/rollouts/{rollout}/events",
    operation_id="watch_rollout",
    responses={
        200: {
            "description": "A stream: `event: rollout` with the whole Rollout whenever it changed, `event: event` with "
            "each Event of it and of its Release (with `id:`), at last `event: end` with its state.",
            "content": {"text/event-stream": {"example": 'event: end\ndata: {"state": "ready", …}\n\n'}},
        }
    },
    response_class=Response,
)
async def watch_rollout(request: Request, rollout: RolloutId, actor: Reader, runtime: RuntimeOf) -> Response:
    """Watches a Rollout until it is ready, stalled or superseded. Leaving stops the watching, not the Rollout."""
    async with runtime.db.reading() as tx:
        first = await reads.rollout(actor, tx, rollout)
        release = await reads.release(actor, tx, first.app, first.release)
    watch = _Watch(runtime, first, release, resume_after(request, 0))
    return stream(request, runtime, actor, watch.look, every=_EVERY)


class _Watch:
    """What was told of a Rollout so far."""

    def __init__(self, runtime: Runtime, rollout: model.Rollout, release: model.Release, after: int) -> None:
        self.runtime = runtime
        self.id = rollout.id
        self.app = rollout.app
        self.names = {(Noun.ROLLOUT, f"{rollout.app}/{rollout.number}")}
        if not release.state.is_now(ConditionType.READY):
            # Its build is still under way. One that was ready before is history, and told there.
            self.names.add((Noun.RELEASE, f"{rollout.app}/{rollout.release}"))
        self.after = after
        self.told = ""

    async def look(self, actor: Actor) -> Look:
        async with self.runtime.db.reading() as tx:
            seen = await reads.rollout_seen(actor, tx, self.id)
            answer = await whole(actor, tx, seen, await _gone(actor, tx, seen.rollout))
            came = [event for noun, name in sorted(self.names) for event in await self._events(actor, tx, noun, name)]
        came.sort(key=lambda event: event.sequence)
        items = [Item("event", Event.of(event), event.sequence) for event in came]
        if came:
            self.after = came[-1].sequence
        now = answer.model_dump_json()
        if now != self.told:
            self.told = now
            items.append(Item("rollout", answer))
        ended = answer.state in _ENDS or not seen.rollout.live
        if ended:
            items.append(Item("end", State.of(seen.rollout.state)))
        return Look(tuple(items), ended)

    async def _events(self, actor: Actor, tx: Tx, noun: Noun, name: str) -> list[model.Event]:
        found: list[model.Event] = []
        after = self.after
        while True:
            part = await reads.events(actor, tx, Part(500), after=after, app=self.app, noun=noun, name=name)
            found += part.items
            if part.next_cursor is None:
                return found
            after = part.items[-1].sequence
