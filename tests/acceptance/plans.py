"""Compares what was foretold (`mcd diff`, a dry run) with what the audit log saw.

It must not ask MCD what it wrote.
"""

from __future__ import annotations

from typing import Any

from tests.acceptance.rows import Miss, Seen
from tests.acceptance.witness import Fact, counted, named, plural
from tests.acceptance.world import World


def foretold(plan: dict[str, Any]) -> dict[str, str]:
    """What a dry run says will be written: resource/name → action."""
    return {f"{plural(c['object']['kind'])}/{c['object']['name']}": c["action"] for c in plan["changes"]}


def compared(world: World, expected: dict[str, str], mark: int, app: str) -> Seen:
    """The writes of an App after a mark, which must be those that were foretold, each once. Raises Miss."""
    written = world.witness.writes(mark, world.line, app=app)
    done = {named(f): _action(f) for f in written}
    if done != expected or len(written) != len(expected):
        lacks = sorted(f"{w} {a}" for w, a in expected.items() if done.get(w) != a)
        more = sorted(f"{w} {a}" for w, a in done.items() if expected.get(w) != a)
        twice = [w for w, count in counted(written, named).items() if count > 1]
        raise Miss(f"foretold and not done: {lacks}; done and not foretold: {more}; twice: {twice}")
    words = ", ".join(f"{action} {what}" for what, action in sorted(done.items()))
    return Seen(f"audit log = diff: {words or 'nothing'}", len(written))


def _action(fact: Fact) -> str:
    if fact.verb == "delete":
        return "deleted"
    return "created" if fact.made else "configured"


def told(facts: list[Fact]) -> str:
    """The objects that were written, each with how often."""
    words = [f"{what} x{count}" if count > 1 else what for what, count in counted(facts, named).items()]
    return ", ".join(words) or "nothing"


def remote_line(said: str) -> str:
    """The last `remote:` line of a push."""
    lines = [line.partition("remote:")[2].strip() for line in said.splitlines() if "remote:" in line]
    lines = [line for line in lines if line]
    return f"remote: {lines[-1]}" if lines else (said.strip().splitlines() or ["git said nothing"])[-1]
