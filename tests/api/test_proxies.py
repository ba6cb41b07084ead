"""Who asks, behind a gateway: what a proxy that is trusted says, and nothing that a client says of itself."""

from __future__ import annotations

import httpx
import pytest
from pydantic import ValidationError

from mcd.api.server import server
from mcd.api.throttle import Rates, Throttle
from mcd.settings import Environment
from mcd.store.accounts import ATTEMPTS
from tests.api.client import PASSWORD, URL, Api

GATEWAY = "10.88.3.7"
PATHS = {"/login": 200, "/api/v1/apps/own-dora": 401}
"""A page, and what is answered before the routes are tried, with a token that is none."""

MANY = 5
"""Of two a minute: one more may pass where a minute ends between them."""


def serving(api: Api, proxies: str, peer: str) -> httpx.ASGITransport:
    """The server as `mcd serve` makes it, asked by `peer`."""
    config = server(api.app, proxies=Environment(trusted_proxies=proxies).proxies).config
    config.load()
    return httpx.ASGITransport(config.loaded_app, client=(peer, 4711))


async def last(api: Api, proxies: str, peer: str, path: str, forwarded: list[str]) -> int:
    """The status of the last of these anonymous requests, of which one address may make two a minute."""
    api.app.state.throttle = Throttle(Rates(address=2))
    transport = serving(api, proxies, peer)
    async with httpx.AsyncClient(transport=transport, base_url=URL, headers={"Accept": "text/html"}) as client:
        if path.startswith("/api"):
            client.headers["Authorization"] = "Bearer mcd_pat_nobody"
        found = [(await client.get(path, headers={"X-Forwarded-For": each})).status_code for each in forwarded]
    assert found[0] == PATHS[path]
    return found[-1]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("proxies", [GATEWAY, "192.0.2.9 10.88.3.0/24"])
async def test_one_behind_a_gateway_takes_nothing_from_another(api: Api, proxies: str, path: str) -> None:
    one = ["203.0.113.1"] * MANY
    assert await last(api, proxies, GATEWAY, path, one) == 429
    assert await last(api, proxies, GATEWAY, path, [*one, "203.0.113.2"]) == PATHS[path]


@pytest.mark.parametrize("path", PATHS)
async def test_who_is_no_trusted_proxy_does_not_choose_its_address(api: Api, path: str) -> None:
    chosen = [f"203.0.113.{number}" for number in range(MANY)]
    assert await last(api, "", GATEWAY, path, chosen) == 429, "nobody is trusted where nothing is set"
    assert await last(api, GATEWAY, "10.88.3.8", path, chosen) == 429, "it came past the gateway"
    behind = [f"{each}, 203.0.113.200" for each in chosen]
    assert await last(api, GATEWAY, GATEWAY, path, behind) == 429, "the gateway wrote the last one"


async def test_wrong_passwords_of_one_behind_a_gateway_keep_nobody_else_behind_it_out(api: Api) -> None:
    async with httpx.AsyncClient(transport=serving(api, GATEWAY, GATEWAY), base_url=URL) as client:

        async def tried(password: str, behind: str) -> int:
            wish = {"name": "dora", "password": password}
            return (await client.post("/api/v1/sessions", json=wish, headers={"X-Forwarded-For": behind})).status_code

        wrong = [await tried("guessed", "203.0.113.1") for _ in range(ATTEMPTS + 1)]
        assert wrong == [401] * ATTEMPTS + [429]
        assert await tried(PASSWORD, "203.0.113.1") == 429
        assert await tried(PASSWORD, "203.0.113.2") == 201


async def test_what_the_environment_of_the_server_says_trusts_nobody(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    chosen = [f"203.0.113.{number}" for number in range(MANY)]
    assert await last(api, "", GATEWAY, "/login", chosen) == 429


@pytest.mark.parametrize(
    "text", ["*", "gateway.example.com", "10.88.3.7/16", "10.88.3.7,10.88.3.8", "0.0.0.0/0", "::/0"]
)
async def test_what_names_no_proxy_is_refused_before_anything_starts(text: str) -> None:
    with pytest.raises(ValidationError, match=r"neither an address nor a network|could then choose any address"):
        Environment(trusted_proxies=text)
