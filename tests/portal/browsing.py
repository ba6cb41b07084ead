"""A person at a browser: a real Chromium before the real server.

Whatever page a `Visitor` opens, it looks for what no page may do: fail in a script, load from another host, break the
content security policy, or hold more than one main part and one title.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from itsdangerous import TimestampSigner
from playwright.async_api import Browser, Page, Response, async_playwright

from mcd.api.access import SESSION_TOKEN
from scripts.chromium import FLAGS, environment, found
from tests.api.client import PASSWORD, Api

AXE = Path(__file__).parent / "vendor" / "axe.js"
WAIT = 10_000
"""Milliseconds after which something that should be there is missing."""

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
  (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


def chromium() -> Path:
    """Skips with a reason where it is missing, unless MCD_REQUIRE says that nothing may be skipped."""
    program = found()
    if program is None and os.environ.get("MCD_REQUIRE") == "all":
        pytest.fail("chromium must be there: MCD_REQUIRE=all. Run `make servers`.")
    if program is None:
        pytest.skip("there is no chromium: `make servers` fetches it")
    return program


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    program = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(program), args=[*FLAGS], env={**environment(program)}, headless=True
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """One person in one window."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    async def visit(self, path: str, *, status: int = 200) -> Response:
        """Opens a page and expects this status. The page is a whole one: one title, one main part, a language."""
        response = await self.page.goto(self.url + path, wait_until="load")
        assert response is not None
        assert response.status == status, f"{path} answers {response.status}: {(await response.text())[:500]}"
        await self.whole()
        return response

    async def whole(self) -> None:
        assert await self.page.locator("main").count() == 1, "not one main part"
        assert await self.page.locator("h1").count() == 1, "not one h1"
        levels = await self.page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(h => Number(h.tagName[1]))")
        assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False)), levels
        assert not self.wrong, self.wrong

    async def axe(self) -> None:
        """Nothing that a reader of the screen, of the keyboard or of strong contrast would stumble over."""
        await self.page.evaluate(AXE.read_text("utf-8"))
        result = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        said = [
            f"{found['id']}: {node['html'][:200]} {json.dumps(node.get('any', [])[:1])[:300]}"
            for found in result["violations"]
            for node in found["nodes"]
        ]
        assert not said, "\n".join(said)

    async def fits(self) -> None:
        """Nothing makes the page wider than the window."""
        width = await self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert width[0] <= width[1], f"the page is {width[0]} wide in a window of {width[1]}"

    async def policy_kept(self) -> None:
        assert await self.page.evaluate("window.violations || []") == []

    async def text(self, selector: str = "main") -> str:
        return await self.page.inner_text(selector)


@dataclass
class Site:
    """The server with its people, and the browser before it."""

    api: Api
    url: str
    browser: Browser
    visitors: list[Visitor] = field(default_factory=list)

    @asynccontextmanager
    async def visitor(
        self,
        person: str = "dora",
        *,
        language: str = "en-GB",
        width: int = 1280,
        scripts: bool = True,
        dark: bool = False,
    ) -> AsyncIterator[Visitor]:
        """A window of somebody who is signed in already; of nobody with `""`."""
        context = await self.browser.new_context(
            locale=language,
            viewport={"width": width, "height": 800},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(WAIT)
        if person:
            await context.add_cookies([self._cookie(person)])
        if scripts:
            await context.add_init_script(_WATCH)
        page = await context.new_page()
        visitor = Visitor(page, self.url)
        self._listen(visitor)
        try:
            yield visitor
            if scripts:
                await visitor.policy_kept()
            assert not visitor.wrong, visitor.wrong
        finally:
            await context.close()
        assert list(self.api.app.state.csp_reports) == []

    def _listen(self, visitor: Visitor) -> None:
        host = urlsplit(self.url).netloc

        def asked(request: Any) -> None:
            if urlsplit(request.url).scheme in ("http", "https", "ws") and urlsplit(request.url).netloc != host:
                visitor.wrong.append(f"another host was asked: {request.url}")

        def said(message: Any) -> None:
            # A refusal that the page asked for is told by the browser too.
            if message.type == "error" and "Failed to load resource" not in message.text:
                visitor.wrong.append(f"the console: {message.text}")

        visitor.page.on("request", asked)
        visitor.page.on("console", said)
        visitor.page.on("pageerror", lambda error: visitor.wrong.append(f"a script failed: {error}"))

    async def sign_in(self, visitor: Visitor, person: str) -> None:
        """By name and password, as a person does it; a window of `visitor()` has signed in with a token."""
        await visitor.visit("/login")
        await visitor.page.get_by_label("User name").fill(person)
        await visitor.page.get_by_label("Password").fill(PASSWORD)
        await visitor.page.get_by_role("button", name="Sign in", exact=True).click()
        await visitor.page.wait_for_url(f"{self.url}/")

    def _cookie(self, person: str) -> Any:
        """The cookie that signing in with a token sets: a password takes the server a second to look at."""
        held = b64encode(json.dumps({SESSION_TOKEN: self.api.tokens[person]}).encode())
        value = TimestampSigner(self.api.app.state.session_keys[0]).sign(held).decode()
        return {"name": "mcd", "value": value, "url": self.url, "httpOnly": True, "sameSite": "Lax"}
