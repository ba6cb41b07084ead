"""Who may do what: one typed table, one pure function over it, used by every read and every wish.

What a person may not see is not there: the refusal is the same word for word as for a thing that does not exist. No
database and no clock here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

NAMED = 3
"""Owners that a refusal names at most."""

_ACTS: Mapping[Verb, str] = {
    Verb.READ: "see",
    Verb.DEPLOY: "deploy to",
    Verb.SHELL: "run commands or read logs in",
    Verb.SET: "change settings, secrets or members, or delete, in",
    Verb.ADMINISTER: "change",
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


def require(
    actor: Actor,
    verb: Verb,
    noun: str,
    name: str,
    product_line: str | None,
    *,
    act: str = "",
    owners: Sequence[str] = (),
) -> None:
    """Raises McdError: not_found when the thing may not even be seen; forbidden when it may, but this act on it not.

    The message says what the person is there, what it takes and who can give it. `name` is empty for a thing that is
    not named yet; `act` is the one act that is meant, in words; `owners` are those of the product line, where the
    caller knows them.
    """
    if may(actor, verb, product_line):
        return
    if not may(actor, Verb.READ, product_line):
        raise not_found(noun, name)
    if actor.admin or verb in ROLES.get(actor.roles.get(product_line or "", Role.VIEWER), frozenset()):
        raise _too_narrow(actor, verb, noun, name)
    thing = f'{noun} "{echo(name)}": ' if name else ""
    if product_line is None:
        act = f"{thing}you may not change clusters, node pools, product lines or people"
        raise McdError(Code.FORBIDDEN, f"{act}: this needs an admin.", "Ask an admin of this MCD to do it.")
    line = echo(product_line)
    role = actor.roles[product_line]
    here = f'{thing}you may not {act or _ACTS[verb]} product line "{line}": your role there is {role}, and'
    if verb is Verb.ADMINISTER:
        raise McdError(Code.FORBIDDEN, f"{here} this needs an admin.", "Ask an admin of this MCD to do it.")
    raise McdError(
        Code.FORBIDDEN,
        f"{here} this needs {weakest(verb)}.",
        f"Ask {_whom(owners)} to do it or to give you that role; `mcd member list -p {line}` shows who they are.",
    )


def _whom(owners: Sequence[str]) -> str:
    names = [echo(name) for name in owners[:NAMED]]
    more = ["…"] if len(owners) > NAMED else []
    return f"an owner ({', '.join(names + more)}) or an admin" if names else "an owner or an admin"


def weakest(verb: Verb) -> Role:
    """The role with the fewest rights that may do it. Raises ValueError for what no role may do."""
    found = next((role for role, verbs in ROLES.items() if verb in verbs), None)
    if found is None:
        raise ValueError(f"no role may {verb}")
    return found


def _too_narrow(actor: Actor, verb: Verb, noun: str, name: str) -> McdError:
    """The person may, this token may not: that is the person's own to change."""
    wide = next(scope for scope, verbs in SCOPES.items() if verb in verbs)
    thing = f'{noun} "{echo(name)}": ' if name else ""
    return McdError(
        Code.FORBIDDEN,
        f"{thing}your token is only for {actor.scope.value}, and this needs {wide.value}.",
        f"Sign in with `mcd login`, or make a token: `mcd token create NAME --scope {wide.value}`.",
    )
