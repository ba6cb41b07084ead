"""People, how they prove who they are, and what they then may: passwords, sessions, tokens → Actor.

An Actor is read anew for each request, so what was revoked is dead at the next one. It must not answer why a proof
was refused: all refusals are one sentence, but to who holds a token that is good and whose account is disabled.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, insert, select, update

from mcd.errors import Code, McdError
from mcd.model import Actor, EventKind, Noun, Person, Role, Scope, SecretText, Verb
from mcd.model.named import names_or_none
from mcd.model.why import Note, say
from mcd.store import events, names
from mcd.store import tables as t
from mcd.store.authorize import require
from mcd.store.columns import storable
from mcd.store.credential import digest_of, new_session, token_id_of
from mcd.store.ids import new_id
from mcd.store.lookup import find_line, find_person
from mcd.store.nouns import Row, person_of
from mcd.store.question import Question
from mcd.store.session import Database
from mcd.store.tx import Tx

COMMAND = Actor(person="", name="mcd admin", admin=True, via="command")
"""Who acts when somebody with access to the machine types `mcd admin`."""

SESSION_FOR = timedelta(hours=12)
"""How long a person stays signed in."""

ACCOUNT_DISABLED = "AccountDisabled"
"""`reason` of the refusal of a token that is good but for its person."""

PASSWORD_LEAST = 12
PASSWORD_MOST = 1024

ATTEMPTS = 5
"""Failed sign-ins of one name from one address in a minute."""

ATTEMPTS_OF_ONE = 30
"""Failed sign-ins of one name from anywhere, or from one address for any name, in a minute: guessing from many
addresses, or with many names, gets no further."""

_WINDOW = timedelta(minutes=1)

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Argon2id as OWASP asks for at least: some 20 ms and 19 MiB for each attempt, because it runs in the event loop and
# strangers can ask for it. The limits above bound how often.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$4Ck2JKQv57VRhfgeRo12IQ$4tJQV+oqUFFiRssbOSVCZ4ADw2R/frDJpq+Bb9qFOJ4"
"""Verified for unknown names too, so that the time of a refusal does not tell whether there is such a person. Written
down, because to make it took every process that starts as long as an attempt."""


# --- people ---------------------------------------------------------------------------------------------------------


async def create_person(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    password: str | None = None,
    admin: bool = False,
    default_product_line: str | None = None,
) -> Person:
    """Without a password the person cannot sign in. Raises McdError invalid, forbidden, not_found, conflict."""
    require(actor, Verb.ADMINISTER, Noun.PERSON, name, None)
    names.check_person(name)
    if await tx.value(select(t.person.c.id).where(t.person.c.name == name)) is not None:
        raise McdError(Code.CONFLICT, f'there is a person "{name}" already.', "Choose another name.")
    line = await find_line(actor, tx, Verb.READ, default_product_line) if default_product_line else None
    await tx.run(
        insert(t.person).values(
            id=new_id(now),
            name=name,
            admin=admin,
            default_product_line_id=line["id"] if line else None,
            password=_hashed(password) if password is not None else None,
            created_at=now,
        )
    )
    said = say(Note.ADMIN_ADDED if admin else Note.PERSON_ADDED, name=name)
    events.append(tx, now, actor, EventKind.CREATED, said, noun=Noun.PERSON, name=name)
    return person_of(await find_person(tx, name), default_product_line)


async def change_person(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    admin: bool | None = None,
    disabled: bool | None = None,
    default_product_line: str | None = None,
) -> Person:
    """What is None stays. Disabling ends all sessions and tokens of the person for good; a person may choose their own
    default product line, all else is an admin's. Raises McdError conflict for the last admin."""
    own = name == actor.name and admin is None and disabled is None and actor.scope is Scope.ALL
    if not own:
        require(actor, Verb.ADMINISTER, Noun.PERSON, name, None)
    row = await find_person(tx, name)
    if (admin is False or disabled is True) and row["admin"]:
        await _not_the_last_admin(tx, row)
    line_id = row["default_product_line_id"]
    if default_product_line is not None:
        line_id = (await find_line(actor, tx, Verb.READ, default_product_line))["id"]
    disabled_at = {None: row["disabled_at"], True: row["disabled_at"] or now, False: None}[disabled]
    await tx.run(
        update(t.person)
        .where(t.person.c.id == row["id"])
        .values(
            admin=row["admin"] if admin is None else admin,
            disabled_at=disabled_at,
            default_product_line_id=line_id,
        )
    )
    if disabled:
        await tx.run(delete(t.session).where(t.session.c.person_id == row["id"]))
    elif disabled is False and row["disabled_at"] is not None:
        # Kept for as long as the person is disabled, so that who holds one is told why it is worth nothing.
        await tx.run(delete(t.token).where(t.token.c.person_id == row["id"]))
    data = {"admin": admin, "disabled": disabled, "default_product_line": default_product_line}
    changed = {word: value for word, value in data.items() if value is not None}
    said = say(Note.PERSON_CHANGED, name=name, what=names_or_none(changed))
    events.append(tx, now, actor, EventKind.CHANGED, said, noun=Noun.PERSON, name=name, data=changed)
    return person_of(await find_person(tx, name), await _line_name(tx, line_id))


