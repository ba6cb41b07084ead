"""`python -m scripts.pictures`: docs/pictures, pages of the portal as people see them, in two languages and two widths.

The real server answers a real Chromium; behind it stand the real store and the real controllers with a cluster in
memory, on which `pictures_scene` plays what Kubernetes would do. It must not show a name, a path or a moment of the
machine that it runs on.
"""

from __future__ import annotations

import asyncio
import io
import logging
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from PIL import Image
from playwright.async_api import FloatRect

from scripts.pictures_scene import APPS, scene
from tests.api.client import api_of
from tests.api.serving import serving
from tests.controllers.world import migrated, world
from tests.portal.browsing import Site, Visitor, browsing

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
PERSON = "olaf"
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
WIDTHS = (1280, 360)
HEIGHT = 1600
"""The most of a page that is shown: what matters stands above."""
COLOURS = 96
"""Of a picture: text with smooth edges on few backgrounds needs no more."""
MOST_BYTES = 2_500_000
"""All pictures together, because each installation and each clone carries them."""


@dataclass(frozen=True)
class Shot:
    """One page: its name in the file, its address, and what must be there before the picture is taken."""

    name: str
    path: str
    ready: str
    before: Callable[[Visitor], Awaitable[None]] | None = None


async def _preview(visitor: Visitor) -> None:
    """Release 2 is chosen; what it would change is asked for."""
    await visitor.page.locator("#r-2").check()
    await visitor.page.locator("form.card button.main").click()


def shots() -> list[Shot]:
    pods = "#now section:has(#pods-head) tbody tr"
    return [
        Shot("home", "/", "#last"),
        Shot("rollout", "/apps/storefront", pods),
        *(Shot(f"why-{state}", f"/apps/{app}", pods) for app, state in APPS.items()),
        Shot("diff", "/apps/search/deploy", "form.confirm", _preview),
        Shot("node-pools", "/node-pools", "section.card"),
    ]


async def take(folder: Path) -> list[Path]:
    """Writes all pictures. Raises playwright's TimeoutError when a page does not become what it should."""
    made = []
    with tempfile.TemporaryDirectory(prefix="mcd-pictures-") as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        template = migrated(Path(scratch) / "template.db")
        async with browsing() as browser, world(data, template) as played:
            api = await api_of(played)
            await scene(api)
            async with serving(api.app) as url:
                site = Site(api, url, browser)
                for language, locale in LANGUAGES.items():
                    for width in WIDTHS:
                        async with site.visitor(PERSON, language=locale, width=width) as visitor:
                            for shot in shots():
                                path = folder / f"{shot.name}.{language}.{width}.png"
                                path.write_bytes(small(await _taken(visitor, shot)))
                                made.append(path)
    return made


async def _taken(visitor: Visitor, shot: Shot) -> bytes:
    await visitor.visit(shot.path)
    if shot.before is not None:
        await shot.before(visitor)
    await visitor.page.locator(shot.ready).first.wait_for()
    await visitor.whole()
    await visitor.fits()
    shown = await visitor.page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    clip: FloatRect = {"x": 0, "y": 0, "width": shown[0], "height": min(shown[1], HEIGHT)}
    return await visitor.page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")


def small(png: bytes) -> bytes:
    """The same picture with a palette."""
    with Image.open(io.BytesIO(png)) as whole:
        reduced = whole.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    kept = io.BytesIO()
    reduced.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def main() -> int:
    random.seed(5)  # the controllers' waits differ by chance, and with them the seconds that pages show
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = asyncio.run(take(FOLDER))
    for path in set(FOLDER.glob("*.png")) - set(made):
        path.unlink()
    size = sum(path.stat().st_size for path in made)
    print(f"{len(made)} pictures, {size} bytes", file=sys.stderr)
    if size > MOST_BYTES:
        print(f"pictures: more than {MOST_BYTES} bytes. Fewer colours or shorter pages are needed.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
