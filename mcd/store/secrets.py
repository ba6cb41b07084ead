"""Secrets at rest: sealed under the key ring, bound to their place, opened for the one who applies them.

The only module that ever holds a value. It hands one out as `SecretText` only, writes none into an Event or an error,
and wipes nothing when a key is missing.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import choice
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update

from mcd.errors import Code, McdError, echo
from mcd.model import Actor, EventKind, Noun, SecretText
from mcd.model.why import Note, say
from mcd.objects import canonical
from mcd.store import events
from mcd.store import tables as t
from mcd.store.keyring import KeyMissing, KeyRing, SealBroken, Sealed
from mcd.store.nouns import Row
from mcd.store.question import OfMany
from mcd.store.session import Database
from mcd.store.tx import Tx

KUBECONFIG_KEY = "kubeconfig"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose secret it is. `line_id` is empty for a cluster's credential."""

    owner: Noun
    owner_id: str
    line_id: str
    name: str


def kubeconfig_of(cluster_id: str) -> Place:
    return Place(Noun.CLUSTER, cluster_id, "", KUBECONFIG_KEY)


def _additional(place: Place, key: str, version: int) -> bytes:
    """What a sealed value is bound to: moved to another product line, App, name, key or version, it does not open."""
    owner = place.owner_id if place.owner is not Noun.PRODUCT_LINE else ""
    return canonical(["mcd secret 1", place.owner.value, place.line_id, owner, place.name, key, version])


async def store(tx: Tx, now: datetime, actor: Actor, place: Place, values: Mapping[str, str]) -> int:
    """Seals the values as the next version of the secret, and answers its number, which no version of it ever had. The
    whole secret is replaced. What the secret belongs to is locked by who asks."""
    ring = _ring(tx)
    version = await _next_version(tx, place)
    rows = []
    for key, value in values.items():
        plain = value.reveal() if isinstance(value, SecretText) else value
        sealed = ring.seal(_encoded(plain), _additional(place, key, version))
        rows.append(
            {
                "owner_id": place.owner_id,
                "owner": place.owner.value,
                "name": place.name,
                "version": version,
                "key": key,
                "key_id": sealed.key_id,
                "nonce": sealed.nonce,
                "sealed": sealed.sealed,
                "created_at": now,
                "created_by": actor.name,
            }
        )
    await tx.run(insert(t.secret), rows)
    return version


async def _next_version(tx: Tx, place: Place) -> int:
    """One more than there ever was. The versions themselves are looked at too: a program of the revision before knows
    no counter."""
    counter = t.secret_counter
    mine = and_(counter.c.owner_id == place.owner_id, counter.c.name == place.name)
    last = await tx.value(select(counter.c.last).where(mine))
    newest = await tx.value(
        select(func.max(t.secret.c.version)).where(t.secret.c.owner_id == place.owner_id, t.secret.c.name == place.name)
    )
    version = max(last or 0, newest or 0) + 1
    if last is None:
        await tx.run(insert(counter).values(owner_id=place.owner_id, name=place.name, last=version))
    else:
        await tx.run(update(counter).where(mine).values(last=version))
    return version


async def forget(tx: Tx, owner_id: str, name: str | None = None) -> int:
    """Removes every version of a secret, or of all secrets of an owner that is gone. The number of a single one is
    kept: a roll-back to a version that was removed must find nothing, and not what was set since."""
    condition = t.secret.c.owner_id == owner_id
    if name is not None:
        condition = condition & (t.secret.c.name == name)
    else:
        await tx.run(delete(t.secret_counter).where(t.secret_counter.c.owner_id == owner_id))
    return await tx.run(delete(t.secret).where(condition))


async def credentials(tx: Tx, cluster_id: str) -> SecretText:
    """The kubeconfig of a cluster. Raises McdError: not_found, unavailable (no key)."""
    place = kubeconfig_of(cluster_id)
    found = await _open(tx, place, None)
    if KUBECONFIG_KEY not in found:
        raise McdError(
            Code.NOT_FOUND, "the cluster has no credential.", "Give it one: `mcd cluster set NAME --kubeconfig FILE`."
        )
    return found[KUBECONFIG_KEY]


MADE = "/generated/"
"""Before the name of a variable whose value is made once: no secret of a person's has a slash in its name."""

_CHARACTERS = string.ascii_letters + string.digits


def _made(app: Row, variable: str) -> Place:
    return Place(Noun.APP, app["id"], app["product_line_id"], MADE + variable)


async def made_values(tx: Tx, app_id: str, variables: Iterable[str]) -> dict[str, SecretText]:
    """Those of these variables whose value was made before. Raises McdError unavailable."""
    app = await tx.row(select(t.app.c.id, t.app.c.product_line_id).where(t.app.c.id == app_id))
    found = {} if app is None else {name: await _open(tx, _made(app, name), None) for name in sorted(variables)}
    return {name: values[name] for name, values in found.items() if values}


