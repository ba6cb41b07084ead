"""A write asks whether it may still be sent when it has its connection, not before: a process can sleep in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mcd.errors import Code
from mcd.kube.apply import carry_out
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.gate import Bounds
from mcd.kube.kubeconfig import Connection
from mcd.kube.memory import MemoryCluster
from mcd.kube.sending import guarded
from mcd.kube.transport import Transport
from mcd.model import LeaseLost
from mcd.objects import Ref, ref_of
from tests.kube.given import OWNER, Held, obj, planned, settle

RAW = {"Content-Type": "application/yaml"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Heard:
    """What came to a server that answers each request, but hangs up on the `cut` one without a word."""

    cut: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head.split(b" ", 1)[0])
                if len(self.requests) == self.cut:
                    return
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def listening(heard: Heard) -> AsyncIterator[Transport]:
    server = await asyncio.start_server(heard.take, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    transport = Transport(Connection(server=f"http://{host}:{port}"))
    try:
        yield transport
    finally:
        await transport.close()
        server.close()
        await server.wait_closed()


def lost() -> None:
    raise LeaseLost


async def test_what_was_lost_while_the_connection_was_made_is_not_sent() -> None:
    heard = Heard()
    async with listening(heard) as transport:
        with guarded(lost):
            for method in ("PATCH", "POST", "DELETE"):
                with pytest.raises(LeaseLost):
                    await transport.send(method, "/x", body=b"{}", headers=RAW)
            # Who only looks does no harm.
            assert (await transport.send("GET", "/x")).status == 200
        assert heard.connections >= 1, "it had its connection when it asked"
        assert heard.requests == [b"GET"]
        assert (await transport.send("DELETE", "/x", body=b"{}", headers=RAW)).status == 200


async def test_nothing_is_sent_once_it_is_closed_and_no_connection_is_left() -> None:
    """Credentials were changed: a pass that has the old ones ends, and does not open what nobody will close."""
    heard = Heard()
    async with listening(heard) as transport:
        await transport.send("GET", "/x")
        closing = asyncio.ensure_future(transport.close())
        await asyncio.sleep(0)
        for method in ("GET", "PATCH"):
            with pytest.raises(KubeError) as refused:
                await transport.send(method, "/x", body=b"{}" if method == "PATCH" else None, headers=RAW)
            assert refused.value.kube_reason is KubeReason.UNREACHABLE
        with pytest.raises(KubeError):
            async with transport.stream("/x", ()):
                pass
        await closing
    assert (heard.requests, heard.connections) == ([b"GET"], 1)
    assert transport._opened is None


async def test_a_delete_that_the_library_repeats_asks_again() -> None:
    heard, asked = Heard(cut=2), 0

    def once() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise LeaseLost

    async with listening(heard) as transport:
        await transport.send("GET", "/x")
        with guarded(once), pytest.raises(LeaseLost):
            await transport.send("DELETE", "/x", body=b"{}", headers=RAW)
    assert heard.requests == [b"GET", b"DELETE"]


async def test_a_secret_whose_type_changes_is_not_deleted_by_who_lost_its_lease_meanwhile() -> None:
    """The delete that makes room for it comes after the apply that was refused, and asks once more."""
    cluster, fence = MemoryCluster(), Held()
    shell = obj("v1", "Secret", "shop-secret-api", type="Opaque", data={})
    await settle(cluster, [shell], fence)
    what = await planned(cluster, [{**shell, "type": "kubernetes.io/dockerconfigjson"}], fence)

    def refused(verb: str, _: Ref) -> KubeError | None:
        if verb != "apply":
            return None
        fence.lost_after = fence.checks
        return KubeError(Code.INVALID, KubeReason.INVALID, "the field is immutable.", fields=("type",))

    cluster.faults.refuse = refused
    with contextlib.suppress(LeaseLost, BaseExceptionGroup):
        await carry_out(cluster, what, fence, inventory=fence.inventory, owner=OWNER, bounds=Bounds("default"))
    assert fence.lost_after > 0, "it was tried"
    assert not [write for write in cluster.writes if write.verb == "delete"]
    assert ref_of(shell) in cluster.objects("Secret")
