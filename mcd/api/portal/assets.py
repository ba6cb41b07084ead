"""Scripts, styles and icons of the portal, kept in memory and addressed by what is in them.

An address holds the hash of the content, so that a browser may keep it for ever and a new version has another address.
Nothing comes from another host. It must not know a page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"

TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
"""What is served, by the end of its name. Licences and locks are for readers of the repository."""


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    digest: str
    content: bytes
    media_type: str

    @property
    def url(self) -> str:
        return f"{PREFIX}/{self.digest}/{self.name}"


@cache
def assets() -> Mapping[str, Asset]:
    """Every one by its name, a path within the folder."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.suffix in TYPES:
            content = path.read_bytes()
            name = path.relative_to(FOLDER).as_posix()
            found[name] = Asset(name, hashlib.sha256(content).hexdigest()[:16], content, TYPES[path.suffix])
    return found


def address(name: str) -> str:
    """For templates. Raises KeyError for a name that there is no file of."""
    return assets()[name].url