async def make_once(tx: Tx, now: datetime, app_id: str, lengths: Mapping[str, int]) -> dict[str, SecretText]:
    """The values of these variables, each made now if it never was: `lengths` is variable → characters. It is stored
    before anybody is told it, and whoever else wants it at this moment waits at the row of the App. Raises McdError
    not_found (the App is gone), unavailable."""
    app = await _locked(tx, app_id)
    found = await made_values(tx, app_id, lengths)
    for name in sorted(set(lengths) - set(found)):
        found[name] = await _make(tx, now, events.MCD, app, name, lengths[name])
        _tell_made(tx, now, events.MCD, app, name, Note.SECRET_GENERATED)
    return found


async def make_again(tx: Tx, now: datetime, actor: Actor, app_id: str, variable: str, length: int | None) -> int:
    """Puts a new value in the place of one that was made, as long as that one where `length` is None, and answers its
    version. Raises McdError not_found (nothing was made), unavailable."""
    app = await _locked(tx, app_id)
    found = await made_values(tx, app_id, [variable])
    if variable not in found:
        raise McdError(Code.NOT_FOUND, f'nothing was generated as "{echo(variable)}".', "See `mcd secret list`.")
    await _make(tx, now, actor, app, variable, length or len(found[variable].reveal()))
    _tell_made(tx, now, actor, app, variable, Note.SECRET_GENERATED_ANEW)
    return (await made(tx, [app_id]))[app_id][variable]


async def _locked(tx: Tx, app_id: str) -> Row:
    alive = (
        select(t.app.c.id, t.app.c.name, t.app.c.product_line_id, t.product_line.c.name.label("line"))
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .where(t.app.c.id == app_id, t.app.c.gone_at.is_(None))
    )
    app = await tx.row(alive.with_for_update(of=t.app))
    if app is None:
        raise McdError(Code.NOT_FOUND, "the App is gone, so nothing is generated for it.")
    return app


def _tell_made(tx: Tx, now: datetime, actor: Actor, app: Row, variable: str, note: Note) -> None:
    events.append(
        tx, now, actor, EventKind.SECRET_SET, say(note, name=variable),
        noun=Noun.APP, name=app["name"], product_line=app["line"], app=app["name"], data={"secret": variable},
    )  # fmt: skip


async def _make(tx: Tx, now: datetime, actor: Actor, app: Row, variable: str, length: int) -> SecretText:
    value = SecretText("".join(choice(_CHARACTERS) for _ in range(length)))
    await store(tx, now, actor, _made(app, variable), {variable: value})
    return value


_MADE_FOR = OfMany(
    lambda among: (
        select(t.secret.c.owner_id, t.secret.c.key, func.max(t.secret.c.version).label("version"))
        .where(among(t.secret.c.owner_id, "app"), t.secret.c.name.startswith(MADE, autoescape=True))
        .group_by(t.secret.c.owner_id, t.secret.c.key)
    )
)


