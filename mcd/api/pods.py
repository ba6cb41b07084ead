"""/apps/{app}/pods and /apps/{app}/logs: what runs of an App now, and what it says.

Reads through the cluster's API, for people who may; changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from starlette.requests import Request

from mcd.api import places, tails
from mcd.api.access import (
    Credential,
    Reader,
    RuntimeOf,
    Sheller,
    actor_of,
    credential_of,
    throttle_of,
)
from mcd.api.app_shapes import Container, Pod
from mcd.api.build_logs import build_lines
from mcd.api.components import refuse_unknown
from mcd.api.last_words import as_lines, last_words
from mcd.api.paths import WHOLE, AppName, Component
from mcd.api.places import Place
from mcd.api.shapes import Page
from mcd.api.strict import StrictRoute
from mcd.api.throttle import Throttle
from mcd.errors import Code, McdError, echo, not_found
from mcd.kube.cluster import Cluster
from mcd.kube.status import time_of
from mcd.model import Noun, Verb
from mcd.objects import COMPONENT, Object
from mcd.runtime import Runtime
from mcd.store.authorize import require

router = APIRouter(prefix="/api/v1", tags=["pods"], route_class=StrictRoute)

_DURATION = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@router.get("/apps/{app}/pods", operation_id="list_pods", dependencies=[WHOLE])
async def list_pods(
    app: AppName,
    actor: Reader,
    runtime: RuntimeOf,
    component: Annotated[Component | None, Query(max_length=63, description="Only pods of this component.")] = None,
) -> Page[Pod]:
    """The pods of an App as the cluster has them now. Not paged: an App's pods fit one answer."""
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.READ)
    cluster = await places.client_of(runtime, place)
    return Page(items=[pod_shape(pod) for pod in await places.pods_of(cluster, place, component)])


@router.get(
    "/apps/{app}/logs",
    operation_id="read_logs",
    response_class=StreamingResponse,
    responses={200: {"description": "Lines of text.", "content": {"text/plain": {"example": "listening on 8080\n"}}}},
)
async def read_logs(
    request: Request,
    app: AppName,
    actor: Sheller,
    runtime: RuntimeOf,
    component: Annotated[Component | None, Query(max_length=63, description="Only pods of this component.")] = None,
    pod: Annotated[str | None, Query(max_length=253, description="Only this pod.")] = None,
    container: Annotated[str | None, Query(max_length=63, description="Default: the component's own.")] = None,
    follow: Annotated[bool, Query(description="Go on with what comes, also from pods that start later.")] = False,
    previous: Annotated[bool, Query(description="Of the container that ended before this one.")] = False,
    tail: Annotated[int | None, Query(ge=0, le=100_000, description="Only so many last lines of each.")] = None,
    since: Annotated[str | None, Query(max_length=10, description="Only what is younger: 30s, 10m, 2h, 1d.")] = None,
    timestamps: Annotated[bool, Query(description="Begin each line with its time.")] = False,
    prefix: Annotated[bool, Query(description="Begin each line with pod and container.")] = False,
    build: Annotated[bool, Query(description="The builder's output for the newest Release instead.")] = False,
) -> Response:
    """The log of an App's containers, as lines. Unavailable pods say why in a line that begins with `mcd:`."""
    credential = credential_of(request)
    assert credential is not None
    throttle = throttle_of(request)
    throttle.room(actor.person)
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.SHELL)
    if build:
        return _text(request, build_lines(runtime, credential, app, None, follow=follow), throttle, actor.person)
    wanted = Wanted(app, component, pod, container, previous=previous)
    # What ended says no more.
    follow = follow and not previous
    options = tails.Options(follow, previous, tail, seconds_of(since), timestamps, prefix)
    cluster = await places.client_of(runtime, place)
    try:
        first = await sources_of(cluster, place, wanted)
    except McdError as error:
        if not previous or pod is None or error.code is not Code.NOT_FOUND:
            raise
        first = []
    if not first:
        await refuse_unknown(runtime, actor, app, component)
    if not first and not follow and not previous:
        raise McdError(
            Code.NOT_FOUND, f'App "{app}" has no such pod now.', "See `mcd status`; --build shows its build."
        )
    if not follow and not previous:
        _refuse_unstarted(app, first)
    found = Finder(runtime, credential, cluster, place, wanted, first)
    lines = tails.lines(cluster, place.line.namespace, found, options)
    if previous:
        begun = await anext(lines, None)
        if begun is None:
            async with runtime.db.reading() as tx:
                kept = await last_words(actor, tx, app, component, only=pod or container)
            if kept is None:
                raise _none_ended(app, pod)
            lines = as_lines(kept, prefix=prefix)
        else:
            lines = _from(begun, lines)
    return _text(request, lines, throttle, actor.person)


