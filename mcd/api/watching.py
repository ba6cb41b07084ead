"""Follows a Release from its build to the verdict over its Rollout, as lines for a terminal.

It only reads, again and again, what the store says: going away stops nothing. It must not know git or HTTP.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mcd.api.access import Credential, actor_of
from mcd.api.away import away, known
from mcd.api.stopping import Stopping
from mcd.api.waiting import EVERY, still_waiting
from mcd.errors import McdError
from mcd.model import Action, Actor, ConditionType, Reason, Reconciled, Release, Rollout, StateWord
from mcd.model.outcomes import HELD_REASONS
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.tx import Tx

LOOK_AGAIN = 2.0
"""Longest pause between two looks, in seconds; what is committed is told sooner."""

_BREATH = 0.2
"""Shortest pause: others' Events ring the bell too."""

_RECHECK = 5.0
"""Seconds between two looks whether the person may still see it (T13)."""

LIMIT = 600.0
"""Seconds for which a verdict is waited for."""

LOG_LINES = 1000


@dataclass(slots=True)
class Watch:
    """One Release that is followed, and what was told of it already."""

    runtime: Runtime
    actor: Actor
    release: Release
    urls: tuple[str, ...]
    """Where it will answer."""
    credential: Credential
    seconds: float = LIMIT
    silence: float = EVERY
    """Seconds without news after which is said what is still waited for."""
    stopping: Stopping = field(default_factory=Stopping)
    ended: bool = False
    _after: int = 0
    _said: set[str] = field(default_factory=set)
    _rollout: str = ""
    _why: str = ""
    _old_answers: bool = False

    async def lines(self) -> AsyncIterator[str]:
        """Lines as they come; an empty one says that nothing new came for a while. Ends with a verdict, when the
        person may not see it any more, when the server stops, or after `seconds`, which is said too."""
        clock = asyncio.get_running_loop().time
        started = checked = heard = clock()
        bell = await self.runtime.db.news(0, -1)
        while True:
            if self.stopping.is_set():
                yield f"MCD is restarting; your push is stored and goes on. See: mcd status {self.release.app}"
                return
            try:
                if clock() - checked >= _RECHECK:
                    checked = clock()
                    self.actor = await actor_of(self.runtime, self.credential)
                new = await self._look(clock() - started)
            except McdError as error:
                yield f"This is not followed any more: {error}"
                return
            for line in new:
                heard = clock()
                yield line
            if self.ended:
                return
            if clock() - started >= self.seconds:
                minutes = f"{self.seconds / 60:g} minutes"
                yield f"No verdict after {minutes}. It goes on by itself: mcd status {self.release.app}"
                return
            if clock() - heard >= self.silence:
                heard = clock()
                yield still_waiting(heard - started, self.seconds, self._why, old_answers=self._old_answers)
            elif not new:
                yield ""
            looked = clock()
            bell = await self._news(bell)
            await asyncio.sleep(max(0.0, _BREATH - (clock() - looked)))

    async def _news(self, bell: int) -> int:
        try:
            async with asyncio.timeout(None) as left:
                with self.stopping.hurries(left, 0):
                    return await self.runtime.db.news(LOOK_AGAIN, bell)
        except TimeoutError:
            return bell

    async def _look(self, seconds: float) -> list[str]:
        async with self.runtime.db.reading() as tx:
            release = await reads.release(self.actor, tx, self.release.app, self.release.number)
            log = await reads.release_log(
                self.actor, tx, release.app, release.number, after=self._after, limit=LOG_LINES
            )
            self._after = log.next
            new = [f"| {line}" for line in log.lines]
            if len(log.lines) == LOG_LINES:
                return new
            if self._stalled(release.state, new):
                new.append(_what_next(release))
                return new
            rollout = await self._find(tx)
            if rollout is None:
                self._tell_waiting(release, new)
                return new
            return new + await self._look_at(tx, rollout, seconds)

    async def _find(self, tx: Tx) -> Rollout | None:
        """The Rollout of this Release: the newest one, and then that one for good."""
        if self._rollout:
            return await reads.rollout(self.actor, tx, self._rollout)
        page = await reads.rollouts(self.actor, tx, self.release.app, reads.Part(limit=20))
        self._old_answers = any(
            r.release != self.release.number and r.state.is_now(ConditionType.READY) for r in page.items
        )
        found = next((r for r in page.items if r.release == self.release.number), None)
        if found is not None and (found.live or found.created_at >= self.release.created_at):
            self._rollout = found.id
            return found
        return None

    async def _look_at(self, tx: Tx, rollout: Rollout, seconds: float) -> list[str]:
        new: list[str] = []
        seen = await reads.rollout_seen(self.actor, tx, rollout.id)
        for change in seen.changes:
            if change.action is not Action.UNCHANGED:
                self._once(f"{change.ref} {change.action.value}" + (f": {change.detail}" if change.detail else ""), new)
        if self._stalled(rollout.state, new):
            new += [f"| {line}" for health in seen.health for line in health.evidence]
            new.append(_where_to_look(rollout))
        elif blind := await self._blind(tx, rollout):
            self._why = blind
            self._once(blind, new)
        elif rollout.state.is_now(ConditionType.READY):
            self.ended = True
            where = f": {', '.join(self.urls)}" if self.urls else ""
            new.append(f"Ready{where} in {seconds:.1f} s")
        elif not rollout.live:
            self.ended = True
            new.append(f"Rollout {rollout.number} was superseded by a newer one: mcd status {rollout.app}")
        else:
            self._tell(rollout.state, new)
        return new

    async def _blind(self, tx: Tx, rollout: Rollout) -> str:
        """Why nobody can say whether what was ready is so now, or empty. What took its place is history."""
        if not rollout.live:
            return ""
        listed = await reads.app_listed(self.actor, tx, rollout.app)
        told = known(rollout.state, away(listed.cluster_state, listed.cluster_seen_at))
        return told.message if told.state is StateWord.UNKNOWN else ""

    def _stalled(self, state: Reconciled, new: list[str]) -> bool:
        stalled = state.condition(ConditionType.STALLED)
        if stalled is None or not state.is_now(ConditionType.STALLED):
            return False
        self.ended = True
        word = "Held" if stalled.reason in HELD_REASONS else "Stalled"
        new.append(f"{word} ({stalled.reason.value}): {stalled.message}")
        return True

    def _tell_waiting(self, release: Release, new: list[str]) -> None:
        """A Release that no Rollout runs yet, and perhaps none will before somebody asks for it."""
        if release.state.is_now(ConditionType.READY) and not release.deploys:
            self.ended = True
            new.append(f"Built, and waits to be deployed: mcd deploy {release.app} --release {release.number}")
        else:
            self._tell(release.state, new)

    def _tell(self, state: Reconciled, new: list[str]) -> None:
        """Why it is not ready yet, each reason once."""
        waiting = state.condition(ConditionType.RECONCILING)
        if waiting is not None and waiting.status and waiting.message and waiting.reason is not Reason.NEW:
            self._why = waiting.message
            self._once(waiting.message, new)

    def _once(self, line: str, new: list[str]) -> None:
        if line not in self._said:
            self._said.add(line)
            new.append(line)


_IN_A_FILE = re.compile(r"\S+:[0-9]+:")
_MAY_CHANGE = ("ended with exit code", "push the image there first")
"""Words of a failure that another try may not have, although it names a line."""


def _what_next(release: Release) -> str:
    """After a build that failed. What stands wrong in a file of the commit is so at every try."""
    stalled = release.state.condition(ConditionType.STALLED)
    said = stalled.message if stalled is not None else ""
    if _IN_A_FILE.match(said) and not any(words in said for words in _MAY_CHANGE):
        return "Mend it, commit and push again."
    return f"To try the same commit again: mcd deploy {release.app} --commit {release.commit[:12]}"


def _where_to_look(rollout: Rollout) -> str:
    """The log of what died is named where there is one: what was put back took its pods along."""
    stalled = rollout.state.condition(ConditionType.STALLED)
    died = stalled is not None and stalled.reason in (Reason.CRASH_LOOPING, Reason.OOM_KILLED)
    return f"See: mcd status {rollout.app}" + (f", mcd logs {rollout.app} --previous" if died else "")