async def made(tx: Tx, app_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """App id → variable → version of the value that was made for it."""
    found: dict[str, dict[str, int]] = {}
    for row in await tx.ask_of(_MADE_FOR, app=sorted(app_ids)):
        found.setdefault(row["owner_id"], {})[row["key"]] = row["version"]
    return found


async def cluster_name(tx: Tx, cluster_id: str) -> str:
    """What people call a cluster; empty for one that is gone."""
    return str(await tx.value(select(t.cluster.c.name).where(t.cluster.c.id == cluster_id)) or "")


async def secret_values(
    tx: Tx,
    app_id: str,
    names: Iterable[str],
    *,
    versions: Mapping[str, int] | None = None,
    of_line: bool = False,
) -> dict[str, dict[str, SecretText]]:
    """Name → key → value, for the apply step: of the App, or of its product line. Without a version the newest one.

    Raises McdError: not_found (reason SecretMissing, names the secret), unavailable (KeyRingMissing, KeyMissing,
    SecretUnreadable)."""
    line_id = await tx.value(select(t.app.c.product_line_id).where(t.app.c.id == app_id))
    owner, owner_id = (Noun.PRODUCT_LINE, line_id) if of_line else (Noun.APP, app_id)
    return {name: await _found(tx, Place(owner, owner_id, line_id, name), (versions or {}).get(name)) for name in names}


async def line_values(tx: Tx, line_id: str, name: str, version: int) -> dict[str, SecretText]:
    """Key → value of one version of a product line's secret, for the apply step. Raises as `secret_values`."""
    return await _found(tx, Place(Noun.PRODUCT_LINE, line_id, line_id, name), version)


async def _found(tx: Tx, place: Place, version: int | None) -> dict[str, SecretText]:
    values = await _open(tx, place, version)
    if not values:
        which = f"version {version} of the secret" if version else "the secret"
        raise McdError(
            Code.NOT_FOUND, f'there is no {which} "{place.name}".', "Set it: `mcd secret set`.", reason="SecretMissing"
        )
    return values


async def _open(tx: Tx, place: Place, version: int | None) -> dict[str, SecretText]:
    mine = and_(t.secret.c.owner_id == place.owner_id, t.secret.c.name == place.name)
    wanted: Any = version
    if version is None:
        wanted = select(func.max(t.secret.c.version)).where(mine).scalar_subquery()
    rows = await tx.rows(select(t.secret).where(mine, t.secret.c.version == wanted).order_by(t.secret.c.key))
    if not rows:
        return {}
    ring = _ring(tx)
    return {row["key"]: SecretText(_unsealed(ring, place, row).decode()) for row in rows}


def _unsealed(ring: KeyRing, place: Place, row: Row) -> bytes:
    sealed = Sealed(row["key_id"], row["nonce"], row["sealed"])
    try:
        return ring.open(sealed, _additional(place, row["key"], row["version"]))
    except KeyMissing:
        raise McdError(
            Code.UNAVAILABLE,
            f'the secret "{place.name}" was sealed with key {row["key_id"]}, which is not in the key ring.',
            "Put that key back into the file; nothing that is stored was changed.",
            reason="KeyMissing",
        ) from None
    except SealBroken:
        raise McdError(
            Code.UNAVAILABLE,
            f'the secret "{place.name}", key "{row["key"]}": what is stored does not belong there.',
            "Somebody changed the database. Set the secret again, and find out who.",
            reason="SecretUnreadable",
        ) from None


async def rotate(db: Database, batch: int = 200) -> int:
    """Seals every value again that is not under the newest key, in small transactions while all else goes on. Answers
    how many. When it returned, keys but the newest may be removed from the file. Raises McdError unavailable."""
    done = 0
    while True:
        async with db.writing() as tx:
            ring = _ring(tx)
            rows = await tx.rows(
                select(t.secret, t.app.c.product_line_id)
                .join(t.app, t.app.c.id == t.secret.c.owner_id, isouter=True)
                .where(t.secret.c.key_id != ring.newest)
                .limit(batch)
            )
            for row in rows:
                await _again(tx, ring, row)
        done += len(rows)
        if len(rows) < batch:
            return done


async def _again(tx: Tx, ring: KeyRing, row: Row) -> None:
    owner = Noun(row["owner"])
    line_id = {Noun.APP: row["product_line_id"], Noun.PRODUCT_LINE: row["owner_id"]}.get(owner, "")
    place = Place(owner, row["owner_id"], line_id, row["name"])
    sealed = ring.seal(_unsealed(ring, place, row), _additional(place, row["key"], row["version"]))
    keys = ("owner_id", "name", "version", "key", "key_id")
    await tx.run(
        update(t.secret)
        .where(*(t.secret.c[name] == row[name] for name in keys))
        .values(key_id=sealed.key_id, nonce=sealed.nonce, sealed=sealed.sealed)
    )


async def keys_in_use(tx: Tx) -> dict[str, int]:
    """Key id → number of values sealed under it: what must stay in the file."""
    rows = await tx.rows(select(t.secret.c.key_id, func.count().label("count")).group_by(t.secret.c.key_id))
    return {row["key_id"]: row["count"] for row in rows}


@dataclass(frozen=True, slots=True)
class Unopenable:
    """Values whose keys are not in the ring: how many, and the ids of those keys."""

    values: int
    keys: tuple[str, ...]

    def __str__(self) -> str:
        keys = "key" if len(self.keys) == 1 else "keys"
        return (
            f"{self.values} values cannot be opened: they are sealed with {keys} {', '.join(self.keys)}, "
            "not in the key ring. Put a file with it back from your backup (MCD_SECRET_KEYS_FILE), and restart."
        )


async def unopenable(tx: Tx, ring: KeyRing) -> Unopenable | None:
    """What this ring does not open, or None when it opens all. One query."""
    lost = {key: count for key, count in (await keys_in_use(tx)).items() if key not in ring.ids}
    return Unopenable(sum(lost.values()), tuple(sorted(lost))) if lost else None


def named(owner_id: str) -> Any:
    """A query for the names, keys and newest versions of an owner's secrets: never a value."""
    newest = (
        select(t.secret.c.name, func.max(t.secret.c.version).label("version"))
        .where(t.secret.c.owner_id == owner_id)
        .group_by(t.secret.c.name)
        .subquery()
    )
    return (
        select(t.secret.c.name, t.secret.c.version, t.secret.c.key)
        .join(newest, and_(newest.c.name == t.secret.c.name, newest.c.version == t.secret.c.version))
        .where(t.secret.c.owner_id == owner_id)
        .order_by(t.secret.c.name, t.secret.c.key)
    )


def _ring(tx: Tx) -> KeyRing:
    if tx.keyring is None:
        raise McdError(
            Code.UNAVAILABLE,
            "the key ring is missing, so secrets can be neither read nor set.",
            "Put the file of MCD_SECRET_KEYS_FILE back; nothing that is stored was changed.",
            reason="KeyRingMissing",
        )
    return tx.keyring


def _encoded(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise McdError(Code.INVALID, "the value of the secret is not text.", "Encode binary data as base64.") from None