def _refuse_unstarted(app: str, found: Sequence[tails.Source]) -> None:
    """Raises McdError(conflict) when no container that is meant ever started: there are no lines, only a wait."""
    waiting = [(source.pod, source.waits.message) for source in found if source.waits is not None]
    if not waiting or len(waiting) < len(found):
        return
    pod, why = waiting[0]
    more = f" ({len(waiting) - 1} more wait too)" if len(waiting) > 1 else ""
    raise McdError(
        Code.CONFLICT,
        f"{pod}{more}: {why}",
        f"`mcd why {app}` says what to do; `mcd logs {app} -f` waits for the first line.",
        reason="NotStarted",
    )


def _none_ended(app: str, pod: str | None) -> McdError:
    which = f'the pod "{echo(pod)}"' if pod else f"no pod of {app}"
    has = "has no container that ended, or it is gone with its log" if pod else "has a container that ended before"
    return McdError(Code.NOT_FOUND, f"{which} {has}.", f"See `mcd status {app}`.", reason="NoPreviousLog")


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for line in rest:
        yield line


def _text(request: Request, source: AsyncIterator[bytes], throttle: Throttle, person: str) -> StreamingResponse:
    async def counted() -> AsyncIterator[bytes]:
        with throttle.stream(person, "log"):
            async for line in source:
                yield line

    request.scope["state"]["stream"] = "log"
    return StreamingResponse(counted(), media_type="text/plain; charset=utf-8", headers={"X-Accel-Buffering": "no"})


class Wanted:
    """Which containers of an App are meant. None: all of it. `previous`: those that ended, of the newest pods."""

    def __init__(
        self, app: str, component: str | None, pod: str | None, container: str | None, *, previous: bool = False
    ) -> None:
        self.app, self.component, self.pod, self.container = app, component, pod, container
        self.previous = previous


class Finder:
    """Finds the containers to read; from the second time on also whether the person may still read them."""

    def __init__(
        self, runtime: Runtime, credential: Credential, cluster: Cluster, place: Place, wanted: Wanted,
        first: Sequence[tails.Source],
    ) -> None:  # fmt: skip
        self.runtime, self.credential, self.cluster = runtime, credential, cluster
        self.place, self.wanted = place, wanted
        self.first: Sequence[tails.Source] | None = first
        self.found = first

    async def __call__(self) -> Sequence[tails.Source]:
        if self.first is not None:
            first, self.first = self.first, None
            return first
        actor = await actor_of(self.runtime, self.credential)
        require(actor, Verb.SHELL, Noun.APP, self.wanted.app, self.place.app.product_line)
        self.found = await sources_of(self.cluster, self.place, self.wanted)
        return self.found


async def sources_of(cluster: Cluster, place: Place, wanted: Wanted) -> list[tails.Source]:
    pods = await places.pods_of(cluster, place, wanted.component)
    if wanted.pod is not None:
        pods = [pod for pod in pods if pod["metadata"]["name"] == wanted.pod]
        if not pods:
            raise not_found("pod", wanted.pod)
    found = []
    for pod in _newest(pods) if wanted.previous and wanted.pod is None else pods:
        name = places.container_of(pod, wanted.container)
        status = places.statuses(pod).get(name, {})
        uid, restarts = str(pod["metadata"].get("uid", "")), int(status.get("restartCount", 0))
        running = "running" in (status.get("state") or {})
        waits = _waits(place.app.name, pod, name)
        found.append(tails.Source(pod["metadata"]["name"], uid, name, restarts, _ends(status), running, waits))
    return found


