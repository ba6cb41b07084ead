"""The first page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mcd.model import Actor


@dataclass(frozen=True, slots=True)
class Home:
    name: str


def home_view(actor: Actor) -> Home:
    return Home(actor.name)
