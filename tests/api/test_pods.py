"""What runs and what it says, for people who may: pods, logs, and commands over a WebSocket with a one-use ticket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mcd.api import shells, tails
from mcd.api.shells import Patience
from mcd.errors import Code
from mcd.kube.cluster import ExecChunk, ExecSession, KubeError, KubeReason
from mcd.kube.memory import MemoryCluster
from mcd.objects import INSTANCE, MANAGED_BY, Ref
from tests.api.client import Api, api_of
from tests.api.serving import serving
from tests.controllers.world import world

TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:2", replicas: 2}
  worker: {type: daemon, image: "registry.test/worker:1", command: [run]}
"""


class Echo:
    """A command that echoes what it is sent, until its input ends."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.size = (0, 0)

    async def __aenter__(self) -> Echo:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def __aiter__(self) -> AsyncIterator[ExecChunk]:
        while (data := await self.queue.get()) is not None:
            yield ExecChunk("stdout", data)
        yield ExecChunk("", f"{self.size}".encode(), exit_code=0)

    async def send(self, data: bytes) -> None:
        await self.queue.put(data)

    async def close_stdin(self) -> None:
        await self.queue.put(None)

    async def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)


class Shells(MemoryCluster):
    """A cluster whose `cat` is a real conversation."""

    echo: Echo

    async def exec(self, namespace: str, pod: str, container: str, command: Sequence[str], **more: bool) -> ExecSession:
        if list(command) == ["cat"]:
            self.echo = Echo()
            return self.echo
        return await super().exec(namespace, pod, container, command, **more)


@pytest.fixture
async def running(tmp_path: Path, template: Path) -> AsyncIterator[Api]:
    async with world(tmp_path, template, Shells()) as here:
        api = await api_of(here, Patience(recheck=0.05, idle=1.0))
        await api.deployed(TWO)
        for pod in pods(api):
            here.kube.set_logs("demo", pod, pod.split("-")[1], [f"{pod} line {n}".encode() for n in range(3)])
        yield api


def pods(api: Api, component: str = "") -> list[str]:
    return sorted(
        ref.name for ref in api.world.kube.objects() if ref.kind == "Pod" and ref.name.startswith(f"hello-{component}")
    )


def foreign(api: Api, name: str = "hello-web-evil") -> str:
    """A pod that somebody made by hand, with all the right labels."""
    labels = {INSTANCE: "hello", MANAGED_BY: "mcd", "app.kubernetes.io/component": "web"}
    api.world.kube.person(
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "demo", "labels": labels},
            "spec": {"containers": [{"name": "web", "image": "x"}]},
        }
    )  # fmt: skip
    return name


# --- pods and logs ---------------------------------------------------------------------------------------------------


async def test_pods_are_listed_with_component_readiness_and_commit(running: Api) -> None:
    found = (await running.get("/api/v1/apps/hello/pods", "vera")).json()["items"]
    assert [p["component"] for p in found] == ["web", "web", "worker"]
    assert all(p["ready"] and p["phase"] == "Running" and len(p["commit"]) == 40 for p in found)
    only = (await running.get("/api/v1/apps/hello/pods?component=worker")).json()["items"]
    assert [p["name"] for p in only] == pods(running, "worker")


async def test_logs_of_all_containers_of_a_component_come_as_lines(running: Api) -> None:
    answer = await running.get("/api/v1/apps/hello/logs?component=web")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    expected = {f"{pod} line {n}" for pod in pods(running, "web") for n in range(3)}
    assert set(answer.text.splitlines()) == expected
    one = pods(running, "web")[0]
    tail = await running.get(f"/api/v1/apps/hello/logs?pod={one}&tail=1&prefix=true")
    assert tail.text == f"{one} web {one} line 2\n"


async def test_logs_of_what_is_not_there_say_so(running: Api) -> None:
    for query in ("component=none", "pod=none", "component=web&container=none"):
        answer = await running.get(f"/api/v1/apps/hello/logs?{query}")
        assert answer.status_code == 404, query
    assert (await running.get("/api/v1/apps/hello/logs?since=yesterday")).status_code == 422
    assert (await running.get("/api/v1/apps/hello/logs", "vera")).status_code == 403


def begin(api: Api, pod: str, *, scheduler: str = "", state: dict[str, Any] | None = None) -> None:
    """Puts a pod back to where it has not started: it is nowhere, or on a node in this state."""
    kube = api.world.kube
    ref = Ref("v1", "Pod", "demo", pod)
    found = [{"name": pod.split("-")[1], "restartCount": 0, "state": state}] if state else []
    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": scheduler}
    kube.set_status(
        ref, {"phase": "Pending", "containerStatuses": found, "conditions": [unplaced] if scheduler else []}
    )


async def test_logs_of_pods_that_never_started_say_which_waits_for_what(running: Api) -> None:
    first, second = pods(running, "web")
    begin(running, first, scheduler="0/3 nodes are available: 3 Insufficient cpu.")
    begin(running, second, state={"waiting": {"reason": "ImagePullBackOff"}})
    answer = await running.get("/api/v1/apps/hello/logs?component=web")
    assert (answer.status_code, answer.json()["reason"]) == (409, "NotStarted")
    told = answer.json()["detail"]
    assert told.startswith(
        f"{first} (1 more wait too): it has not started: no node takes it: 0/3 nodes are available: 3 Insufficient cpu."
    )
    assert "`mcd why hello` says what to do; `mcd logs hello -f` waits for the first line." in told
    answer = await running.get(f"/api/v1/apps/hello/logs?pod={second}")
    assert (answer.status_code, answer.json()["detail"].split(". ")[0]) == (
        409, f"{second}: it has not started: ImagePullBackOff",
    )  # fmt: skip
    both = await running.get("/api/v1/apps/hello/logs?tail=1")
    assert both.status_code == 200, "what did start is shown"
    worker = pods(running, "worker")[0]
    assert set(both.text.splitlines()) == {
        f"{worker} line 2",
        f"mcd: {first} web: it has not started: no node takes it: 0/3 nodes are available: 3 Insufficient cpu. "
        "`mcd why hello` says what to do.",
        f"mcd: {second} web: it has not started: ImagePullBackOff. `mcd why hello` says what to do.",
    }
    page = (await running.get("/apps/hello/logs?component=web", headers={"Accept": "text/html"})).text
    assert f"{second} web: it has not started: ImagePullBackOff." in page


async def test_the_build_log_of_the_newest_release(running: Api) -> None:
    empty = await running.get("/api/v1/apps/hello/logs?build=true")
    assert (empty.status_code, empty.text) == (200, "")
    assert (await running.get("/api/v1/apps/hello/releases/1/log", "vera")).status_code == 200
    assert (await running.get("/api/v1/apps/hello/releases/9/log", "vera")).status_code == 404


async def test_followed_logs_go_on_with_pods_that_start_later(running: Api) -> None:
    cluster = running.world.kube
    there = [tails.Source("a", "u1", "web", 0)]

    async def find() -> Sequence[tails.Source]:
        return there

    for name in ("a", "b"):
        foreign(running, name)
    cluster.set_logs("demo", "a", "web", [b"from a"])
    cluster.set_logs("demo", "b", "web", [b"from b"])
    lines = tails.lines(cluster, "demo", find, tails.Options(follow=True, look_again=0.05))
    assert await anext(lines) == b"from a\n"
    there.append(tails.Source("b", "u2", "web", 0))
    assert await asyncio.wait_for(anext(lines), 5) == b"from b\n"
    await lines.aclose()


async def test_a_log_that_cannot_be_read_says_so_in_a_line(running: Api) -> None:
    class Away(MemoryCluster):
        async def logs(self, *_: Any, **__: Any) -> AsyncIterator[bytes]:  # type: ignore[override]
            raise KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster does not answer.")
            yield b""

    async def find() -> Sequence[tails.Source]:
        return [tails.Source("a", "u1", "web", 0)]

    got = [line async for line in tails.lines(Away(), "demo", find, tails.Options())]
    assert got == [b"mcd: a web: the cluster does not answer.\n"]


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def url(running: Api) -> AsyncIterator[str]:
    async with serving(running.app) as address:
        yield address


async def ticket(api: Api, wish: dict[str, object], person: str = "dora") -> str:
    answer = await api.post("/api/v1/apps/hello/exec", wish, person)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


def connect(api: Api, url: str, text: str, person: str = "dora", app: str = "hello", **headers: str) -> Any:
    address = f"{url.replace('http', 'ws', 1)}/api/v1/apps/{app}/exec?ticket={text}"
    given = {"Authorization": f"Bearer {api.tokens[person]}", **headers}
    return websockets.connect(address, additional_headers=given)


async def test_a_command_runs_in_a_pod_of_the_component_and_tells_its_exit(running: Api, url: str) -> None:
    running.world.kube.set_commands(lambda command: (b"out of " + command[0].encode(), b"warned", 7))
    text = await ticket(running, {"component": "web", "command": ["id", "-u"]})
    async with connect(running, url, text) as socket:
        frames = [frame async for frame in socket]
    assert frames == [b"\x01out of id", b"\x02warned", b'\x03{"exit_code": 7}']
    assert (socket.close_code, socket.close_reason) == (1000, "exit 7")
    events = (await running.get("/api/v1/events?kind=exec")).json()["items"]
    assert len(events) == 1
    assert events[0]["actor"] == "dora"
    assert events[0]["data"]["command"] == "id -u"
    assert events[0]["data"]["pod"] in pods(running, "web")


async def test_a_ticket_is_good_once(running: Api, url: str) -> None:
    text = await ticket(running, {"component": "web", "command": ["true"]})
    async with connect(running, url, text) as socket:
        await socket.wait_closed()
    with pytest.raises(InvalidStatus) as refused:
        await connect(running, url, text)
    assert refused.value.response.status_code == 401
    assert b"TicketRefused" in refused.value.response.body
    assert len((await running.get("/api/v1/events?kind=exec")).json()["items"]) == 1


async def test_a_ticket_is_good_for_its_person_its_app_and_thirty_seconds_only(running: Api, url: str) -> None:
    wish = {"component": "web", "command": ["true"]}
    with pytest.raises(InvalidStatus):
        await connect(running, url, await ticket(running, wish), "olaf")
    with pytest.raises(InvalidStatus):
        await connect(running, url, await ticket(running, wish), app="other-app")
    text = await ticket(running, wish)
    running.world.clock.forward(shells.TICKET_SECONDS + 1)
    with pytest.raises(InvalidStatus):
        await connect(running, url, text)
    for forged in ("", "x", "A" * 80, text[:-4] + "AAAA"):
        with pytest.raises(InvalidStatus):
            await connect(running, url, forged)
    assert (await running.get("/api/v1/events?kind=exec")).json()["items"] == []


async def test_another_site_cannot_open_a_shell_with_our_cookie(running: Api, url: str) -> None:
    text = await ticket(running, {"component": "web", "command": ["true"]})
    with pytest.raises(InvalidStatus) as refused:
        await connect(running, url, text, Origin="https://evil.example")
    assert refused.value.response.status_code == 403
    assert (await running.get("/api/v1/events?kind=exec")).json()["items"] == []


async def test_no_shell_without_a_credential_and_none_for_viewers(running: Api, url: str) -> None:
    text = await ticket(running, {"component": "web", "command": ["true"]})
    address = f"{url.replace('http', 'ws', 1)}/api/v1/apps/hello/exec?ticket={text}"
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(address)
    assert refused.value.response.status_code == 401
    wish = {"component": "web", "command": ["sh"]}
    assert (await running.post("/api/v1/apps/hello/exec", wish, "vera")).status_code == 403
    assert (await running.post("/api/v1/apps/hello/exec", wish, "nina")).status_code == 404


async def test_a_pod_that_only_bears_our_labels_is_not_ours(running: Api) -> None:
    name = foreign(running)
    answer = await running.post("/api/v1/apps/hello/exec", {"pod": name, "command": ["sh"]})
    assert answer.status_code == 404
    for ref in [Ref("v1", "Pod", "demo", pod) for pod in pods(running, "web") if pod != name]:
        running.world.kube.person_deletes(ref)
    assert (await running.post("/api/v1/apps/hello/exec", {"component": "web"})).status_code == 404


async def test_a_pod_that_was_made_again_since_the_ticket_is_another_one(running: Api, url: str) -> None:
    pod = pods(running, "worker")[0]
    text = await ticket(running, {"pod": pod, "command": ["true"]})
    ref = Ref("v1", "Pod", "demo", pod)
    before = running.world.kube.objects()[ref]
    running.world.kube.person_deletes(ref)
    kept = {k: v for k, v in before["metadata"].items() if k in ("name", "namespace", "labels", "ownerReferences")}
    running.world.kube.person({**before, "metadata": kept})
    with pytest.raises(InvalidStatus) as refused:
        await connect(running, url, text)
    assert refused.value.response.status_code == 404


async def test_which_component_is_asked_when_there_are_several(running: Api) -> None:
    answer = await running.post("/api/v1/apps/hello/exec", {"command": ["sh"]})
    assert answer.status_code == 422
    assert "web, worker" in answer.json()["detail"]


async def test_input_size_and_the_end_of_input_reach_the_command(running: Api, url: str) -> None:
    text = await ticket(running, {"component": "web", "command": ["cat"], "tty": True})
    async with connect(running, url, text) as socket:
        await socket.send(b"\x00hello")
        assert await asyncio.wait_for(socket.recv(), 10) == b"\x01hello"
        await socket.send(b"\x04" + json.dumps({"columns": 120, "rows": 40}).encode())
        await socket.send(b"\x00")
        assert await asyncio.wait_for(socket.recv(), 10) == b'\x03{"exit_code": 0}'
    assert isinstance(running.world.kube, Shells)
    assert running.world.kube.echo.size == (120, 40)


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x09x", b"\x04{", b'\x04{"columns": 0, "rows": 1}', b"\x04[]", "text", b"\x00" + b"x" * 70_000,
     b'\x04{"columns": true, "rows": 1}'],
    ids=range(8),
)  # fmt: skip
async def test_a_frame_that_is_none_ends_the_session_in_words(running: Api, url: str, frame: bytes | str) -> None:
    text = await ticket(running, {"component": "web", "command": ["cat"]})
    async with connect(running, url, text) as socket:
        await socket.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
    assert closed.value.rcvd.code == 1003
    assert closed.value.rcvd.reason


async def test_who_loses_the_right_is_thrown_out(running: Api, url: str) -> None:
    text = await ticket(running, {"component": "web", "command": ["cat"]})
    async with connect(running, url, text) as socket:
        await socket.send(b"\x00hello")
        await asyncio.wait_for(socket.recv(), 10)
        gone = await running.ask("PUT", "/api/v1/product-lines/demo/members/dora", {"role": "viewer"}, "olaf")
        assert gone.status_code == 200
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
    assert closed.value.rcvd.code == shells.CLOSE_FORBIDDEN


async def test_a_session_ends_when_it_was_open_for_long_however_much_is_said(running: Api, url: str) -> None:
    assert Patience().whole == 4 * 3600
    running.app.state.patience = Patience(recheck=0.05, idle=60.0, whole=0.5)
    text = await ticket(running, {"component": "web", "command": ["cat"]})
    async with connect(running, url, text) as socket:

        async def talk() -> None:
            while True:
                await socket.send(b"\x00hello")
                await socket.recv()

        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(talk(), 10)
    assert closed.value.rcvd.code == shells.CLOSE_TIME
    assert closed.value.rcvd.reason == "open for too long"


async def test_a_session_where_nothing_is_said_ends(running: Api, url: str) -> None:
    text = await ticket(running, {"component": "web", "command": ["cat"]})
    async with connect(running, url, text) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
    assert closed.value.rcvd.code == shells.CLOSE_TIME


async def test_a_command_of_an_app_of_others_is_not_there(running: Api) -> None:
    answer = await running.post("/api/v1/apps/hello/exec", {"command": ["sh"]}, "nina")
    absent = await running.post("/api/v1/apps/ghost/exec", {"command": ["sh"]}, "nina")
    assert answer.json()["detail"].replace("hello", "ghost") == absent.json()["detail"]


@pytest.mark.parametrize("follow", [False, True])
async def test_the_log_of_a_component_that_is_none_is_refused_with_the_names_there_are(live: Api, follow: bool) -> None:
    await live.deployed()
    answer = await live.get(f"/api/v1/apps/hello/logs?component=nope&follow={str(follow).lower()}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no component nope. Known: web.")


@pytest.mark.parametrize("path", ["logs", "pods"])
@pytest.mark.parametrize("name", ["../x", "a,b", "Web", "", "a=b", "-web", "x" * 64])
async def test_a_component_that_none_can_be_called_is_refused_before_a_cluster_is_asked(
    live: Api, path: str, name: str
) -> None:
    await live.deployed()
    answer = await live.get(f"/api/v1/apps/hello/{path}", "dora", params={"component": name})
    assert answer.status_code == 422, answer.text
    (told,) = answer.json()["problems"]
    assert (told["file"], told["field"]) == ("query", "component")
    if len(name) < 64:
        assert answer.json()["detail"] == (
            "query: component: no component has such a name. Write it as in app.yaml: lower-case letters, digits and "
            '"-".'
        )
