"""Which refs a push may move, and why not.

Pure: what the push asks for, what is there and the limits go in, a reason for each refused ref comes out. It must not
look into a repository.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.errors import echo
from mcd.forge.paths import short_ref_problem
from mcd.forge.wire import ZERO, RefUpdate


def refusals(
    updates: tuple[RefUpdate, ...], current: Mapping[str, str], default: str, most: tuple[int, int] = (256, 5000)
) -> dict[str, str]:
    """Why refs of a push may not move, by name; empty when all may. `default` is the branch that is deployed; `most`
    are the refs that one push and the whole repository may have."""
    if len(updates) > most[0]:
        return {u.ref: f"{len(updates)} refs in one push, at most {most[0]}" for u in updates}
    names = [u.ref for u in updates]
    refused = {name: "named twice in one push" for name in names if names.count(name) > 1}
    after = set(current)
    for update in updates:
        if reason := _refusal(update, current, default):
            refused.setdefault(update.ref, reason)
        if update.deletes:
            after.discard(update.ref)
        else:
            after.add(update.ref)
    for update in updates:
        if not update.deletes and (reason := _shadowed(update.ref, after | set(current))):
            refused.setdefault(update.ref, reason)
    if len(after) > most[1] and len(after) > len(current):
        refused.update({name: f"the repository would have {len(after)} refs, at most {most[1]}" for name in names})
    return refused


def _refusal(update: RefUpdate, current: Mapping[str, str], default: str) -> str:
    prefix = next((p for p in ("refs/heads/", "refs/tags/") if update.ref.startswith(p)), None)
    if prefix is None:
        return "only branches and tags can be pushed"
    if problem := short_ref_problem(update.ref.removeprefix(prefix)):
        return f"this name is not allowed: {problem}"
    if update.deletes and update.branch == default:
        return f"{default} is the branch that is deployed and cannot be deleted"
    if update.old == ZERO and update.deletes:
        return "it does not exist and is to be deleted"
    if update.old != current.get(update.ref, ZERO):
        return "it was moved by somebody else, fetch first"
    return ""


def _shadowed(ref: str, names: set[str]) -> str:
    """Git keeps a ref as a file: a name cannot be a folder of others at the same time."""
    parts = ref.split("/")
    for count in range(3, len(parts)):
        if (inside := "/".join(parts[:count])) in names:
            return f"{echo(inside)} exists, so no name can lie below it"
    if any(name.startswith(ref + "/") for name in names):
        return "names below it exist"
    return ""
