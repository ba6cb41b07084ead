"""A push and the status name the same addresses, at whatever port people reach the gateway."""

from __future__ import annotations

import httpx
import pytest

from tests.api.git.world import APP_YAML, Site, pushed

DOMAINS = "[shop.example.com, {host: api.example.com, path: /api}]"


@pytest.mark.parametrize(
    ("port", "scheme", "suffix"), [(80, "http", ""), (443, "https", ""), (8081, "http", ":8081")], ids=str
)
async def test_a_push_names_the_addresses_that_the_status_names(
    here: Site, port: int, scheme: str, suffix: str
) -> None:
    here.runtime.settings = here.runtime.settings.model_copy(update={"gateway_port": port})
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML.replace("8080}", f"8080, domains: {DOMAINS}}}")})
    said = await pushed(here, clone)
    headers = {"Authorization": f"Bearer {here.tokens['alice']}"}
    async with httpx.AsyncClient(base_url=here.url, headers=headers) as client:
        status = (await client.get("/api/v1/apps/shop/status")).json()
    (web,) = status["components"]
    assert web["urls"][0].startswith(f"{scheme}://shop.")
    assert web["urls"][0].endswith(f"{suffix}/")
    assert web["urls"][1:] == [f"{scheme}://shop.example.com{suffix}/", f"{scheme}://api.example.com{suffix}/api"]
    assert said[-1].startswith(f"Ready: {', '.join(web['urls'])} in ")
