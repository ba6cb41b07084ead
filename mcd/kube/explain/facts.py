"""What a cause is made of: the live objects that were seen, a pod among them, and its words cut to what a person reads.

Pure. Whatever a cluster says is bounded before it is looked at: a line of ten megabytes costs what a short one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcd.errors import echo
from mcd.model import NodeRow, Reason
from mcd.model.why import WORDS, Note, Told, Value, Why, told, whole
from mcd.objects import INSTANCE, Object

EVIDENCE_LINES = 20
WORDS_LIMIT = 300
READ_LIMIT = 16_000
"""Characters of one message that are looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known about one component. `events` are those of its namespace; `placed` are pods of every namespace,
    asked for only when a pod waits for a node. With `now`, a container that died is told of until it has lasted."""

    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    nodes: Sequence[Object] = ()
    placed: Sequence[Object] = ()
    now: datetime | None = None
    desired: int = 1
    """How many pods of the version that is looked at are wished."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something does not run. `final`: it does not mend itself, so waiting longer is of no use."""

    told: Told
    evidence: tuple[str, ...] = ()
    final: bool = False
    pod: str = ""
    container: str = ""
    """The container that died, whose last log lines belong to the evidence."""
    previous: bool = False
    """It runs again by now, so its last words are in the log of the run before."""
    again_in: float = 0.0
    """Seconds after which it is well if it lasts so long. 0: it does not run, or nobody can say."""
    beside: tuple[Told, ...] = ()
    """What else is to be said with it."""
    nodes: tuple[NodeRow, ...] = ()

    @property
    def why(self) -> Why:
        assert isinstance(self.told.key, Why)
        return self.told.key

    @property
    def reason(self) -> Reason:
        return WORDS[self.why].reason

    @property
    def all_told(self) -> tuple[Told, ...]:
        return (self.told, *self.beside)

    @property
    def message(self) -> str:
        return whole(self.all_told)


@dataclass(frozen=True, slots=True)
class About:
    """One pod of a component, among what was seen."""

    component: str
    pod: Object
    seen: Seen
    name: str = field(default="")

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.pod.get("spec") or {}

    @property
    def status(self) -> Mapping[str, Any]:
        return self.pod.get("status") or {}

    @property
    def node(self) -> str:
        return echo(str(self.spec.get("nodeName") or "?"))

    @property
    def app(self) -> str:
        return app_of(self.pod)

    def spec_of(self, status: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the pod's spec says of a container of its status."""
        for container in [*(self.spec.get("initContainers") or ()), *(self.spec.get("containers") or ())]:
            if container.get("name") == status.get("name"):
                found: Mapping[str, Any] = container
                return found
        return {}

    def told(self, why: Why, status: Mapping[str, Any] | None = None, /, **params: Value) -> Told:
        """A state of this pod, with the parameters that many sentences and steps need. With `status`, of that
        container; the main one has the component's name."""
        name = str((status or {}).get("name", ""))
        main = name in ("", self.component)
        given: dict[str, Value] = {
            "app": self.app,
            "component": echo(self.component),
            "node": self.node,
            "where": f"components.{self.component}" + ("" if main else f".sidecars.{echo(name)}"),
            "who": "" if main else told(Note.WHO, name=echo(name)),
            "beside": "" if main else echo(name),
        }
        return told(why, **{**given, **params})

    def event(self, reasons: Sequence[str], begins: str = "", has: str = "") -> str:
        """The message of the newest event of this pod with one of these reasons, cut."""
        newest = self.newest(reasons, begins, has)
        return cut(newest.get("message")) if newest is not None else ""

    def newest(self, reasons: Sequence[str], begins: str = "", has: str = "") -> Object | None:
        """The newest event of this pod with one of these reasons; none at all: of any reason."""
        uid = self.pod["metadata"].get("uid")
        found = [
            e
            for e in self.seen.events
            if (not reasons or e.get("reason") in reasons)
            and (e.get("involvedObject") or {}).get("name") == self.name
            and (e.get("involvedObject") or {}).get("uid", uid) in (uid, None, "")
            and cut(e.get("message")).startswith(begins)
            and has in cut(e.get("message"))
        ]
        return max(found, key=event_time, default=None)


def app_of(obj: Mapping[str, Any]) -> str:
    """The App that an object belongs to, by its label."""
    return echo(str((obj["metadata"].get("labels") or {}).get(INSTANCE) or "APP"))


def event_time(event: Mapping[str, Any]) -> str:
    """When an event was last seen; texts of RFC 3339 in UTC, so that they compare as texts."""
    series = event.get("series") or {}
    for value in (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")):
        if value:
            return str(value)
    return str(event["metadata"].get("creationTimestamp") or "")


def cut(text: object) -> str:
    """As much of a message as is looked at."""
    return str(text or "")[:READ_LIMIT]


def clean(text: str) -> str:
    """A message as it may stand in a sentence: one line, cut, nothing in it that is not printable."""
    return echo(" ".join(cut(text).split()), WORDS_LIMIT).rstrip(".")


def evidence(text: object) -> tuple[str, ...]:
    """The last lines of what was said, each cut."""
    words = str(text or "")[-READ_LIMIT:]
    return tuple(echo(line, WORDS_LIMIT) for line in words.splitlines() if line.strip())[-EVIDENCE_LINES:]


def at(text: object) -> str:
    """A time of the cluster as people read it, or `?`."""
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return "?"
