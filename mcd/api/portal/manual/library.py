"""The pages of this installation: which there are, by the name in their address, in which languages, and their files.

`how-to/install.md` is `how-to/install`, `runbooks/README.md` is `runbooks`; `quick-start.zh.md` is the page
`quick-start` for who reads Chinese. It must not open a path that was not found by itself.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from mcd.api.portal.manual.text import Passage, Text, read

PREFIX = "/docs"
INDEX = ""
"""The name of the page that lists the others."""
ENDINGS: Mapping[str, str] = {"zh_CN": ".zh.md"}
"""How the file of a translation ends, by the language."""
FILES: Mapping[str, str] = {".png": "image/png", ".json": "application/json"}
"""What is served besides pages."""


def folder() -> Path:
    """Inside the package when it was installed, at the top of a clone."""
    inside = Path(__file__).resolve().parent / "pages"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[4] / "docs"


class Library:
    """Pages and files below one folder, each read when it is first asked for."""

    def __init__(self, at: Path) -> None:
        found = [path.relative_to(at).as_posix() for path in sorted(at.rglob("*")) if path.is_file()]
        self._at = at
        self._translated = {
            (code, name_of(path.removesuffix(ending) + ".md")): path
            for path in found
            for code, ending in ENDINGS.items()
            if path.endswith(ending)
        }
        self._pages = {
            name_of(path): path
            for path in found
            if path.endswith(".md") and path not in self._translated.values()
        }  # fmt: skip
        self._files = {path: FILES[Path(path).suffix] for path in found if Path(path).suffix in FILES}
        self._read: dict[tuple[str, str], Text] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._pages)

    def file(self, path: str) -> tuple[bytes, str] | None:
        """What is in it, and its media type."""
        return ((self._at / path).read_bytes(), self._files[path]) if path in self._files else None

    def speaks(self, name: str, code: str) -> bool:
        """Whether the page is there in this language, and not only in English."""
        return (code, name) in self._translated

    def page(self, name: str, code: str = "") -> Text | None:
        """The page in this language, else in English; None when there is none of the name."""
        if name not in self._pages:
            return None
        path = self._translated.get((code, name), self._pages[name])
        spoken = code if (code, name) in self._translated else ""
        if (name, spoken) not in self._read:
            source = (self._at / path).read_text(encoding="utf-8")
            like = self.page(name) if spoken else None
            self._read[name, spoken] = read(source, lambda href: self.resolve(path, href), like)
        return self._read[name, spoken]

    def passages(self, code: str = "") -> Iterator[tuple[str, str, Passage]]:
        """Everything that can be found: the name and the title of its page, and the passage."""
        for name in self._pages:
            page = self.page(name, code)
            assert page is not None
            for passage in page.passages:
                yield name, page.title, passage

    def resolve(self, path: str, href: str) -> str | None:
        """Where a link of the file leads here: to a page, a file, or another site; None when it leaves the docs."""
        parts = urlsplit(href)
        if parts.scheme in ("http", "https"):
            return href
        if parts.scheme or parts.netloc or parts.path.startswith("/"):
            return None
        anchor = f"#{parts.fragment}" if parts.fragment else ""
        if not parts.path:
            return anchor or None
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), parts.path))
        if target in self._files:
            return f"{PREFIX}/{target}"
        name = name_of(target)
        return address(name) + anchor if name in self._pages else None


def name_of(path: str) -> str:
    """A folder is its README."""
    name = path.removesuffix(".md")
    return "" if name in ("README", ".") else name.removesuffix("/README")


def address(name: str) -> str:
    return f"{PREFIX}/{name}" if name else PREFIX


@cache
def library() -> Library:
    return Library(folder())
