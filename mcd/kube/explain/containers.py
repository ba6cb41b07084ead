"""Why a container does not run: its image, its configuration, its program, and how it ended.

Pure, over the status that the kubelet writes and the events of its pod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from re import search
from typing import Any

from mcd.errors import echo
from mcd.kube.explain.facts import About, Cause, at, clean, cut, evidence
from mcd.kube.explain.patterns import Said, match
from mcd.kube.explain.probes import got, killed_by, probe_asked
from mcd.kube.fields import amount
from mcd.kube.status import time_of
from mcd.kube.steady import must_last, still_to_last
from mcd.model.why import Note, Told, Why, told

CRASHES = 2
"""Restarts after which a crash is no accident any more: about 30 s after the start."""

SLOW_PULL = timedelta(seconds=5)
"""How long a pull may take before it is told of."""

_PULL = frozenset({
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable",
    "ImageInspectError",
})  # fmt: skip
_START = frozenset({"RunContainerError", "CreateContainerError", "StartError", "PostStartHookError"})
_STARTS = frozenset({"", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"})


def of_container(about: About, status: Mapping[str, Any]) -> Cause | None:
    """Why one container does not run, or None when it does, or only starts."""
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    why, words = str(waiting.get("reason", "")), cut(waiting.get("message"))
    if why in _PULL:
        return _image(about, status, why, words)
    if why == "CreateContainerConfigError":
        return _config(about, status, words)
    if why in _START:
        return _cannot_start(about, status, words)
    if why not in _STARTS:
        said = clean(f"{why}: {words}" if words else why)
        return Cause(about.told(Why.UNKNOWN, status, said=said), evidence(words), False, about.name)
    left = still_to_last(status, about.seen.now) if about.seen.now is not None and status.get("ready") else 0.0
    died = last if why == "CrashLoopBackOff" or (last and (left or not status.get("ready"))) else ended
    if not died or (died.get("exitCode") == 0 and _ends_by_itself(about, status)):
        return _slow_pull(about, status, why) if not died else None
    if died.get("reason") in ("StartError", "ContainerCannotRun"):
        return _cannot_start(about, status, cut(died.get("message")))
    cause = _died(about, status, died)
    if not left:
        return cause
    again = told(Note.RUNS_AGAIN, seconds=f"{must_last(status):.0f}")
    return replace(cause, beside=(again,), final=False, again_in=left)


def _image(about: About, status: Mapping[str, Any], why: str, said: str) -> Cause:
    image = echo(str(status.get("image") or about.spec_of(status).get("image", "")), 200)
    words = said or about.event(("Failed",)) or why
    if "Back-off pulling image" in words:
        # What the kubelet says of a back-off repeats the error in some versions, and leaves it out in others.
        words = f"{words} {about.event(('Failed',), 'Failed to pull image')}"
    # At a back-off the kubelet has tried and waits longer each time; between two tries it says ErrImagePull again.
    backs_off = why == "ImagePullBackOff" or bool(about.event(("BackOff",), "Back-off pulling image"))
    # The name of the image is in the words: one that is called "denied" is not denied.
    meant = match(Said.PULL, f"{why} {words.replace(str(status.get('image') or ' '), ' ')}")
    state = meant.why if meant is not None else Why.REGISTRY_UNREACHABLE
    final = backs_off or bool(meant is not None and meant.final)
    return Cause(about.told(state, status, image=image, kind=echo(why)), evidence(words), final, about.name)


def _slow_pull(about: About, status: Mapping[str, Any], why: str) -> Cause | None:
    if why not in ("ContainerCreating", "PodInitializing") or about.seen.now is None:
        return None
    newest = about.newest(("Pulling", "Pulled", "Failed", "BackOff"))
    if newest is None or newest.get("reason") != "Pulling":
        return None
    since = time_of(
        newest.get("lastTimestamp") or newest.get("eventTime") or newest["metadata"].get("creationTimestamp")
    )
    if since is None or about.seen.now - since < SLOW_PULL:
        return None
    image = echo(str(about.spec_of(status).get("image") or status.get("image", "")), 200)
    if image not in cut(newest.get("message")):
        return None
    words = about.told(Why.IMAGE_SLOW, status, image=image, since=at(since.isoformat()))
    return Cause(words, evidence(newest.get("message")), False, about.name)


def _config(about: About, status: Mapping[str, Any], said: str) -> Cause:
    meant = match(Said.CONFIG, said)
    state = meant.why if meant is not None else Why.CONFIG_OTHER
    params = dict(meant.params) if meant is not None else {}
    return Cause(about.told(state, status, said=clean(said), **params), evidence(said), True, about.name)


def _cannot_start(about: About, status: Mapping[str, Any], said: str) -> Cause:
    words = " ".join(str(c) for c in about.spec_of(status).get("command") or ())
    command: str | Told = echo(words) if words else told(Note.OF_IMAGE)
    meant = match(Said.START, said)
    state = meant.why if meant is not None else Why.COMMAND_OTHER
    # Of a text that is cut the end says most: runc puts what it tried before what failed.
    short = clean(said if len(said) < 300 else said[-280:])
    return Cause(about.told(state, status, command=command, said=short), evidence(said), True, about.name)


def _died(about: About, status: Mapping[str, Any], died: Mapping[str, Any]) -> Cause:
    restarts, code = int(status.get("restartCount") or 0), str(died.get("exitCode"))
    name = str(status.get("name", ""))
    again: str | Told = told(Note.RESTARTS, n=restarts) if restarts else ""
    lines = evidence(died.get("message"))
    final, runs_again = restarts >= CRASHES, "running" in (status.get("state") or {})

    def cause(why: Told, shown: tuple[str, ...] = lines) -> Cause:
        return Cause(why, shown, final, about.name, name, runs_again)

    if died.get("reason") == "OOMKilled":
        limit = ((about.spec_of(status).get("resources") or {}).get("limits") or {}).get("memory")
        at_limit: str | Told = told(Note.AT_LIMIT, limit=echo(str(limit))) if limit else ""
        return cause(about.told(Why.OUT_OF_MEMORY, status, at=at_limit, code=code, again=again, more=_double(limit)))
    which, probe = killed_by(about, status, died)
    if which == "startup":
        asked = probe_asked(about, status, "startup")
        return cause(
            about.told(Why.STARTUP_TIMEOUT, status, asked=asked, again=again, what=got(probe)), evidence(probe)
        )
    if which == "liveness":
        return cause(about.told(Why.KILLED_BY_LIVENESS, status, code=code, again=again), evidence(probe))
    following = _next_try(status, died)
    if name != about.component:
        how = told(Note.ENDS_ZERO) if code == "0" else told(Note.ENDS_CODE, code=code)
        words = about.told(Why.SIDECAR_FAILS, status, name=echo(name), how=how, again=again, next=following, code=code)
        return cause(words)
    if code == "0":
        return cause(about.told(Why.ENDS_WITH_SUCCESS, status, again=again, next=following, code=code))
    loops = Why.CRASH_LOOP if final else Why.ENDS_WITH_CODE
    return cause(about.told(loops, status, code=code, again=again, next=following))


def with_last_lines(cause: Cause, lines: Sequence[str]) -> Cause:
    """The cause with what the program said before it died: a disk that is full or read-only is told by itself."""
    if cause.why not in (Why.CRASH_LOOP, Why.ENDS_WITH_CODE, Why.SIDECAR_FAILS):
        return cause
    meant = match(Said.LAST_LINES, "\n".join(line[:500] for line in lines[-5:]))
    return cause if meant is None else replace(cause, told=replace(cause.told, key=meant.why))


def _next_try(status: Mapping[str, Any], died: Mapping[str, Any]) -> str | Told:
    """When the kubelet starts it again: the end, and the back-off that it names."""
    waiting = (status.get("state") or {}).get("waiting") or {}
    found = search(r"back-off (?:(\d+)m)?(?:(\d+)s)? restarting", cut(waiting.get("message")))
    ended = time_of(died.get("finishedAt"))
    if found is None or ended is None:
        return ""
    wait = timedelta(minutes=int(found[1] or 0), seconds=int(found[2] or 0))
    return told(Note.NEXT_TRY, at=f"{ended + wait:%H:%M:%S}")


def _double(limit: object) -> str:
    """Twice a limit of memory, as one writes it."""
    number = amount(limit)
    if number is None:
        return "MEMORY"
    mebibytes = int(number * 2) // 2**20
    return f"{mebibytes // 1024}Gi" if mebibytes and mebibytes % 1024 == 0 else f"{mebibytes}Mi"


def _ends_by_itself(about: About, status: Mapping[str, Any]) -> bool:
    """An init container that is no sidecar, and a container of a Job, may end with 0."""
    init = any(
        c.get("name") == status.get("name") and c.get("restartPolicy") != "Always"
        for c in about.spec.get("initContainers") or ()
    )
    return init or about.spec.get("restartPolicy", "Always") != "Always"
