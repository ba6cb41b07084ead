"""How a wish of a page is previewed and carried out: the same dry run as of the API, a digest, and one transaction.

What was confirmed is worked out again; when it is not the same any more, nothing is done and the new preview is shown.
It must not know which wishes there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.requests import Request

from mcd import model
from mcd.api.access import RuntimeOf
from mcd.api.carry import rehearse
from mcd.api.paths import AppName
from mcd.api.portal.pages import Page, done, show
from mcd.api.portal.routes.app import top
from mcd.api.portal.views.app_act import Plan, Preview, digest_of, faster_of, plan_of, settings_diff
from mcd.api.rehearsal import dry_run
from mcd.api.running import settings_that_run
from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.tx import Tx

PATIENCE = 20.0
"""Seconds for which a preview may take: a cluster that hangs is then said not to answer."""

Act = Callable[[Tx, datetime, Plan], Awaitable[bool]]
"""Does the wish as it was previewed; False when everything was so already."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that a person wants done to an App."""

    app: str
    word: str
    """The end of its address."""
    title: str
    act: Act
    command: str
    label: str
    said: str
    """What is told once it is done, a word of `views.frame.DONE`."""
    values: dict[str, object] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()
    """What the form said, to be sent again with the confirmation."""
    shown: tuple[tuple[str, str], ...] | None = None
    """The same as the digest knows it, where the fields differ at each look: sealed ones."""
    danger: bool = False
    typed: str = ""
    notes: tuple[str, ...] = ()
    plan: Callable[[], Awaitable[Plan]] | None = None
    """Instead of the dry run of a Rollout."""
    to: str = ""
    back: str = ""
    settings_only: bool = False
    """It changes Settings: what nobody runs is only kept."""

    @property
    def url(self) -> str:
        return f"/apps/{self.app}"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person answered to a preview. Without a digest there was none yet."""

    digest: str = ""
    typed: str = ""


class Confirmed(BaseModel):
    """What every form of a wish may carry beside the wish itself."""

    model_config = ConfigDict(extra="forbid")
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")] = ""
    typed: Annotated[str, StringConstraints(max_length=63)] = ""

    @property
    def confirmation(self) -> Confirmation:
        return Confirmation(self.digest, self.typed)


async def preview(request: Request, runtime: Runtime, actor: Actor, wish: Wish, confirmation: Confirmation) -> Response:
    """The preview, or, when that is confirmed and nothing changed since, the deed."""
    plan = await _planned(runtime, actor, wish)
    digest = _digest(wish, plan)
    if not confirmation.digest:
        return await _show(request, runtime, actor, wish, plan)
    if confirmation.digest != digest:
        return await _show(request, runtime, actor, wish, plan, changed=True)
    typed = _typed(wish, plan)
    if typed and confirmation.typed.strip() != typed:
        return await _show(request, runtime, actor, wish, plan, wrong=True)
    try:
        async with runtime.db.writing() as tx:
            now = runtime.now()
            live = await reads.live_rollout(actor, tx, wish.app)
            if (live.number if live is not None else 0) != plan.live:
                raise _OvertakenError
            did = await wish.act(tx, now, plan)
    except _OvertakenError:
        return await _show(request, runtime, actor, wish, await _planned(runtime, actor, wish), changed=True)
    return done(wish.to or wish.url, wish.said if did else "as-it-was")


WishOf = Callable[[Request, Runtime, Actor, str], Awaitable[Wish]]
"""The one thing that an address is about, worked out anew at each look. Raises McdError where it cannot be wished."""


def with_one_wish(router: APIRouter, word: str, who: Any, wish_of: WishOf) -> None:
    """An act that asks nothing before its preview: a look at /apps/{app}/`word` shows it, the form there does it.
    `who` is the permission that both take, one of `mcd.api.access`."""

    async def look(request: Request, app: AppName, actor: Actor, runtime: RuntimeOf) -> Response:
        return await preview(request, runtime, actor, await wish_of(request, runtime, actor, app), Confirmation())

    async def do(
        request: Request, app: AppName, actor: Actor, runtime: RuntimeOf, form: Annotated[Confirmed, Form()]
    ) -> Response:
        return await preview(request, runtime, actor, await wish_of(request, runtime, actor, app), form.confirmation)

    for route in (look, do):
        # What a route declares is read here, and a name of this function would not be found there.
        route.__annotations__["actor"] = who
    router.get(f"/apps/{{app}}/{word}", operation_id=f"portal_{word}_form")(look)
    router.post(f"/apps/{{app}}/{word}", operation_id=f"portal_{word}")(do)


class _OvertakenError(Exception):
    """Somebody else was faster by a moment."""


def _typed(wish: Wish, plan: Plan) -> str:
    """What must be typed: whatever deletes an object asks for the name of the App."""
    return wish.typed or (wish.app if plan.deletes else "")


def _digest(wish: Wish, plan: Plan) -> str:
    return digest_of(wish.word, wish.fields if wish.shown is None else wish.shown, plan)


async def _planned(runtime: Runtime, actor: Actor, wish: Wish) -> Plan:
    if wish.plan is not None:
        return await wish.plan()
    async with runtime.db.reading() as tx:
        live = await reads.live_rollout(actor, tx, wish.app)
        before = await reads.settings(actor, tx, wish.app)
    if live is None and wish.settings_only:
        found = await rehearse(runtime, lambda tx, now: _settings_after(actor, tx, now, wish))
        return Plan(0, settings=settings_diff(before.values, found.values), stored_only=True)
    try:
        async with asyncio.timeout(PATIENCE):
            plan = await _rehearsed(runtime, actor, wish, Plan(live.number if live is not None else 0))
            if plan.confirm_prune:
                # The brake would hold it. Whoever confirms has read the deletes, so they are shown as what happens.
                plan = await _rehearsed(runtime, actor, wish, plan)
    except TimeoutError:
        raise McdError(
            Code.UNAVAILABLE,
            f"the cluster of {wish.app} did not answer within {PATIENCE:g} seconds. Nothing was changed.",
            "Try again in a moment.",
            retry_after=5,
        ) from None
    return plan


async def _rehearsed(runtime: Runtime, actor: Actor, wish: Wish, known: Plan) -> Plan:
    """What the wish would do, when what `known` says of deletes is confirmed. The Settings are those that run now and
    those that would run: a way back names older ones."""
    stamps: list[str] = []
    changed = ""

    async def rehearsed(tx: Tx, now: datetime) -> model.Rollout:
        nonlocal changed
        stamps.append(now.isoformat())
        before = await settings_that_run(actor, tx, wish.app)
        await wish.act(tx, now, known)
        made = await reads.live_rollout(actor, tx, wish.app)
        if made is None:
            raise McdError(Code.CONFLICT, f"nothing of {wish.app} runs.", "Deploy it first.")
        changed = settings_diff(before.values, (await reads.settings(actor, tx, wish.app, made.settings)).values)
        return made

    told = await dry_run(runtime, actor, rehearsed)
    plan = plan_of(told, known.live, changed, stamps)
    return replace(plan, confirm_prune=known.confirm_prune or plan.confirm_prune)


async def _settings_after(actor: Actor, tx: Tx, now: datetime, wish: Wish) -> model.Settings:
    await wish.act(tx, now, Plan(0))
    return await reads.settings(actor, tx, wish.app)


async def _show(
    request: Request,
    runtime: Runtime,
    actor: Actor,
    wish: Wish,
    plan: Plan,
    *,
    changed: bool = False,
    wrong: bool = False,
) -> Response:
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, wish.app, wish.word)
        live = await reads.live_rollout(actor, tx, wish.app) if changed else None
    view = Preview(
        top=head,
        title=wish.title,
        values=wish.values,
        action=f"{wish.url}/{wish.word}",
        label=wish.label,
        plan=plan,
        digest=_digest(wish, plan),
        fields=wish.fields,
        back=wish.back or f"{wish.url}/{wish.word}",
        danger=wish.danger or any(step.sign.tone == "bad" for step in plan.steps),
        typed=_typed(wish, plan),
        wrong=wrong,
        changed=changed,
        faster=faster_of(live),
        notes=wish.notes,
    )
    status = 409 if changed else 422 if wrong else 200
    page = Page("app/preview.html", view, wish.command, status)
    return show(request, page, now=runtime.now(), headers={"Cache-Control": "no-store"})


async def planned_of_live(runtime: Runtime, actor: Actor, app: str) -> Plan:
    """What the live Rollout would write now: what drifted, and what is still on its way. Raises McdError conflict when
    nothing runs."""

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        return False

    return await _planned(runtime, actor, Wish(app, "drift", "", act, "", "", ""))
