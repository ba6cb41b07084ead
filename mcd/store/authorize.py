"""Who may do what: one typed table, one pure function over it, used by every read and every wish.

What a person may not see is not there: the refusal is the same word for word as for a thing that does not exist. No
database and no clock here.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.errors import Code, McdError, echo, not_found
from mcd.model import Actor, Role, Scope, Verb

ROLES: Mapping[Role, frozenset[Verb]] = {
    Role.VIEWER: frozenset({Verb.READ}),
    Role.DEVELOPER: frozenset({Verb.READ, Verb.DEPLOY, Verb.SHELL}),
    Role.RELEASE_MANAGER: frozenset({Verb.READ, Verb.DEPLOY, Verb.SHELL}),
    Role.OWNER: frozenset({Verb.READ, Verb.DEPLOY, Verb.SHELL, Verb.SET}),
}
"""What a role may do in its product line. Administering is nobody's there: it concerns the whole platform."""

SCOPES: Mapping[Scope, frozenset[Verb]] = {
    Scope.READ: frozenset({Verb.READ}),
    Scope.DEPLOY: frozenset({Verb.READ, Verb.DEPLOY}),
    Scope.ALL: frozenset(Verb),
}
"""What a token may be used for at most. Its owner's rights are the other bound."""

PLATFORM: frozenset[Verb] = frozenset({Verb.READ})
"""What anybody who is signed in may do with things that belong to no product line (clusters, node pools): their names
are needed to write an app.yaml."""

_ACTS: Mapping[Verb, str] = {
    Verb.READ: "see",
    Verb.DEPLOY: "deploy to",
    Verb.SHELL: "run commands in",
    Verb.SET: "change settings, secrets or members of, or delete from,",
    Verb.ADMINISTER: "administer",
}


def may(actor: Actor, verb: Verb, product_line: str | None) -> bool:
    """Whether the person may do it, in the product line or, for None, on the platform."""
    if verb not in SCOPES[actor.scope]:
        return False
    if actor.admin:
        return True
    if product_line is None:
        return verb in PLATFORM
    role = actor.roles.get(product_line)
    return role is not None and verb in ROLES[role]


def require(actor: Actor, verb: Verb, noun: str, name: str, product_line: str | None) -> None:
    """Raises McdError: not_found when the thing may not even be seen, forbidden when it may, but this act on it not."""
    if may(actor, verb, product_line):
        return
    if not may(actor, Verb.READ, product_line):
        raise not_found(noun, name)
    where = f'product line "{echo(product_line)}"' if product_line is not None else "the platform"
    if actor.admin or verb in ROLES.get(actor.roles.get(product_line or "", Role.VIEWER), frozenset()):
        raise McdError(
            Code.FORBIDDEN,
            f'{noun} "{echo(name)}": your token is only for {actor.scope.value}.',
            "Use a token of a wider scope, or sign in.",
        )
    whom = "an admin" if product_line is None or verb is Verb.ADMINISTER else "an owner of the product line"
    raise McdError(Code.FORBIDDEN, f'{noun} "{echo(name)}": you may not {_ACTS[verb]} {where}.', f"Ask {whom}.")
