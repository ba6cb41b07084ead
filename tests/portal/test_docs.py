"""/docs: every page and link is there, every word that MCD says has its place, the search finds, nothing is markup."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcd.api.errors import DOCUMENTED
from mcd.api.portal.manual.library import Library, address, folder, library
from mcd.api.portal.manual.search import Index, index
from mcd.api.portal.manual.text import read
from mcd.appyaml.text.codes import CODES
from mcd.cli.problem_formats import HELP
from mcd.errors import Code
from mcd.model import Reason
from mcd.model.why import Why
from mcd.observability import metrics
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
LANGUAGES = ("", "zh_CN")


def anchors(url: str) -> tuple[str, frozenset[str], str]:
    """Of an address in the docs: the page's name, what can be pointed at in it, and what is."""
    parts = urlsplit(url)
    name = parts.path.removeprefix("/docs").strip("/")
    page = library().page(name)
    assert page is not None, f"there is no page {url}"
    return name, page.anchors, parts.fragment


async def test_the_type_of_every_refusal_leads_to_its_place(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        for code in Code:
            where = urlsplit(DOCUMENTED + code.value)
            answer = await client.get(where.path)
            assert answer.status_code == 200
            assert f'id="{where.fragment}"' in answer.text, code


async def test_a_refusal_as_it_is_answered_leads_to_its_place(site: Site) -> None:
    async with site.api.as_("dora") as client:
        kind = (await client.get("/api/v1/apps/never-was")).json()["type"]
        page = await client.get(urlsplit(kind).path, headers={"Accept": "text/html"})
    assert f'id="{urlsplit(kind).fragment}"' in page.text


async def test_every_word_that_mcd_says_has_its_place() -> None:
    settings = re.findall(r"^\| `(MCD_\w+)`", (ROOT / "docs/reference/settings.md").read_text("utf-8"), re.M)
    places = {
        "reference/reasons": {reason.value for reason in Reason},
        "reference/why": {why.value for why in Why},
        "reference/metrics": set(metrics.FAMILIES),
        "reference/settings": set(settings),
        "reference/app-yaml-problems": set(CODES),
    }
    assert len(settings) > 20
    for name, wanted in places.items():
        page = library().page(name)
        assert page is not None
        assert wanted - page.anchors == set(), name
    for code in CODES:
        _, there, anchor = anchors(HELP.format(code=code))
        assert anchor in there


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_link_of_every_page_leads_somewhere(language: str) -> None:
    lost = []
    for name in library().names:
        page = library().page(name, language)
        assert page is not None
        html = "".join(part.html for part in page.parts)
        for url in re.findall(r'(?:href|src)="([^"]*)"', html):
            if url.startswith("#"):
                lost += [f"{name}: {url}"] if url[1:] not in page.anchors else []
            elif url.startswith("/docs"):
                kept = library().file(url.removeprefix("/docs/"))
                other = library().page(urlsplit(url).path.removeprefix("/docs").strip("/"))
                anchor = urlsplit(url).fragment
                lost += (
                    [f"{name}: {url}"] if not kept and (not other or (anchor and anchor not in other.anchors)) else []
                )
            elif not url.startswith("https://") and not url.startswith("http://"):
                lost.append(f"{name}: {url!r}")
    assert lost == []


async def test_every_page_can_be_found_from_the_first() -> None:
    for language in LANGUAGES:
        first = library().page("", language)
        assert first is not None
        listed = {link.url for link in first.links}
        within = {
            url
            for listing in listed
            if (page := library().page(listing.removeprefix("/docs/")))
            for part in page.parts
            for url in re.findall(r'href="([^"#]*)"', part.html)
        }
        reached = listed | within
        assert [name for name in library().names if name and address(name) not in reached] == []


async def test_no_page_has_one_id_twice_or_leaves_out_a_level() -> None:
    for name in library().names:
        for language in LANGUAGES:
            page = library().page(name, language)
            assert page is not None
            assert page.title, name
            ids = re.findall(r' id="([^"]+)"', "".join(part.html for part in page.parts))
            assert len(ids) == len(set(ids)), name
            levels = [1, *(heading.level for heading in page.headings)]
            assert all(after - before <= 1 for before, after in pairwise(levels)), name


async def test_a_translation_has_the_anchors_of_the_first_language() -> None:
    for name in library().names:
        if library().speaks(name, "zh_CN"):
            english, chinese = library().page(name), library().page(name, "zh_CN")
            assert english is not None
            assert chinese is not None
            assert [h.anchor for h in chinese.headings] == [h.anchor for h in english.headings], name
            assert [h.level for h in chinese.headings] == [h.level for h in english.headings], name
            assert [p.typed for p in chinese.parts if p.typed] == [p.typed for p in english.parts if p.typed], name


async def test_html_in_a_page_is_text() -> None:
    page = read(
        "# <b>T</b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) `<i>` <a id=\"a\" onclick=\"x\"></a>\n\n"
        "```sh\n<u>\n```\n\n```html\n</code><script>\n```\n\n| <img src=x onerror=y> |\n|---|\n| `a\"><b>` |\n",
        lambda href: href,
    )  # fmt: skip
    html = "".join(part.html for part in page.parts)
    assert not re.search(r"<(script|b|i|u|img|a)\b", html)
    assert page.title == "<b>T</b>"
    assert [part.typed for part in page.parts if part.typed] == ["<u>"]


async def test_the_search_finds_what_people_look_for() -> None:
    found = index("")
    for asked, url in {
        "MCD_DATA": "/docs/reference/settings#MCD_DATA", "crash-loop": "/docs/reference/why#crash-loop",
        "env.literal": "/docs/reference/app-yaml-problems#env.literal", "rollback": "/docs/how-to/rollback",
        "QuotaExceeded": "/docs/reference/reasons#QuotaExceeded", "mcd scale": "/docs/reference/command#mcd-scale",
    }.items():  # fmt: skip
        urls = [hit.url for hit in found.find(asked)]
        assert any(hit.startswith(url) for hit in urls[:5]), (asked, urls[:5])
    assert index("zh_CN").find("第一个")[0].url.startswith("/docs")
    assert found.find("") == found.find("!!! ((") == found.find("nothing-has-these-words zzzz") == []
    assert found.find("a " * 5000) is not None


async def test_a_word_in_the_heading_counts_more_than_in_the_text() -> None:
    def passages(markdown: str) -> Index:
        page = read(markdown, lambda href: href)
        return Index(("p", page.title, passage) for passage in page.passages)

    made = passages(
        "# T\n\n## One\n\nvolume volume volume\n\n## Volume\n\nother\n\n| a | b |\n|---|---|\n| `X` | volumes |\n"
    )
    assert [hit.title for hit in made.find("volume")] == ["Volume", "One", "X"]
    assert [hit.title for hit in made.find("volume other")] == ["Volume"]
    assert made.find("volume")[1].pieces[0] == ("volume", True)


async def test_what_is_not_a_page_is_a_page_that_says_so(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        for path in (
            "/docs/nothing",
            "/docs/../mcd/settings.py",
            "/docs/%2e%2e/%2e%2e/pyproject.toml",
            "/docs/a\u4e2d%00",
        ):
            answer = await client.get(path)
            assert answer.status_code in (404, 422), path
            assert "<h1" in answer.text
        moved = await client.get("/docs/how-to/install.md")
        assert (moved.status_code, moved.headers["location"]) == (308, "/docs/how-to/install")
        assert (await client.get("/docs/search?q=" + "x" * 300)).status_code == 422
        picture = await client.get("/docs/openapi.json")
        assert json.loads(picture.text)["info"]


async def test_who_is_not_signed_in_reads_them(site: Site) -> None:
    async with site.visitor("") as nobody:
        await nobody.visit("/docs")
        await nobody.page.get_by_role("link", name="Your first App in five minutes").first.click()
        await nobody.whole()
        await nobody.page.get_by_label("Search the docs").fill("xylophone <script>")
        await nobody.page.get_by_role("button", name="Search").click()
        await nobody.whole()
        assert "No page has all of these words" in await nobody.text()


async def test_without_scripts_a_person_searches_and_lands_on_the_place(site: Site) -> None:
    async with site.visitor("dora", scripts=False, width=360) as dora:
        await dora.visit("/docs")
        await dora.page.get_by_label("Search the docs").fill("QuotaExceeded")
        await dora.page.get_by_label("Search the docs").press("Enter")
        await dora.page.get_by_role("link", name="QuotaExceeded").first.click()
        assert dora.page.url.endswith("/docs/reference/reasons#QuotaExceeded")
        await dora.fits()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_pages_can_be_read_by_everybody_on_a_narrow_screen(site: Site, language: str) -> None:
    async with site.visitor("dora", language=language, width=360, dark=language == "en") as dora:
        for path in (
            "/docs", "/docs/quick-start", "/docs/how-to/install", "/docs/reference/problems",
            "/docs/reference/settings",
            "/docs/search?q=quota", "/docs/architecture", "/docs/portal",
        ):  # fmt: skip
            await dora.visit(path)
            await dora.fits()
            await dora.axe()


async def test_who_reads_chinese_gets_the_first_page_in_it(site: Site) -> None:
    async with site.visitor("dora", language="zh-CN") as dora:
        await dora.visit("/docs/quick-start")
        assert await dora.page.get_attribute("article h1", "lang") == "zh-CN"
        await dora.visit("/docs/how-to/install")
        assert await dora.page.get_attribute("article h1", "lang") == "en"


async def test_an_installed_mcd_has_every_page(tmp_path: Path) -> None:
    """The wheel, and the image, which copies the same folder to the same place."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        inside = [name for name in packed.namelist() if "/manual/" in name]
        packed.extractall(tmp_path / "site", inside)
    at = tmp_path / "site" / "mcd" / "api" / "portal" / "manual" / "pages"
    assert Library(at).names == Library(folder()).names
    assert "COPY docs /opt/mcd/lib/mcd/api/portal/manual/pages" in (ROOT / "Dockerfile").read_text("utf-8")
