"""/product-lines: one namespace on one cluster each, who may do what there, and what it may use.

How much is used is asked of the cluster by a part of the page, once for all viewers and with a deadline. The page
itself must never wait for a cluster.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf, Setter
from mcd.api.looks import Looks
from mcd.api.paths import LineName
from mcd.api.portal.pages import Page, done, show
from mcd.api.portal.routing import pages
from mcd.api.portal.views.lines import Member, line_list, line_view
from mcd.api.portal.views.quota import uses
from mcd.api.portal.views.typed import typed
from mcd.errors import Code, McdError, echo
from mcd.model import Role
from mcd.objects import Object, Ref
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.reads import Part

router = pages()

ON_A_PAGE = 50
MEMBERS = 200
QUOTA = "mcd-quota"
NO_ROLE = "none"
FRESH, PATIENCE = 10.0, 3.0
"""Seconds for which an answer of a cluster is good for everybody, and for which a part waits for it."""


@router.get("/product-lines", operation_id="portal_lines")
async def lines(
    request: Request, actor: Reader, runtime: RuntimeOf, cursor: Annotated[str, Query(max_length=2000)] = ""
) -> Response:
    """Those that the person may see, by name."""
    async with runtime.db.reading() as tx:
        found = await reads.product_lines(actor, tx, Part(ON_A_PAGE, cursor or None))
        seen = await reads.glances(actor, tx)
    view = line_list(actor, found.items, seen, next_cursor=found.next_cursor, first=not cursor)
    return show(request, Page("portal/lines.html", view, "mcd product-line list"), now=runtime.now())


@router.get("/product-lines/{line}", operation_id="portal_line")
async def line(request: Request, line: LineName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One of them."""
    async with runtime.db.reading() as tx:
        found = await reads.product_line(actor, tx, line)
        members = await reads.members(actor, tx, line, Part(MEMBERS))
        seen = await reads.glances(actor, tx)
    shown = [Member(m.person, m.role, m.since, m.admin) for m in members.items]
    view = line_view(actor, found, shown, seen, more_members=members.next_cursor is not None)
    return show(request, Page("portal/line.html", view, typed("mcd product-line show", found.name)), now=runtime.now())


@router.get("/product-lines/{line}/use", operation_id="portal_line_use")
async def use(request: Request, line: LineName, actor: Reader, runtime: RuntimeOf) -> Response:
    """How much of its quota is used, as the cluster counts it."""
    async with runtime.db.reading() as tx:
        found = await reads.product_line(actor, tx, line)
        cluster = await reads.cluster(actor, tx, found.cluster)

    async def question() -> Object | None:
        client = await runtime.client(cluster)
        return await client.get(Ref("v1", "ResourceQuota", found.namespace, QUOTA))

    looks: Looks = request.app.state.looks
    looked = await looks.ask(("quota", found.id), question, fresh=FRESH, wait=PATIENCE)
    page = Page("portal/line_use.html", uses(found.name, looked.value, looked.at, looked.trouble))
    return show(request, page, now=runtime.now())


class MemberForm(BaseModel):
    model_config = ConfigDict(extra="forbid")
    person: Annotated[str, Field(min_length=1, max_length=63)]
    role: str


@router.post("/product-lines/{line}/members", operation_id="portal_set_member")
async def set_member(
    line: LineName, actor: Setter, runtime: RuntimeOf, wish: Annotated[MemberForm, Form()]
) -> Response:
    """Gives a person a role there, or with the role `none` takes it away."""
    now: datetime = runtime.now()
    if wish.role not in {NO_ROLE, *Role}:
        raise McdError(Code.INVALID, f'role: there is no role "{echo(wish.role)}".', f"Known: {', '.join(Role)}.")
    await _give(runtime, now, line, actor, wish)
    return done(f"/product-lines/{line}", "member-removed" if wish.role == NO_ROLE else "member-set")


async def _give(runtime: Runtime, now: datetime, line: str, actor: Setter, wish: MemberForm) -> None:
    person = wish.person.strip()
    async with runtime.db.writing() as tx:
        if wish.role == NO_ROLE:
            await intents.remove_member(actor, tx, now, line, person)
        else:
            await intents.add_member(actor, tx, now, line, person, Role(wish.role))
