"""The key ring changes while people are signed in and fill in forms: a key is added, later the old one is taken away.

`old`, `both` and `new` are processes with the ring before, between and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import httpx
import pytest
from pydantic import SecretStr

from mcd.api.app import create_app
from mcd.api.sealing import seal, session_keys, unseal
from mcd.store.keyring import KeyRing
from tests.api.client import PASSWORD, Api
from tests.portal.previews import Preview

KEYS = (("k2", b"2" * 32), ("k1", b"1" * 32))
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


def _with(api: Api, *keys: tuple[str, bytes]) -> Api:
    """Another process on the same database. What is stored was sealed with none of them: only the API is told."""
    db = api.world.runtime.db
    stored = db.keyring
    db.keyring = KeyRing(keys)
    app = create_app(api.world.runtime)
    db.keyring = stored
    return dataclasses.replace(api, app=app)


@pytest.fixture
def old(api: Api) -> Api:
    return _with(api, KEYS[1])


@pytest.fixture
def both(api: Api, old: Api) -> Api:
    return _with(api, *KEYS)


async def _signed_in(api: Api) -> str:
    async with api.as_("") as client:
        await client.post("/api/v1/sessions", json={"name": "dora", "password": PASSWORD})
        return client.cookies["mcd"]


async def _is_in(api: Api, cookie: str) -> bool:
    async with api.as_("", Cookie=f"mcd={cookie}") as client:
        answer = await client.get("/api/v1/whoami")
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def test_who_is_signed_in_stays_so_when_a_key_is_added(old: Api, both: Api) -> None:
    cookie = await _signed_in(old)
    assert await _is_in(both, cookie)


async def test_who_signed_in_since_stays_so_when_the_old_key_is_taken_away(api: Api, old: Api, both: Api) -> None:
    before, since = await _signed_in(old), await _signed_in(both)
    new = _with(api, KEYS[0])
    assert await _is_in(new, since)
    assert not await _is_in(new, before), "a key that leaked is worth nothing once it is gone"


async def _sent(api: Api, path: str, fields: Sequence[tuple[str, str]]) -> Preview:
    async with api.as_("olaf", **FORM) as client:
        return Preview(await client.post(path, content=str(httpx.QueryParams(tuple(fields)))))


async def test_a_secret_in_a_preview_is_set_after_the_key_changed(api: Api, old: Api, both: Api) -> None:
    path = "/apps/own-olaf/settings/secret"
    preview = await _sent(old, path, [("name", "db"), ("lines", "PASSWORD=hunter2")])
    assert preview.fields, preview.text
    done = await _sent(both, preview.action, preview.fields)
    assert done.status == 303, done.text
    late = await _sent(old, path, [("name", "db"), ("lines", "PASSWORD=hunter3")])
    refused = await _sent(_with(api, KEYS[0]), late.action, late.fields)
    assert refused.status == 422
    assert refused.says("the preview of this secret is not good any more. Nothing was changed.")


def test_what_is_sealed_is_opened_by_any_of_the_keys_for_what_it_was_sealed_for() -> None:
    first, second = b"1" * 32, b"2" * 32
    sealed = seal(first, b"what", b"mine")
    assert unseal((second, first), sealed, b"mine") == (b"what", first)
    for keys, bound, text in (
        ((second,), b"mine", sealed),
        ((first,), b"yours", sealed),
        ((first,), b"mine", sealed[:-4]),
        ((first,), b"mine", ""),
        ((first,), b"mine", "a"),
        ((first,), b"mine", "中"),
    ):
        with pytest.raises(ValueError):
            unseal(keys, text, bound)


async def test_the_setting_is_used_alone(api: Api) -> None:
    runtime = api.world.runtime
    assert session_keys(runtime) == session_keys(runtime) != ("mine",), "the same in every process"
    given = runtime.settings.model_copy(update={"session_secret": SecretStr("mine")})
    assert session_keys(dataclasses.replace(runtime, settings=given)) == ("mine",)
