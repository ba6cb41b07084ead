"""Every page and form × every person: nobody is sent to sign in, who may not see a thing is told it is not there, and
nothing that anybody sends is a blank page or an error of the server."""

from __future__ import annotations

import pytest

from mcd.api.access import RouteFact
from mcd.model import Verb
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARTS = {
    "digest": "0" * 16, "name": "mcd.css", "token": "ghost", "session": "ghost", "number": "1", "revision": "0",
    "cluster": "local", "pool": "ghost", "component": "web", "pod": "ghost", "secret": "ghost", "page": "ghost",
    "rollout": "1", "kind": "ConfigMap", "path": "ghost", "release": "1", "variable": "GHOST",
}  # fmt: skip
ENDLESS = ("/live", "/follow", "/stream")


def facts(site: Site) -> list[tuple[str, RouteFact]]:
    return [
        (method, fact)
        for fact in site.api.app.state.routes
        if fact.operation_id.startswith("portal_")
        for method in sorted(fact.methods - {"WEBSOCKET"})
        if not fact.path.endswith(ENDLESS)
    ]


def address(fact: RouteFact, app: str, line: str) -> str:
    path = fact.path.replace(":path", "")
    return path.format_map({**PARTS, "app": app, "line": line, "person": "dora"})


async def test_nobody_is_sent_to_sign_in_and_never_gets_a_page(site: Site) -> None:
    async with site.api.as_("", Accept="text/html") as client:
        for method, fact in facts(site):
            if fact.verb is None:
                continue
            answer = await client.request(method, address(fact, "own-dora", "demo"), data={})
            if method == "GET":
                assert answer.status_code == 303, fact.path
                assert answer.headers["location"].startswith("/login"), fact.path
            else:
                assert answer.status_code == 401, fact.path
                assert "You are not signed in" in answer.text


async def test_what_one_may_not_see_is_not_there(site: Site) -> None:
    named = [(m, f) for m, f in facts(site) if "{app}" in f.path or "{line}" in f.path]
    assert named
    async with site.api.as_("dora", Accept="text/html") as client:
        for method, fact in named:
            form = {"data": {}} if method == "POST" else {}
            hidden = await client.request(method, address(fact, "alien", "other"), **form)
            absent = await client.request(method, address(fact, "ghost", "ghost"), **form)
            assert hidden.status_code == absent.status_code == 404, (method, fact.path, hidden.text[:2000])


async def test_a_viewer_changes_nothing(site: Site) -> None:
    async with site.api.as_("vera", Accept="text/html") as client:
        for method, fact in facts(site):
            if method != "POST" or fact.verb in (None, Verb.READ):
                continue
            answer = await client.post(address(fact, "own-dora", "demo"), data={"digest": "0"})
            assert answer.status_code == 403, (fact.path, answer.status_code)
            assert "your role there is viewer" in answer.text or "needs an admin" in answer.text, fact.path


@pytest.mark.parametrize("person", ["root", "olaf", "vera", "nina"])
async def test_no_address_and_no_form_makes_the_server_fail(site: Site, person: str) -> None:
    async with site.api.as_(person, Accept="text/html") as client:
        for method, fact in facts(site):
            if fact.operation_id == "portal_sign_out":
                continue
            for form in ({}, {"x": "y"}, {"digest": "\u202e<b>", "role": "'", "days": "-1", "name": "\x00"}):
                if method == "GET" and form:
                    continue
                more = {"data": form} if method == "POST" else {}
                answer = await client.request(method, address(fact, f"own-{person}", "demo"), **more)
                assert answer.status_code < 500 or answer.status_code == 503, (method, fact.path, answer.text[:3000])
                if answer.status_code >= 400 and "text/html" in answer.headers.get("content-type", ""):
                    assert "<h1" in answer.text or 'role="alert"' in answer.text, (method, fact.path)
