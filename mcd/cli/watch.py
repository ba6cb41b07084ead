"""Watches one Rollout until it is Ready, must be looked at by a person, or was overtaken; and says so, line by line.

Watching changes nothing: whoever stops it, or loses the connection, stops nothing but the lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import typer

from mcd.api.waiting import EVERY, still_waiting
from mcd.cli.client import Client, segment
from mcd.cli.output import FAILED, INTERRUPTED, TIMED_OUT, Progress, note
from mcd.cli.remote.columns import counts_text
from mcd.cli.streams import follow
from mcd.errors import McdError

OVERTAKEN = 5
SHOWN_BY_THE_PICTURE = ("created", "pushed", "rollout_requested", "applied", "progress", "ready", "stalled")
SETTLED = ("ready", "stalled", "superseded")


class Watcher:
    """Turns what the stream tells into lines, each said once."""

    def __init__(
        self,
        progress: Progress,
        limit: float,
        old_answers: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress = progress
        self.limit, self.old_answers, self.clock = limit, old_answers, clock
        self.began = self.heard = clock()
        self.why = ""
        self.said: dict[str, str] = {}

    def rollout(self, rollout: Mapping[str, Any]) -> None:
        """A picture of the Rollout: what changed since the one before."""
        for change in rollout.get("changes") or []:
            action, of = change.get("action"), change.get("object") or {}
            if action in ("created", "configured", "deleted", "held"):
                why = change.get("detail") if action == "held" else ""
                self._once(f"{of.get('kind')}/{of.get('name')}", str(action), why)
        for component in rollout.get("components") or []:
            counts = counts_text(component) if component.get("desired") else ""
            words = [str(component.get("state") or ""), counts, str(component.get("message") or "")]
            self._once(str(component.get("component")), " ".join(w for w in words if w))
        if rollout.get("message") and rollout.get("state") == "progressing" and not rollout.get("components"):
            self._once("", f"{rollout.get('reason')}: {rollout['message']}")
        self.why = str(rollout.get("message") or "")
        self.tick(rollout)

    def event(self, event: Mapping[str, Any]) -> None:
        """An Event of the history: its sentence, where the picture does not show the same."""
        if event.get("kind") in SHOWN_BY_THE_PICTURE:
            return
        self._once(f"event {event.get('sequence')}", str(event.get("message") or ""), show_key=False)

    def tick(self, rollout: Mapping[str, Any]) -> None:
        seconds = self.clock() - self.began
        self.progress.tick(f"{seconds:.0f} s  {rollout.get('reason') or ''}: {rollout.get('message') or ''}")

    def beat(self) -> None:
        """The server is there and has nothing new: after a while that is worth a line too."""
        now = self.clock()
        if now - self.heard >= EVERY:
            self.heard = now
            self.progress.line(still_waiting(now - self.began, self.limit, self.why, old_answers=self.old_answers()))

    def _once(self, key: str, text: str, detail: Any = "", *, show_key: bool = True) -> None:
        whole = f"{text}: {detail}" if detail else text
        if whole and self.said.get(key) != whole:
            self.said[key] = whole
            self.heard = self.clock()
            self.progress.line(f"{key}: {whole}" if key and show_key else whole)


def watch(client: Client, rollout: Mapping[str, Any], limit: float, progress: Progress) -> dict[str, Any]:
    """The Rollout when it has settled, or as it was when `limit` seconds were over. A server that is away is waited
    for: what was wished is kept there. Ctrl-C says that the deploy goes on, and exits with 130."""
    deadline = time.monotonic() + limit
    watcher = Watcher(progress, limit, lambda: _ran_before(client, rollout))
    name, now = str(rollout["id"]), dict(rollout)

    def lost(error: McdError) -> None:
        progress.tick(f"{error.message} The deploy goes on; trying again.")

    try:
        while now.get("state") not in SETTLED and time.monotonic() < deadline:
            for heard in follow(
                client, f"/rollouts/{segment(name)}/events", until=deadline, lost=lost, beat=watcher.beat
            ):
                if heard.kind == "rollout":
                    now = {**now, **heard.data}
                    watcher.rollout(now)
                elif heard.kind == "end":
                    now = {**now, **heard.data}
                elif isinstance(heard.data, Mapping) and "message" in heard.data:
                    watcher.event(heard.data)
            now = {**now, **_read(client, name, now)}
            watcher.rollout(now)
    except KeyboardInterrupt:
        progress.end()
        note(f"mcd: stopped watching. The deploy goes on: `mcd status {rollout.get('app')} -w` watches it again.")
        raise typer.Exit(INTERRUPTED) from None
    progress.end()
    return now


def _ran_before(client: Client, rollout: Mapping[str, Any]) -> bool:
    """Whether the App was Ready with something else before: that goes on until the new pods are there."""
    try:
        rows = client.items(f"/apps/{segment(str(rollout.get('app')))}/rollouts", limit=20)
    except McdError:
        # Only a clause of a line hangs on it, and the watching has its own way to tell that the server is away.
        return False
    return any(r.get("state") == "ready" and r.get("id") != rollout.get("id") for r in rows)


def _read(client: Client, name: str, now: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(client.get(f"/rollouts/{segment(name)}"))
    except McdError as error:
        if error.reason == "ServerUnreachable":
            return dict(now)
        raise


def verdict(rollout: Mapping[str, Any], limit_text: str) -> int:
    """Says how it ended and answers the exit code: 0 Ready, 1 stalled, 5 overtaken, 124 not in time."""
    what = f"Rollout {rollout.get('number')} of {rollout.get('app')}"
    state, message = rollout.get("state"), str(rollout.get("message") or "")
    if state == "ready":
        return 0
    if state == "superseded":
        note(f"mcd: {what} was overtaken by a newer one. `mcd history {rollout.get('app')}` shows it.")
        return OVERTAKEN
    for component in rollout.get("components") or []:
        if component.get("state") == "failed":
            for line in component.get("evidence") or []:
                note(f"  {component.get('component')} | {line}")
    if state == "stalled":
        note(f"mcd: {what}: {rollout.get('reason')}: {message} See `mcd status {rollout.get('app')}`.")
        return FAILED
    note(
        f"mcd: {what} is not Ready after {limit_text}: {rollout.get('reason')}: {message} It goes on: "
        f"`mcd status {rollout.get('app')} -w`."
    )
    return TIMED_OUT