def _waits(app: str, pod: Object, container: str) -> McdError | None:
    """Why a container never started; None for one that did."""
    of_pod = pod.get("status", {})
    if of_pod.get("phase", "Pending") != "Pending":
        return None
    told = [*(of_pod.get("initContainerStatuses") or ()), *(of_pod.get("containerStatuses") or ())]
    status: Mapping[str, Any] = next((one for one in told if one.get("name") == container), {})
    state = status.get("state") or {}
    if "running" in state or "terminated" in state or status.get("lastState"):
        return None
    unplaced = _unscheduled(pod)
    why = str((state.get("waiting") or {}).get("reason") or "")
    if unplaced:
        why = f"no node takes it: {echo(unplaced, 300)}"
    elif not why and not pod.get("spec", {}).get("nodeName"):
        why = "no node has taken it yet"
    said = f"it has not started: {why.rstrip('.')}." if why else "it has not started."
    return McdError(Code.INVALID, said, f"`mcd why {app}` says what to do.")


def _newest(pods: Sequence[Object]) -> list[Object]:
    """Of each component the pods of the version that was made last: what one of an older version ended with long ago is
    no news of this one."""
    latest: dict[str, tuple[str, str]] = {}
    for pod in pods:
        made = str(pod["metadata"].get("creationTimestamp") or ""), places.label(pod, _VERSION)
        component = places.label(pod, COMPONENT)
        latest[component] = max(made, latest.get(component, ("", "")))
    return [pod for pod in pods if places.label(pod, _VERSION) == latest[places.label(pod, COMPONENT)][1]]


_VERSION = "pod-template-hash"


def _ends(status: Mapping[str, Any]) -> tuple[bool, ...]:
    """Where the log of the run that ended last is. Between two tries it is the present one, until the next begins."""
    state = status.get("state") or {}
    before = "terminated" in (status.get("lastState") or {})
    if "running" in state:
        return (True,) if before else ()
    return (False, True) if before or "terminated" in state else ()


def seconds_of(text: str | None) -> int | None:
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise McdError(Code.INVALID, "since is not a duration.", "Write it like 30s, 10m, 2h or 1d.")
    return int(match[1]) * _SECONDS[match[2]]


# --- shapes ----------------------------------------------------------------------------------------------------------


def pod_shape(pod: Object) -> Pod:
    by_name = places.statuses(pod)
    shown = [_container(c, by_name.get(str(c["name"]), {})) for c in pod.get("spec", {}).get("containers") or ()]
    status = pod.get("status", {})
    meta = pod["metadata"]
    said = next((c.reason for c in shown if c.reason), "") or str(status.get("message") or status.get("reason") or "")
    return Pod(
        name=meta["name"],
        component=places.label(pod, COMPONENT),
        phase="Terminating" if meta.get("deletionTimestamp") else str(status.get("phase", "Pending")),
        ready=places.is_ready(pod),
        restarts=sum(c.restarts for c in shown),
        node=str(pod.get("spec", {}).get("nodeName") or ""),
        commit=_commit(pod),
        created_at=time_of(meta.get("creationTimestamp")),
        containers=shown,
        message=_unscheduled(pod) or said,
    )


def _unscheduled(pod: Object) -> str:
    """The scheduler's words about a pod that it can place nowhere."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return next((str(c.get("message", "")) for c in conditions if c.get("reason") == "Unschedulable"), "")


def _container(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Container:
    state = status.get("state") or {}
    word = next((w for w in ("running", "waiting", "terminated") if w in state), "waiting")
    return Container(
        name=str(spec["name"]),
        ready=bool(status.get("ready", False)),
        restarts=int(status.get("restartCount", 0)),
        state=word,
        reason=str((state.get(word) or {}).get("reason") or ""),
        image=str(spec.get("image", "")),
    )


def _commit(pod: Object) -> str:
    """The commit that the pod's component was changed by last, as it is told to the program."""
    variables = [v for c in pod.get("spec", {}).get("containers") or () for v in c.get("env") or ()]
    return next((str(v.get("value", "")) for v in variables if v.get("name") == "MCD_COMMIT"), "")
