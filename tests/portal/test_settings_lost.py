"""The form of a variable asks, as the API does, whether what runs still needs it: nothing is emptied under it."""

from __future__ import annotations

import pytest

from tests.api.test_settings import REQUIRES
from tests.portal.browsing import Site
from tests.portal.previews import send

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("form", [{"unset": "yes"}, {"value": ""}])
async def test_a_variable_that_what_runs_needs_is_not_emptied(living: Site, form: dict[str, str]) -> None:
    api = living.api
    await api.post("/api/v1/apps", {"name": "hello", "product_line": "demo"})
    filled = await api.ask("PATCH", "/api/v1/apps/hello/settings", {"env": {"SITE_NAME": "Harbour"}}, "olaf")
    assert filled.status_code == 200, filled.text
    await api.deployed(REQUIRES)
    answer = await send(living, "/apps/hello/settings/env", {"name": "SITE_NAME", **form}, "olaf")
    assert answer.status == 409
    assert answer.says("env.SITE_NAME is in use by hello (components.web.env.SITE_NAME)")
    assert "digest" not in dict(answer.fields), "there is nothing to confirm"
