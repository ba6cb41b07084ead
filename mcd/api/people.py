"""/people: who may sign in. Admins make and change people; everybody may change their own password and default."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Administrator, Reader, RuntimeOf
from mcd.api.carry import Answer, carry
from mcd.api.pages import Piece, page
from mcd.api.paths import PersonName
from mcd.api.shapes import Page, Person
from mcd.api.strict import StrictRoute
from mcd.api.wishes import PersonChange, PersonNew
from mcd.model import SecretText
from mcd.store import accounts, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=StrictRoute)


@router.get("/people", operation_id="list_people", response_model=Page[Person])
async def list_people(request: Request, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """People by name: all of them for admins and owners of a product line, else only yourself."""
    async with runtime.db.reading() as tx:
        found = await reads.people(actor, tx, part)
    return page(request, found, Person.of)


@router.post("/people", operation_id="create_person", status_code=201, response_model=Person)
async def create_person(request: Request, wish: PersonNew, actor: Administrator, runtime: RuntimeOf) -> Response:
    """Adds a person. Rights in product lines are given there."""

    async def act(tx: Tx, now: datetime) -> Answer:
        made = await accounts.create_person(
            actor,
            tx,
            now,
            wish.name,
            password=SecretText(wish.password.get_secret_value()),
            admin=wish.admin,
            default_product_line=wish.default_product_line,
        )
        return Answer(201, Person.of(made), f"/api/v1/people/{made.name}")

    return await carry(request, runtime, actor, act)


@router.get("/people/{person}", operation_id="show_person")
async def show_person(person: PersonName, actor: Reader, runtime: RuntimeOf) -> Person:
    """One person."""
    async with runtime.db.reading() as tx:
        return Person.of(await reads.person(actor, tx, person))


@router.patch("/people/{person}", operation_id="change_person", response_model=Person)
async def change_person(
    request: Request, person: PersonName, wish: PersonChange, actor: Reader, runtime: RuntimeOf
) -> Response:
    """Changes what is named. A new password ends all sessions of the person; disabling ends tokens too."""

    async def act(tx: Tx, now: datetime) -> Answer:
        # First what only an admin may see at all: a stranger's name is not told by a refusal.
        await reads.person(actor, tx, person)
        if wish.password is not None:
            await accounts.set_password(actor, tx, now, person, SecretText(wish.password.get_secret_value()))
        if wish.model_fields_set - {"password"}:
            await accounts.change_person(
                actor,
                tx,
                now,
                person,
                admin=wish.admin,
                disabled=wish.disabled,
                default_product_line=wish.default_product_line,
            )
        return Answer(200, Person.of(await reads.person(actor, tx, person)))

    return await carry(request, runtime, actor, act)