async def _not_the_last_admin(tx: Tx, row: Row) -> None:
    # Locked, so that two admins cannot remove each other at the same moment.
    admins = await tx.values(
        select(t.person.c.id)
        .where(t.person.c.admin, t.person.c.disabled_at.is_(None))
        .order_by(t.person.c.id)
        .with_for_update()
    )
    if set(admins) <= {row["id"]}:
        raise McdError(Code.CONFLICT, f"{row['name']} is the last admin.", "Make another admin first.")


async def _line_name(tx: Tx, line_id: str | None) -> str | None:
    if line_id is None:
        return None
    name = await tx.value(select(t.product_line.c.name).where(t.product_line.c.id == line_id))
    return str(name)


async def set_password(actor: Actor, tx: Tx, now: datetime, name: str, password: str) -> None:
    """One's own, or as an admin anybody's. Ends all sessions of the person. Raises McdError invalid, not_found."""
    if name != actor.name or actor.scope is not Scope.ALL:
        require(actor, Verb.ADMINISTER, Noun.PERSON, name, None)
    row = await find_person(tx, name)
    await tx.run(update(t.person).where(t.person.c.id == row["id"]).values(password=_hashed(password)))
    await tx.run(delete(t.session).where(t.session.c.person_id == row["id"]))
    said = say(Note.PASSWORD_NEW, name=name)
    events.append(tx, now, actor, EventKind.CHANGED, said, noun=Noun.PERSON, name=name, data={"password": True})


async def ensure_admin(tx: Tx, name: str, password: str, now: datetime) -> Person:
    """For `mcd admin create-admin`: makes the admin, or makes a person an admin again and sets the password."""
    known = await tx.value(select(t.person.c.id).where(t.person.c.name == name))
    if known is None:
        return await create_person(COMMAND, tx, now, name, password=password, admin=True)
    await set_password(COMMAND, tx, now, name, password)
    return await change_person(COMMAND, tx, now, name, admin=True, disabled=False)


def _hashed(password: str) -> str:
    plain = password.reveal() if isinstance(password, SecretText) else password
    if not PASSWORD_LEAST <= len(plain) <= PASSWORD_MOST:
        raise McdError(
            Code.INVALID,
            f"the password does not have {PASSWORD_LEAST} to {PASSWORD_MOST} characters.",
            "Use a longer one: four words will do.",
        )
    try:
        return _hasher.hash(plain)
    except UnicodeEncodeError:
        raise McdError(Code.INVALID, "the password is not text.", "Use other characters.") from None


# --- sign in --------------------------------------------------------------------------------------------------------


async def sign_in(db: Database, name: str, password: str, now: datetime, address: str = "") -> str:
    """The id of a new session, for the cookie. Raises McdError: unauthenticated (one sentence for every cause),
    rate_limited.

    In transactions of its own: the attempt is counted and committed before the password is looked at, so that neither
    a refusal nor a crash nor a restart forgets it."""
    attempt = await _count_attempt(db, name[:200], address[:100], now)
    async with db.reading() as tx:
        row = await tx.row(select(t.person).where(t.person.c.name == storable(name)))
    if not _matches(row, password):
        async with db.writing() as tx:
            # The name is kept as typed only when there is such a person: people type passwords into the wrong field.
            shown = row["name"] if row is not None else "somebody unknown"
            events.append(
                tx,
                now,
                Actor(person="", name=shown, via="session"),
                EventKind.SIGN_IN_REFUSED,
                say(Note.SIGN_IN_REFUSED, name=shown),
                noun=Noun.PERSON,
                name=shown,
                data={"address": address[:100]},
            )
        raise McdError(Code.UNAUTHENTICATED, "name or password is wrong.", "Try again, or ask an admin.")
    assert row is not None
    text, digest = new_session()
    async with db.writing() as tx:
        await tx.run(delete(t.sign_in_attempt).where(t.sign_in_attempt.c.id == attempt))
        await tx.run(delete(t.session).where(t.session.c.expires_at <= now))
        await tx.run(
            insert(t.session).values(digest=digest, person_id=row["id"], created_at=now, expires_at=now + SESSION_FOR)
        )
        who = Actor(person=row["id"], name=row["name"])
        said = say(Note.SIGNED_IN, name=row["name"])
        data = {"address": address[:100]}
        events.append(tx, now, who, EventKind.SIGNED_IN, said, noun=Noun.PERSON, name=row["name"], data=data)
    return text


