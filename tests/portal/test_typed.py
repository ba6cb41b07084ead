"""The line for a terminal that pages show beside a button that copies it: whatever a link, a form or a colleague put
into a name, a shell reads it as that name."""

from __future__ import annotations

import ast
import asyncio
import re
from asyncio.subprocess import PIPE, STDOUT
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from mcd.api.portal.views.typed import typed
from mcd.store import intents
from tests.controllers.world import ADMIN
from tests.portal.browsing import Site
from tests.portal.previews import get, send

pytestmark = pytest.mark.asyncio(loop_scope="session")

PORTAL = Path(__file__).parents[2] / "mcd" / "api" / "portal"
EVIL = ("demo;echo owned|cat", "$(id)", "`id`", "a && b", "it's", "\u202edi;")


async def _read(page: str, name: str = "command") -> list[str]:
    """The words that a shell makes of the line. What it runs beside them says so among them."""
    found = re.search(rf'<code id="{name}">([^<]*)</code>', page)
    assert found is not None, page
    line = unescape(found[1])
    assert line.isprintable(), repr(line)
    script = f"""mcd() {{ printf '%s\\n' mcd "$@"; }}; git() {{ printf '%s\\n' git "$@"; }}; {line}"""
    shell = await asyncio.create_subprocess_exec("/bin/sh", "-c", script, stdout=PIPE, stderr=STDOUT)
    return (await shell.communicate())[0].decode().splitlines()


async def test_a_link_puts_no_command_into_the_line_that_one_copies(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        for evil in EVIL:
            shown = evil.replace("\u202e", "\\u202e")
            for path, line in (
                (f"/apps?line={quote(evil)}", ["mcd", "app", "list", "-p", shown]),
                (f"/apps?cluster={quote(evil)}", ["mcd", "app", "list", "--cluster", shown]),
                (f"/events?line={quote(evil)}", ["mcd", "events", "-p", shown]),
                (f"/events?app={quote(evil)}", ["mcd", "events", "-a", shown]),
            ):
                assert await _read((await client.get(path)).text) == line


async def test_the_name_of_a_token_is_one_word_of_the_line(site: Site) -> None:
    made = await send(site, "/tokens", {"name": "laptop; rm -rf ~", "scope": "read", "days": "7"})
    assert made.status == 200
    assert await _read(made.text) == ["mcd", "token", "create", "laptop; rm -rf ~", "--scope", "read", "--days", "7"]


async def test_a_branch_that_a_colleague_named_is_one_word_of_what_to_push(site: Site) -> None:
    runtime = site.api.world.runtime
    async with runtime.db.writing() as tx:
        await intents.create_app(
            ADMIN, tx, runtime.now(), "fresh", product_line="demo", branch="main;echo${IFS}owned|cat"
        )
    said = await _read(await get(site, "/apps/fresh"), "push")
    assert said[:2] == ["git", "push"]
    assert said[3:] == ["HEAD:main;echo${IFS}owned|cat"]


async def test_what_needs_no_quotes_has_none() -> None:
    assert typed("mcd logs", "shop/web", "--tail", 100) == "mcd logs shop/web --tail 100"


async def test_a_terminal_finds_nothing_to_obey() -> None:
    assert typed("mcd app list -p", "a\x1b[201~\nid") == r"mcd app list -p 'a\x1b[201~\x0aid'"


async def test_no_page_puts_a_line_together_by_itself() -> None:
    """The logs page alone does, of names that its address may not have with anything else than letters in them."""
    found = [
        f"{file.name}:{node.lineno}"
        for file in sorted(PORTAL.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
        and isinstance(node.values[0], ast.Constant)
        and str(node.values[0].value).startswith(("mcd ", "git "))
    ]
    assert found == []
    together = re.compile(r'"(?:mcd|git) [^"]*" ~')
    assert [f.name for f in sorted(PORTAL.rglob("*.html")) if together.search(f.read_text("utf-8"))] == []
