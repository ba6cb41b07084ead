"""One fault in one case: what a fault is handed, and what a row of the catalogue says of it.

It must not inject anything: `deaths.py`, `network.py` and `others.py` do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.rig import oracles
from tests.rig.lane import Lane
from tests.rig.oracles import Verdict
from tests.rig.rules import Rule


@dataclass
class Scene:
    """One case: the lane, what is judged, and dice of the case's own seed."""

    lane: Lane
    verdict: Verdict
    dice: random.Random
    phase: str
    writes: int
    """How many writes the change has without a fault."""
    patience: float
    """Seconds in which all must be as wished once the fault is over."""
    counts_may_differ: bool = False
    others_anew: bool = False
    """Whether the objects of others went with the fault and were made again."""
    notes: list[str] = field(default_factory=list)

    @property
    def some_write(self) -> int:
        return self.dice.randint(1, max(1, self.writes))

    def on(self, action: Any, **where: Any) -> Rule:
        return self.lane.proxy.rule(Rule(action, **where))

    def ahead(self, action: Any, **where: Any) -> Rule:
        """One that is asked before the others: of two faults at once this is the one that must come."""
        rule = Rule(action, **where)
        self.lane.proxy.rules.insert(0, rule)
        return rule

    def over(self, rule: Rule) -> None:
        """The rule is carried out no more; those of another fault go on."""
        if rule in self.lane.proxy.rules:
            self.lane.proxy.rules.remove(rule)

    async def met(self, rule: Rule, seconds: float = 30.0) -> None:
        """Returns when the rule was carried out, or everything rests without it."""

        async def look() -> bool:
            return rule.fired.is_set() or self.lane.resting(1.0)

        await self.lane.until(look, seconds, "the fault is met")

    async def again(self, *words: str) -> None:
        """A new process after the one that died."""
        await self.lane.died()
        await oracles.named_before_made(self.lane, self.verdict)
        await self.lane.start(*words)

    async def looked(self, seconds: float = 30.0) -> None:
        """Returns when everything that is wished was looked at twice, each time from the beginning, and what came out
        is written down: what MCD does or says at once it has done and said, however slow the machine is."""

        async def nobody_works() -> bool:
            return self.lane.alive and not self.lane.at_work()

        for _ in range(2):
            await oracles.woken(self.lane)
            await self.lane.until(nobody_works, seconds, "everything was looked at")

    async def lasts(self, seconds: float) -> None:
        """The fault goes on for so long. The time is the fault's own, nothing is waited for."""
        await asyncio.sleep(seconds)


Injected = Callable[[Scene], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the catalogue. `times` are waits of MCD that are shortened for it; `shape` the App it needs;
    `phases` those in which it means anything; `wish_again` whether a person has to ask once more when it is over."""

    number: str
    words: str
    inject: Injected
    shape: str = "plain"
    phases: tuple[str, ...] = ("create", "update", "delete")
    times: dict[str, Any] = field(default_factory=dict)
    wish_again: bool = False
    rows: bool = True
    """Whether the database says the same at the end as without it: not where people have wished more."""