async def _count_attempt(db: Database, name: str, address: str, now: datetime) -> str:
    table = t.sign_in_attempt
    attempt = new_id(now)
    async with db.writing() as tx:
        await tx.run(delete(table).where(table.c.at <= now - _WINDOW))
        by_name, by_address = table.c.name == name, table.c.address == address
        limits = ((by_name & by_address, ATTEMPTS), (by_name, ATTEMPTS_OF_ONE), (by_address, ATTEMPTS_OF_ONE))
        for condition, most in limits:
            count = await tx.value(select(func.count()).select_from(table).where(condition))
            if count >= most:
                first = await tx.value(select(func.min(table.c.at)).where(condition))
                wait = max(1.0, (first + _WINDOW - now).total_seconds())
                raise McdError(
                    Code.RATE_LIMITED,
                    "too many sign-ins failed.",
                    f"Try again in {wait:.0f} s.",
                    retry_after=wait,
                )
        await tx.run(insert(table).values(id=attempt, name=name, address=address, at=now))
    return attempt


def _matches(row: Row | None, password: str) -> bool:
    known = row is not None and row["password"] is not None and row["disabled_at"] is None
    stored = row["password"] if row is not None and known else _NOBODY
    try:
        right = _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return known and right


async def sign_out(tx: Tx, session_id: str) -> None:
    """Ends the session. One that is not there is no error."""
    await tx.run(delete(t.session).where(t.session.c.digest == digest_of(session_id)))


# --- who asks -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """What the tables say of a token or a session that is good, and until when it is."""

    actor: Actor
    expires_at: datetime
    token: str | None
    """The id of the token; None for a session."""


# Made once: they are asked with every request, and to put one together costs more than to ask it.
_DEFAULT = t.product_line.c.name.label("default_product_line")
_AT_HOME = t.product_line.c.id == t.person.c.default_product_line_id
_PERSON = (t.person.c.id, t.person.c.name, t.person.c.admin, t.person.c.disabled_at)
_THEIRS = t.product_line.alias("theirs")
_ROLE = (_THEIRS.c.name.label("line"), t.member.c.role)
_MEMBER = t.member.c.person_id == t.person.c.id
_OF = and_(_THEIRS.c.id == t.member.c.product_line_id, _THEIRS.c.gone_at.is_(None))


def _with_roles(by: Table, credential: ColumnElement[bool], *more: ColumnElement[Any]) -> Question:
    """A person by what they prove themselves with, once for each role; all in one question, because it is asked with
    every request."""
    return Question(
        select(*_PERSON, by.c.digest, by.c.expires_at, *more, _DEFAULT, *_ROLE)
        .join(by, by.c.person_id == t.person.c.id)
        .join(t.product_line, _AT_HOME, isouter=True)
        .join(t.member, _MEMBER, isouter=True)
        .join(_THEIRS, _OF, isouter=True)
        .where(credential)
    )


_BEARER = _with_roles(t.token, t.token.c.id == bindparam("token"), t.token.c.scope)
_VISITOR = _with_roles(t.session, t.session.c.digest == bindparam("session"))


async def proof_of_session(tx: Tx, session_id: str, now: datetime) -> Proof:
    """One question. Raises McdError unauthenticated."""
    rows = (await tx.asked(_VISITOR, {"session": digest_of(session_id)})).rows()
    if not rows or rows[0]["expires_at"] <= now or rows[0]["disabled_at"] is not None:
        raise McdError(Code.UNAUTHENTICATED, "you are not signed in any more.", "Sign in again.")
    return Proof(_actor(rows, Scope.ALL, "session"), rows[0]["expires_at"], None)


async def proof_of_token(tx: Tx, text: str, now: datetime) -> Proof:
    """One question. Raises McdError unauthenticated, the same for a token that is malformed, unknown, expired or
    revoked; of a disabled person it says so, and nobody else can hear it."""
    refused = McdError(Code.UNAUTHENTICATED, "the token is not accepted.", "Sign in (`mcd login`), or use another one.")
    token_id = token_id_of(text)
    if token_id is None:
        raise refused
    rows = (await tx.asked(_BEARER, {"token": token_id})).rows()
    if not rows or not hmac.compare_digest(rows[0]["digest"], digest_of(text)):
        raise refused
    row = rows[0]
    if row["expires_at"] <= now:
        raise refused
    if row["disabled_at"] is not None:
        raise McdError(
            Code.UNAUTHENTICATED,
            f"the account {row['name']} is disabled.",
            "Ask an admin of this MCD to enable it.",
            reason=ACCOUNT_DISABLED,
        )
    return Proof(_actor(rows, Scope(row["scope"]), "token"), row["expires_at"], token_id)


def _actor(rows: Sequence[Row], scope: Scope, via: str) -> Actor:
    person = rows[0]
    return Actor(
        person=person["id"],
        name=person["name"],
        admin=person["admin"],
        roles={row["line"]: Role(row["role"]) for row in rows if row["line"] is not None},
        scope=scope,
        default_product_line=person["default_product_line"],
        via=via,
    )
