"""Which secrets there are: names, keys and versions. No function here can answer a value."""

from __future__ import annotations

from dataclasses import dataclass

from mcd.errors import Code, McdError
from mcd.model import Actor, Verb
from mcd.store.lookup import find_app, find_line
from mcd.store.secrets import MADE, named
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class SecretNamed:
    """A secret's newest version, without its values."""

    name: str
    keys: tuple[str, ...]
    version: int
    generated: bool = False
    """Nobody set it: the name is a variable of app.yaml, whose value MCD made once."""


async def secret_names(
    actor: Actor, tx: Tx, *, app: str | None = None, product_line: str | None = None
) -> tuple[SecretNamed, ...]:
    """Of an App or of a product line (name one of the two), by name. Raises McdError not_found."""
    if app is not None and product_line is None:
        owner = (await find_app(actor, tx, Verb.READ, app))["id"]
    elif product_line is not None and app is None:
        owner = (await find_line(actor, tx, Verb.READ, product_line))["id"]
    else:
        raise McdError(Code.INVALID, "a secret belongs to an App or to a product line.", "Name one of the two.")
    found: dict[str, SecretNamed] = {}
    for row in await tx.rows(named(owner)):
        name = row["name"]
        if name.startswith(MADE):
            found[name] = SecretNamed(row["key"], (row["key"],), row["version"], generated=True)
            continue
        before = found.get(name)
        keys = (*before.keys, row["key"]) if before else (row["key"],)
        found[name] = SecretNamed(name, keys, row["version"])
    return tuple(found.values())
