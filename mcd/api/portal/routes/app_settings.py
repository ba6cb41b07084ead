"""/apps/{app}/settings: what is set, changed after a preview, and how it came to be so.

The same wishes as `mcd settings` and `mcd secret` make. A secret's value goes from the form to the store: between the
preview and its confirmation it lies sealed in the form, bound to the person, the App and a few minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form
from fastapi.responses import Response
from pydantic import Field, StringConstraints
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf, Setter
from mcd.api.pages import Piece
from mcd.api.paths import AppName
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import top
from mcd.api.portal.routes.app_plans import Confirmed, Wish, preview
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_act import Plan
from mcd.api.portal.views.app_settings import Secret, back_to, lines_of, settings_page
from mcd.api.portal.views.typed import typed
from mcd.api.portal.words import n_
from mcd.api.sealing import keys_for, seal, unseal
from mcd.api.secret_uses import Loss, refuse_loss_of_settings, refuse_what_breaks
from mcd.api.variables import asked, refuse_unasked
from mcd.api.wishes import Key, Name, VariableName
from mcd.errors import Code, McdError
from mcd.model import Actor, SecretText
from mcd.store import intents, reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

router = pages()

REVISIONS = 20
SEALED_SECONDS = 15 * 60
"""For how long a preview with a secret in it can be confirmed."""

Yes = Annotated[str, StringConstraints(pattern=r"^(yes)?$")]


class EnvForm(Confirmed):
    name: VariableName
    value: Annotated[str, StringConstraints(max_length=32768)] = ""
    unset: Yes = ""


class ConfigForm(Confirmed):
    name: Name
    key: Annotated[str, StringConstraints(max_length=253, pattern=r"^[-._a-zA-Z0-9]*$")] = ""
    text: Annotated[str, StringConstraints(max_length=262144)] = ""
    unset: Yes = ""


class SecretForm(Confirmed):
    name: Key
    lines: Annotated[str, StringConstraints(max_length=262144)] = ""
    sealed: Annotated[str, StringConstraints(max_length=600_000)] = ""
    unset: Yes = ""


class BackForm(Confirmed):
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)]


@router.get("/apps/{app}/settings", operation_id="portal_settings")
async def settings(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """What is set now, and every revision of it."""
    wanted = await asked(runtime, actor, app)
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/settings")
        newest = await reads.settings(actor, tx, app)
        live = await reads.live_rollout(actor, tx, app)
        named = await reads.secret_names(actor, tx, app=app)
        found = await reads.settings_history(actor, tx, app, Part(REVISIONS, part.cursor))
    view = settings_page(
        head,
        newest,
        live.settings if live is not None else None,
        wanted or (),
        [Secret(s.name, s.keys, s.version, s.generated) for s in named],
        (found.items, found.next_cursor, part.cursor is None),
    )
    return show(request, Page("app/settings.html", view, typed("mcd settings show", app)), now=runtime.now())


def _wish(app: str, word: str, title: str, changes: Mapping[str, Any], actor: Actor, **more: Any) -> Wish:
    """A change of Settings."""

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        before = await reads.settings(actor, tx, app)
        after = await intents.change_settings(actor, tx, now, app, changes=changes)
        return after.revision != before.revision

    return Wish(
        app, f"settings/{word}", title, act, label=n_("Save"), said="settings", settings_only=True,
        to=f"/apps/{app}/settings", back=f"/apps/{app}/settings", **more,
    )  # fmt: skip


@router.post("/apps/{app}/settings/env", operation_id="portal_set_env")
async def set_env(
    request: Request, app: AppName, actor: Setter, runtime: RuntimeOf, form: Annotated[EnvForm, Form()]
) -> Response:
    """Fills in a variable that app.yaml calls required, or empties it."""
    value = None if form.unset else form.value.replace("\r\n", "\n")
    await refuse_unasked(runtime, actor, app, {form.name: value})
    changes = {"env": {form.name: value}}
    if not value:
        await refuse_loss_of_settings(runtime, actor, app, f"env.{form.name}", changes)
    command = typed("mcd settings unset", f"env.{form.name}", "-a", app)
    if not form.unset:
        command = typed("mcd settings set", app, f"env.{form.name}=…")
    wish = _wish(
        app, "env", n_("Empty %(name)s") if form.unset else n_("Fill in %(name)s"), changes, actor, command=command,
        values={"name": form.name}, fields=(("name", form.name), ("value", form.value), ("unset", form.unset)),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


@router.post("/apps/{app}/settings/config", operation_id="portal_set_config")
async def set_config(
    request: Request, app: AppName, actor: Setter, runtime: RuntimeOf, form: Annotated[ConfigForm, Form()]
) -> Response:
    """Sets one text of a config map, or takes it or the whole map away."""
    if not form.key and not form.unset:
        raise McdError(Code.INVALID, "a text of a config map needs a key.", "Write its file name, such as nginx.conf.")
    text = None if form.unset else form.text.replace("\r\n", "\n")
    texts = {form.key: text} if form.key else None
    changes = {"configs": {form.name: texts}}
    what = f"configs.{form.name}" + (f".{form.key}" if form.key else "")
    if form.unset:
        await refuse_loss_of_settings(runtime, actor, app, what, changes)
    wish = _wish(
        app, "config", n_("Take %(name)s away") if form.unset else n_("Set %(name)s"), changes, actor,
        command=typed("mcd settings unset", what, "-a", app) if form.unset
        else typed("mcd settings set", app, f"{what}=@FILE"),
        values={"name": what},
        fields=(("name", form.name), ("key", form.key), ("text", form.text), ("unset", form.unset)),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


@router.post("/apps/{app}/settings/back", operation_id="portal_settings_back")
async def go_back(
    request: Request, app: AppName, actor: Setter, runtime: RuntimeOf, form: Annotated[BackForm, Form()]
) -> Response:
    """Makes a new revision with the values of an older one; secrets stay as they are."""
    async with runtime.db.reading() as tx:
        older = await reads.settings(actor, tx, app, form.revision)
        newest = await reads.settings(actor, tx, app)
    changes = back_to(older.values, newest.values)
    if changes:
        await refuse_loss_of_settings(runtime, actor, app, f"Settings {newest.revision}", changes)
    wish = _wish(
        app, "back", n_("Go back to Settings %(number)s"), changes, actor, command=typed("mcd settings history", app),
        values={"number": form.revision}, fields=(("revision", str(form.revision)),),
        notes=(n_("Secrets stay as they are now: their older values are not taken out again."),),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


# --- secrets ---------------------------------------------------------------------------------------------------------


@router.post("/apps/{app}/settings/secret", operation_id="portal_set_secret")
async def set_secret(
    request: Request, app: AppName, actor: Setter, runtime: RuntimeOf, form: Annotated[SecretForm, Form()]
) -> Response:
    """Replaces a secret by its next version, or takes it away. No value of it is ever shown."""
    keys = keys_for("mcd secret in a preview", request)
    key = keys[0]
    if form.unset:
        values: dict[str, str] = {}
    elif form.sealed:
        values, key = _opened(keys, form.sealed, actor, app, form.name, runtime.now())
    else:
        values = lines_of(form.lines)
        if not values:
            raise McdError(Code.INVALID, "a secret needs a value.", "Write KEY=VALUE, one a line.")

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        if form.unset:
            await intents.unset_secret(actor, tx, now, form.name, app=app)
        else:
            hidden = {name: SecretText(value) for name, value in values.items()}
            await intents.set_secret(actor, tx, now, form.name, hidden, app=app)
        return True

    async with runtime.db.reading() as tx:
        known = await reads.secret_names(actor, tx, app=app)
    if form.unset or any(held.name == form.name and not set(held.keys) <= set(values) for held in known):

        async def take(tx: Tx, now: datetime) -> None:
            await act(tx, now, Plan(0))

        await refuse_what_breaks(runtime, actor, Loss(f'secret "{form.name}"', "SecretInUse"), take, app=app)
    fields: tuple[tuple[str, str], ...] = (("name", form.name), ("unset", form.unset))
    told = hmac.new(key, json.dumps(values, sort_keys=True).encode(), hashlib.sha256).hexdigest()
    words = [f"{name}=…" for name in sorted(values)]
    wish = Wish(
        app, "settings/secret", n_("Take secret %(name)s away") if form.unset else n_("Set secret %(name)s"), act,
        typed("mcd secret unset", app, form.name) if form.unset else typed("mcd secret set", app, form.name, *words),
        n_("Take it away") if form.unset else n_("Set the secret"), "settings" if form.unset else "secret",
        {"name": form.name},
        fields if form.unset else (*fields, ("sealed", _sealed(key, values, actor, app, form.name, runtime.now()))),
        (*fields, ("values", told)), danger=bool(form.unset), typed=form.name if form.unset else "",
        to=f"/apps/{app}/settings", back=f"/apps/{app}/settings", settings_only=True,
        notes=() if form.unset else (n_("The whole secret is replaced: it has exactly the keys that you gave."),),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


def _sealed(key: bytes, values: Mapping[str, str], actor: Actor, app: str, name: str, now: datetime) -> str:
    text = json.dumps({"values": values, "until": now.timestamp() + SEALED_SECONDS}).encode()
    return seal(key, text, _whose(actor, app, name))


def _opened(
    keys: Sequence[bytes], sealed: str, actor: Actor, app: str, name: str, now: datetime
) -> tuple[dict[str, str], bytes]:
    """The values, and the key that they were sealed with. Raises McdError(invalid): it is not of this person and this
    secret, or too old."""
    refused = McdError(
        Code.INVALID, "the preview of this secret is not good any more. Nothing was changed.", "Fill the form in again."
    )
    try:
        text, key = unseal(keys, sealed, _whose(actor, app, name))
    except ValueError:
        raise refused from None
    held = json.loads(text)
    if now.timestamp() > held["until"]:
        raise refused
    return {str(word): str(value) for word, value in held["values"].items()}, key


def _whose(actor: Actor, app: str, name: str) -> bytes:
    return "\0".join((actor.person, app, name)).encode()
