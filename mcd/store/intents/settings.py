"""Wishes that change Settings: each makes a numbered revision, and a Rollout when something runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from mcd.errors import Code, McdError, echo
from mcd.model import Actor, EventKind, Noun, Settings, Trigger, Verb
from mcd.model.why import Note, Told, Value, say, told
from mcd.store import events, names
from mcd.store import tables as t
from mcd.store.intents.shape import bounded, merged
from mcd.store.intents.written import check_configs, check_env
from mcd.store.lookup import expect, find_app, not_going
from mcd.store.nouns import Row, settings_of
from mcd.store.rolling import Wanted, add, live_of, newest_settings
from mcd.store.tx import Tx

COMPONENT_KEYS = ("replicas",)
"""What Settings may override of a component so far (app-yaml 4.3)."""

REPLICAS_LIMIT = 500
"""As in app.yaml."""


async def change_settings(
    actor: Actor,
    tx: Tx,
    now: datetime,
    app: str,
    *,
    changes: Mapping[str, Any],
    base_revision: int | None = None,
) -> Settings:
    """A merge patch of `components`, `env` and `configs`: what is not named stays, None takes away. No difference: the
    newest revision is answered and nothing happens. `base_revision` is the revision that was read. Raises McdError
    precondition, invalid, too_large, not_found, forbidden."""
    verb = _verb(changes)
    act = "change settings in" if verb is Verb.SET else ""
    row = await find_app(actor, tx, verb, app, lock=True, act=act)
    not_going(Noun.APP, app, row)
    newest = await _newest(tx, row)
    expect(Noun.SETTINGS, app, base_revision, newest["revision"])
    _check(changes)
    values = bounded("settings", _tidy(merged(newest["values"], changes)))
    if values == newest["values"]:
        return settings_of(newest, app)
    return await revise(actor, tx, now, row, values, _said(changes))


async def revise(actor: Actor, tx: Tx, now: datetime, app: Row, values: Mapping[str, Any], said: Value) -> Settings:
    """Writes the next revision, and a Rollout of the live Release with it. The caller holds the lock on the App."""
    revision = await newest_settings(tx, app["id"]) + 1
    await tx.run(
        insert(t.settings).values(
            app_id=app["id"], revision=revision, values=dict(values), created_at=now, created_by=actor.name
        )
    )
    events.append(
        tx,
        now,
        actor,
        EventKind.CHANGED,
        say(Note.SETTINGS_CHANGED, revision=revision, app=app["name"], what=said),
        noun=Noun.SETTINGS,
        name=app["name"],
        product_line=app["line"],
        app=app["name"],
        data={"revision": revision},
    )
    live = await live_of(tx, app["id"])
    if live is not None:
        await add(tx, now, actor, app, Wanted(live["release"], revision, Trigger.SETTINGS))
    return settings_of(await _newest(tx, app), app["name"])


async def _newest(tx: Tx, app: Row) -> Row:
    revision = await newest_settings(tx, app["id"])
    row = await tx.row(select(t.settings).where(t.settings.c.app_id == app["id"], t.settings.c.revision == revision))
    assert row is not None
    return row


def _verb(changes: Mapping[str, Any]) -> Verb:
    """How many pods run is a matter of deploying; whatever else Settings come to hold is not."""
    components = changes.get("components", {})
    parts = components.values() if isinstance(components, Mapping) else [None]
    scales = set(changes) <= {"components"} and all(isinstance(p, Mapping) and set(p) <= {"replicas"} for p in parts)
    return Verb.DEPLOY if scales else Verb.SET


def _check(changes: Mapping[str, Any]) -> None:
    for word, value in changes.items():
        if word == "secrets":
            raise McdError(Code.INVALID, "secrets are not set here.", "Use `mcd secret set`.")
        if word not in ("components", "env", "configs"):
            raise McdError(Code.INVALID, f'settings: there is no "{echo(word)}".', "Use components, env or configs.")
        if not isinstance(value, Mapping):
            raise McdError(Code.INVALID, f"settings: {word} is not a mapping.", "Write names and values.")
    check_env(changes.get("env", {}))
    check_configs(changes.get("configs", {}))
    for name, component in changes.get("components", {}).items():
        _check_component(name, component)


def _check_component(name: str, component: Any) -> None:
    names.check_part("a component", name)
    if component is None:
        return
    if not isinstance(component, Mapping):
        raise McdError(Code.INVALID, f"components.{name} is not a mapping.", "Write components.NAME.replicas.")
    for key, value in component.items():
        where = f"components.{name}.{echo(str(key))}"
        if key not in COMPONENT_KEYS:
            raise McdError(Code.INVALID, f"{where}: not supported.", f"Use one of: {', '.join(COMPONENT_KEYS)}.")
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise McdError(Code.INVALID, f"{where}: this is not a count.", f"Use 0 to {REPLICAS_LIMIT}.")
        if not 0 <= value <= REPLICAS_LIMIT:
            shown = echo(str(value), 12)
            raise McdError(Code.INVALID, f"{where}: {shown} is out of range.", f"Use 0 to {REPLICAS_LIMIT}.")


def _tidy(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing: a component without overrides, an empty mapping."""
    kept = {word: {name: c for name, c in values.get(word, {}).items() if c} for word in ("components", "configs")}
    return {word: value for word, value in {**values, **kept}.items() if value}


def _said(changes: Mapping[str, Any]) -> tuple[Told, ...]:
    """What changed, by name."""
    parts = []
    for name, component in changes.get("components", {}).items():
        replicas = (component or {}).get("replicas")
        as_file = told(Note.REPLICAS_AS_FILE, component=name)
        parts.append(as_file if replicas is None else told(Note.REPLICAS_OF, n=replicas, component=name))
    for name, value in changes.get("env", {}).items():
        parts.append(told(Note.ENV_EMPTIED if value is None else Note.ENV_FILLED, name=name))
    for name, texts in changes.get("configs", {}).items():
        removed = told(Note.CONFIG_REMOVED, name=name)
        parts.append(removed if texts is None else told(Note.CONFIG_SET, name=name, keys=", ".join(texts)))
    return tuple(parts[:20]) or (told(Note.NO_CHANGE),)
