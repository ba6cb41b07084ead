"""docs/portal.md: every page that it promises is there, in both languages and widths, and small enough to carry."""

from __future__ import annotations

import re

from PIL import Image

from scripts import pictures
from tests.docs.typing import DOCS

SHOWN = re.compile(r"!\[[^\]]+\]\(pictures/([^)]+)\)")


def test_each_page_is_shown_in_both_languages_and_widths() -> None:
    wanted = {
        f"{shot.name}.{language}.{width}.png"
        for shot in pictures.shots()
        for language in pictures.LANGUAGES
        for width in pictures.WIDTHS
    }
    shown = SHOWN.findall((DOCS / "portal.md").read_text("utf-8"))
    assert len(wanted) == 28
    assert sorted(shown) == sorted(wanted)
    assert {path.name for path in pictures.FOLDER.iterdir()} == wanted


def test_pictures_are_as_wide_as_they_say_and_small() -> None:
    size = 0
    for path in pictures.FOLDER.iterdir():
        with Image.open(path) as picture:
            assert (picture.mode, picture.width) == ("P", int(path.name.split(".")[2])), path.name
            assert picture.info == {}, f"{path.name} says more than it shows"
        size += path.stat().st_size
    assert size <= pictures.MOST_BYTES
