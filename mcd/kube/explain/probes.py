"""What the checks of a container got: nothing that listens, a code, no answer; and which check killed it.

Pure, over the events that the kubelet writes about a pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcd.errors import echo
from mcd.kube.explain.facts import About, Cause, clean, evidence
from mcd.kube.explain.patterns import Said, match
from mcd.model.why import Note, Told, Value, Why, text, told

_WHICH = {"startup": Note.PROBE_STARTUP, "readiness": Note.PROBE_READINESS, "liveness": Note.PROBE_LIVENESS}
_GOT = {Why.NOTHING_LISTENS: Note.GOT_NOTHING, Why.PROBE_TIMEOUT: Note.GOT_LATE, Why.HTTP_CODE: Note.GOT_CODE}


def of_probes(about: About, statuses: Sequence[Mapping[str, Any]]) -> Cause | None:
    """Why a pod whose containers run is not ready, or None when no check has said anything."""
    running = [s for s in statuses if "running" in (s.get("state") or {}) and not s.get("ready")]
    said = about.event(("Unhealthy", "ProbeWarning"))
    if not running or not said:
        return None
    which = said.split(" probe ", 1)[0].lower() if " probe " in said else "health"
    meant = match(Said.PROBE, said)
    params: dict[str, Value] = {"said": _own_words(said), **(meant.params if meant is not None else {})}
    words = about.told(
        meant.why if meant is not None else Why.PROBE_OTHER, running[0],
        which=told(_WHICH.get(which, Note.PROBE_HEALTH)), asked=probe_asked(about, running[0], which),
        port=_port(about, running[0], which), **params,
    )  # fmt: skip
    return Cause(words, evidence(said), pod=about.name, container=str(running[0].get("name", "")))


def got(said: str) -> Told:
    """What a check got, in words."""
    meant = match(Said.PROBE, said)
    if meant is None:
        return _own_words(said)
    return told(_GOT[meant.why], **meant.params)


def _own_words(said: str) -> Told:
    """What a check said of itself; a program may fail without a word."""
    words = clean(said.partition("probe failed:")[2] if "probe failed:" in said else said)
    return text(words) if words else told(Note.GOT_NO_WORDS)


def killed_by(about: About, status: Mapping[str, Any], died: Mapping[str, Any]) -> tuple[str, str]:
    """Which check ended the last run of a container, startup or liveness, and what it said; empty: none did."""
    name = str(status.get("name", ""))
    told_so = about.event(("Killing",), f"Container {name} failed ")
    for which in ("startup", "liveness"):
        said = about.event(("Unhealthy",), f"{which.capitalize()} probe ")
        if told_so.startswith(f"Container {name} failed {which} probe"):
            return which, said or told_so
        if said and died.get("exitCode") in (137, 143) and died.get("reason") != "OOMKilled":
            return which, said
    return "", ""


def probe_asked(about: About, status: Mapping[str, Any], which: str) -> str | Told:
    """` (GET :8080/healthz)` or ` (a connection to :8080)`, when the pod says so."""
    for http, port in _asked(about, status, which):
        if http is None:
            return told(Note.ASKED_PORT, port=port)
        return told(Note.ASKED, port=port, path=echo(str(http.get("path", "/"))))
    return ""


def _port(about: About, status: Mapping[str, Any], which: str) -> Told:
    """The port that the check asks, by its number where the pod says it."""
    for _, port in _asked(about, status, which):
        return told(Note.PORT_IS, port=port)
    return told(Note.THE_PORT)


def _asked(about: About, status: Mapping[str, Any], which: str) -> Iterator[tuple[Mapping[str, Any] | None, str]]:
    """What the check asks over HTTP, None where it only connects, and at which port."""
    own = about.spec_of(status)
    for container in (own, *(about.spec.get("containers") or ())):
        probe = container.get(f"{which}Probe") or {}
        for kind in ("httpGet", "tcpSocket", "grpc"):
            if asked := probe.get(kind):
                yield (asked if kind == "httpGet" else None), echo(str(asked.get("port")))
