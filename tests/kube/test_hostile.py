"""A cluster that is broken or hostile: real sockets that answer garbage, too much, nothing, or somewhere else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mcd.kube import streams, transport
from mcd.kube.client import KubeClient
from mcd.kube.cluster import Kind, KubeError, KubeReason
from mcd.kube.kubeconfig import Connection
from mcd.kube.watch import Caches
from mcd.objects import Ref, ref_of
from tests.kube.given import config

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REF = ref_of(config())
POD = Kind("v1", "Pod")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "key"), "-out",
         str(folder / "crt"), "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@contextlib.asynccontextmanager
async def serving(certificate: Path, answering: Answering, token: str = "tok") -> AsyncIterator[KubeClient]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "crt", certificate / "key")
    open_ones: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answering(reader, writer)
            await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = KubeClient(Connection(f"https://127.0.0.1:{port}", (certificate / "crt").read_text(), token))
    try:
        yield client
    finally:
        await client.close()
        for writer in open_ones:
            writer.transport.abort()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


def says(status: str, body: bytes = b"", *headers: str) -> Answering:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()
        # A drain that finds room does not let go, and the client is in the same loop.
        await asyncio.sleep(0)


async def refused(ask: Awaitable[object]) -> KubeError:
    with pytest.raises(KubeError) as found:
        await ask
    assert "\n" not in str(found.value)
    assert "tok" not in str(found.value).split()
    return found.value


GARBAGE = {
    "no json": says("200 OK", b"<html>hello</html>"),
    "a list": says("200 OK", b"[]"),
    "no metadata": says("200 OK", b'{"kind":"ConfigMap"}'),
    "another object": says(
        "200 OK", b'{"kind":"ConfigMap","metadata":{"name":"other","namespace":"default","uid":"u"}}'
    ),
    "another namespace": says(
        "200 OK", b'{"kind":"ConfigMap","metadata":{"name":"shop-web-files","namespace":"kube-system","uid":"u"}}'
    ),
    "deep": says("200 OK", b"[" * 100_000),
    "redirect": says("302 Found", b"", "Location: https://127.0.0.1:1/"),
    "hangs up": hangs_up,
    "endless": endless,
    "lies about its length": says("200 OK", b"", "Content-Length: 99999999999"),
    "503": says("503 Service Unavailable", b"no"),
}


@pytest.mark.parametrize("case", GARBAGE)
async def test_what_is_no_answer_is_never_taken_for_one(certificate: Path, case: str) -> None:
    async with serving(certificate, GARBAGE[case]) as client:
        error = await refused(client.get(REF))
        assert error.kube_reason is KubeReason.UNREACHABLE
        assert (await refused(client.list(POD))).kube_reason is KubeReason.UNREACHABLE
        wrote = await refused(client.apply(config()))
        unsent = case in ("redirect", "endless", "lies about its length")
        assert wrote.kube_reason is KubeReason.UNKNOWN_OUTCOME or (
            unsent and wrote.kube_reason is KubeReason.UNREACHABLE
        )


async def test_a_redirect_is_not_followed_and_the_credential_stays_here(certificate: Path) -> None:
    visitors: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(b"!")

    async with serving(certificate, note) as other:
        target = other._transport._connection.server
        async with serving(certificate, says("307 Temporary Redirect", b"", f"Location: {target}/")) as client:
            for ask in (client.get(REF), client.list(POD), client.apply(config()), client.delete(REF, "u")):
                assert "redirect" in (await refused(ask)).message
    assert visitors == []


async def test_no_proxy_of_the_environment_is_asked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with server, serving(certificate, says("503 Service Unavailable", b"no")) as client:
        await refused(client.get(REF))
    assert visitors == []


async def test_a_server_that_says_nothing_is_given_up_after_the_deadline(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "DEADLINE", 0.2)
    async with serving(certificate, silent) as client:
        assert (await refused(client.get(REF))).kube_reason is KubeReason.UNREACHABLE
        assert (await refused(client.apply(config()))).kube_reason is KubeReason.UNKNOWN_OUTCOME
        assert (await refused(client.delete(REF, "u"))).kube_reason is KubeReason.UNKNOWN_OUTCOME


async def test_an_answer_without_end_is_left_when_it_is_too_large(certificate: Path) -> None:
    async with serving(certificate, endless) as client:
        for ask in (client.get(REF), client.apply(config())):
            assert "larger than 4 MiB" in (await refused(ask)).message


async def trickling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.Event().wait()


@pytest.mark.parametrize("answering", [silent, trickling, endless])
async def test_no_connection_is_left_of_an_answer_that_was_given_up(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, answering: Answering
) -> None:
    monkeypatch.setattr(transport, "DEADLINE", 0.2)
    async with serving(certificate, answering) as client:
        await refused(client.get(REF))
        session = client._transport._opened
        assert session is not None
        assert session.connector is not None
        assert not session.connector._acquired
        assert not session.connector._conns


async def test_a_watch_that_never_begins_is_given_up(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "DEADLINE", 0.2)
    async with serving(certificate, silent) as client, asyncio.timeout(20):
        assert (await refused(names(client))).kube_reason is KubeReason.UNREACHABLE


async def test_nothing_of_this_machine_changes_where_a_request_goes_or_what_it_says(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No password file, and no cookie that a cluster gave us."""
    heard: list[bytes] = []
    body = b'{"kind":"ConfigMap","metadata":{"name":"shop-web-files","namespace":"default","uid":"u"}}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nSet-Cookie: a=b; Path=/\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
            heard.append(await reader.readuntil(b"\r\n\r\n"))

    (tmp_path / ".netrc").write_text("machine localhost login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with serving(certificate, answer) as by_address:
        # By name: of an address nobody keeps cookies anyway.
        named = by_address._transport._connection.server.replace("127.0.0.1", "localhost")
        client = KubeClient(Connection(named, (certificate / "crt").read_text(), server_name="127.0.0.1"))
        for _ in range(2):
            assert await client.get(REF)
        await client.close()
    (request,) = heard
    assert b"Cookie" not in request
    assert b"Authorization" not in request


def test_a_peer_that_vanished_without_a_word_is_noticed() -> None:
    with transport._kept_alive((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        seconds = [made.getsockopt(socket.IPPROTO_TCP, word) for word in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)]
        assert seconds[0] + seconds[1] * made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) <= 60


async def test_a_refused_connection_means_that_nothing_happened(certificate: Path) -> None:
    async with serving(certificate, silent) as client:
        server = client._transport._connection.server
    gone = KubeClient(Connection(server, (certificate / "crt").read_text(), "tok"))
    for ask in (gone.get(REF), gone.apply(config())):
        error = await refused(ask)
        assert error.kube_reason is KubeReason.UNREACHABLE
        assert "refuses the connection" in error.message
    await gone.close()


async def test_a_certificate_of_another_authority_is_never_believed(certificate: Path) -> None:
    async with serving(certificate, says("200 OK", b"{}")) as client:
        server = client._transport._connection.server
        stranger = KubeClient(Connection(server, "", "tok"))
        error = await refused(stranger.apply(config()))
        assert error.kube_reason is KubeReason.UNREACHABLE
        assert "TLS certificate" in error.message
        await stranger.close()
        named = KubeClient(Connection(server, (certificate / "crt").read_text(), "tok", server_name="other.example"))
        assert "TLS certificate" in (await refused(named.get(REF))).message
        await named.close()


# --- streams --------------------------------------------------------------------------------------------------------


def event(name: str, size: int = 0) -> bytes:
    padding = "x" * size
    meta = f'"name":"{name}","namespace":"default","resourceVersion":"7","annotations":{{"a":"{padding}"}}'
    return f'{{"type":"ADDED","object":{{"metadata":{{{meta}}}}}}}\n'.encode()


def streaming(*parts: bytes, then: Answering | None = None) -> Answering:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then is not None:
            await then(reader, writer)
        else:
            writer.close()
            await writer.wait_closed()

    return answer


async def names(client: KubeClient) -> list[str]:
    events = client.watch(POD, resource_version="1")
    return [e.object["metadata"]["name"] async for e in events if not e.initial_end]


async def test_events_cut_anywhere_are_put_together(certificate: Path) -> None:
    whole = event("a") + event("b") + event("c")
    async with serving(certificate, streaming(*(whole[i : i + 7] for i in range(0, len(whole), 7)))) as client:
        assert await names(client) == ["a", "b", "c"]


async def test_an_event_that_is_too_large_is_skipped_and_the_others_flow(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_EVENT", 10_000)
    async with serving(certificate, streaming(event("a"), event("huge", 300_000), event("b"))) as client:
        assert await names(client) == ["a", "b"]


@pytest.mark.parametrize(
    "part", [event("a")[:30], b"\xff\xfe\n", b"{}\n", b'{"type":"NEWS","object":{"metadata":{"name":"a"}}}\n']
)
async def test_an_event_that_cannot_be_read_breaks_the_stream(certificate: Path, part: bytes) -> None:
    async with serving(certificate, streaming(part)) as client:
        assert (await refused(names(client))).kube_reason is KubeReason.UNREACHABLE


async def test_a_watch_that_falls_silent_is_given_up(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcd.kube.client.SILENCE", 0.2)
    async with serving(certificate, streaming(event("a"), then=silent)) as client:
        error = await refused(names(client))
    assert error.kube_reason is KubeReason.UNREACHABLE
    assert "nothing was heard" in error.message


async def test_a_watch_that_is_refused_without_a_reason_is_refused_all_the_same(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "DEADLINE", 0.2)
    for then in (silent, hangs_up):

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, then: Answering = then) -> None:
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\n")
            await writer.drain()
            await then(reader, writer)

        async with serving(certificate, answer) as client:
            assert (await refused(names(client))).kube_reason is KubeReason.UNREACHABLE


STRANGE = {
    "labels are a list": b'{"type":"ADDED","object":{"metadata":{"name":"s","labels":["x"]}}}\n',
    "its name is a list": b'{"type":"ADDED","object":{"metadata":{"name":["s"]}}}\n',
    "a bookmark in the midst of the list": b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n',
}
WHOLE = (
    b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9",'
    b'"annotations":{"k8s.io/initial-events-end":"true"}}}}\n'
)


@pytest.mark.parametrize("case", STRANGE)
async def test_caches_go_on_after_whatever_a_cluster_told_them(certificate: Path, case: str) -> None:
    streams_of_it = [streaming(event("a"), STRANGE[case], WHOLE), streaming(event("b"), WHOLE, then=silent)]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (streams_of_it.pop(0) if streams_of_it else silent)(reader, writer)

    async with serving(certificate, answer) as client:
        caches = Caches(client, (POD,))
        running = asyncio.ensure_future(caches.run())
        async with asyncio.timeout(20):
            while not (caches.synced(POD) and caches.get(Ref("v1", "Pod", "default", "b"))):
                assert not running.done(), running
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_410_in_a_watch_is_told_apart(certificate: Path) -> None:
    gone = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n'
    async with serving(certificate, streaming(event("a"), gone)) as client:
        assert (await refused(names(client))).kube_reason is KubeReason.EXPIRED


async def test_lines_of_a_log_are_cut_and_never_lost(certificate: Path) -> None:
    long = b"y" * (streams.MAX_LOG_LINE + 5000)
    async with serving(certificate, streaming(b"one\ntw", b"o\n", long, long, b"\nthree\nno newline")) as client:
        lines = [line async for line in client.logs("default", "p", "c")]
    assert [line[:10] for line in lines] == [b"one", b"two", b"y" * 10, b"three", b"no newline"]
    assert len(lines[2]) == streams.MAX_LOG_LINE


async def test_a_pod_that_no_node_has_taken_has_said_nothing(certificate: Path) -> None:
    """An API server answers for it without a node to ask: no content, and no error."""
    async with serving(certificate, says("204 No Content", b"")) as client:
        assert [line async for line in client.logs("default", "p", "c")] == []


async def test_an_api_server_that_is_not_ready_is_not_asked_what_it_serves(certificate: Path) -> None:
    """It answers, and lists less than it serves until it has read its resource definitions."""
    asked: list[None] = []
    starting = says("500 Internal Server Error", b"[-]poststarthook/crd-informer-synced failed: not finished")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(None)
        await starting(reader, writer)

    async with serving(certificate, answer) as client:
        with pytest.raises(KubeError) as refused:
            await client.serves()
    assert refused.value.kube_reason is KubeReason.UNREACHABLE
    assert "is not ready" in str(refused.value)
    assert len(asked) == 1
