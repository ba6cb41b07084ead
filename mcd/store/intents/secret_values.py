"""Wishes about secrets of an App or of a product line. A value comes in once and is never answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from mcd.errors import Code, McdError, not_found
from mcd.model import Actor, EventKind, Noun, SecretText, Verb
from mcd.model.why import Note, say, told
from mcd.store import events, names, secrets
from mcd.store import tables as t
from mcd.store.due import hint_apps, wished
from mcd.store.intents.settings import revise
from mcd.store.lookup import find_app, find_line, not_going
from mcd.store.nouns import Row
from mcd.store.rolling import newest_settings
from mcd.store.secrets import Place
from mcd.store.tx import Tx

VALUE_LIMIT = 64 * 1024
"""Characters of one value."""

SECRET_LIMIT = 700 * 1024
"""Bytes of all values of one secret: as base64, with all else of its object, they must stay below 1 MiB."""


@dataclass(frozen=True, slots=True)
class SecretSet:
    """What was set: name, keys and version, never a value."""

    name: str
    keys: tuple[str, ...]
    version: int


async def set_secret(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    values: Mapping[str, str],
    *,
    app: str | None = None,
    product_line: str | None = None,
) -> SecretSet:
    """Replaces the whole secret by its next version, in an App or in a product line (name one of the two). What runs
    gets it: an App by a new Settings revision and Rollout, a product line by waking its Apps. Raises McdError invalid,
    too_large, not_found, forbidden, unavailable (no key ring)."""
    names.check_part("a secret", name)
    _check(values)
    keys = tuple(sorted(values))
    row, place = await _place(actor, tx, name, app, product_line)
    version = await secrets.store(tx, now, actor, place, values)
    described = {"keys": list(keys), "version": version}
    await _describe(actor, tx, now, row, place, described)
    _tell(tx, now, actor, row, place, say(Note.SECRET_SET, name=name, version=version, keys=", ".join(keys)))
    return SecretSet(name, keys, version)


async def unset_secret(
    actor: Actor, tx: Tx, now: datetime, name: str, *, app: str | None = None, product_line: str | None = None
) -> None:
    """Removes the secret with all its versions. Raises McdError not_found, forbidden."""
    row, place = await _place(actor, tx, name, app, product_line)
    if not await secrets.forget(tx, place.owner_id, name):
        raise not_found("secret", name)
    await _describe(actor, tx, now, row, place, None)
    _tell(tx, now, actor, row, place, say(Note.SECRET_REMOVED, name=name))


async def _place(actor: Actor, tx: Tx, name: str, app: str | None, product_line: str | None) -> tuple[Row, Place]:
    if (app is None) == (product_line is None):
        raise McdError(Code.INVALID, "a secret belongs to an App or to a product line.", "Name one of the two.")
    if app is not None:
        row = await find_app(actor, tx, Verb.SET, app, lock=True)
        not_going(Noun.APP, app, row)
        return row, Place(Noun.APP, row["id"], row["product_line_id"], name)
    assert product_line is not None
    row = await find_line(actor, tx, Verb.SET, product_line, lock=True)
    not_going(Noun.PRODUCT_LINE, product_line, row)
    return row, Place(Noun.PRODUCT_LINE, row["id"], row["id"], name)


async def _describe(
    actor: Actor, tx: Tx, now: datetime, row: Row, place: Place, described: Mapping[str, Any] | None
) -> None:
    """Names, keys and version stand where the compiler reads them: in Settings of the App, in wishes of the line."""
    if place.owner is Noun.APP:
        revision = await newest_settings(tx, row["id"])
        values = await tx.value(
            select(t.settings.c["values"]).where(t.settings.c.app_id == row["id"], t.settings.c.revision == revision)
        )
        said = told(Note.SECRET_WAS_UNSET if described is None else Note.SECRET_WAS_SET, name=place.name)
        await revise(actor, tx, now, row, _with(values, place.name, described), said)
        return
    wishes = _with(row["wishes"], place.name, described)
    await tx.run(
        update(t.product_line)
        .where(t.product_line.c.id == row["id"])
        .values(wishes=wishes, **wished(t.product_line, now))
    )
    tx.wished = True
    await hint_apps(tx, now, t.product_line.c.id == row["id"])


def _with(values: Mapping[str, Any], name: str, described: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {other: data for other, data in values.get("secrets", {}).items() if other != name}
    if described is not None:
        kept[name] = dict(described)
    rest = {word: value for word, value in values.items() if word != "secrets"}
    return {**rest, "secrets": kept} if kept else rest


def _check(values: Mapping[str, str]) -> None:
    if not values or len(values) > 100:
        raise McdError(Code.INVALID, "a secret has 1 to 100 keys.", "Write KEY=VALUE.")
    size = 0
    for key, value in values.items():
        names.check_key(key)
        plain = value.reveal() if isinstance(value, SecretText) else value
        size += len(plain.encode(errors="surrogatepass"))
        if len(plain) > VALUE_LIMIT:
            raise McdError(Code.TOO_LARGE, f"the value of {key} is larger than 64 KiB.", "Make it smaller.")
    if size > SECRET_LIMIT:
        raise McdError(Code.TOO_LARGE, "the secret is larger than 700 KiB.", "Split it.")


def _tell(tx: Tx, now: datetime, actor: Actor, row: Row, place: Place, message: str) -> None:
    of_app = place.owner is Noun.APP
    events.append(
        tx,
        now,
        actor,
        EventKind.SECRET_SET,
        message,
        noun=place.owner,
        name=row["name"],
        product_line=row["line"] if of_app else row["name"],
        app=row["name"] if of_app else None,
        data={"secret": place.name},
    )
