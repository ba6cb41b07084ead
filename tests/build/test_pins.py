"""Images are pinned by what a real registry says, and left alone where nobody can say it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from mcd.build.pins import Registry, is_loopback, pin_all
from mcd.errors import Code, McdError
from tests.servers.registry import free_port, registry

DIGEST = "sha256:" + "a" * 64
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with registry() as name:
        yield name


def put(host: str, path: str, tag: str, kind: str = OCI, content: str = "") -> str:
    """An image without layers, as a registry takes it; answers its digest."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "made": content}).encode()
    config_digest = "sha256:" + hashlib.sha256(config).hexdigest()
    base = f"http://{host}/v2/{path}"
    with httpx.Client(trust_env=False) as client:
        where = client.post(f"{base}/blobs/uploads/").raise_for_status().headers["location"]
        client.put(f"{where}&digest={config_digest}", content=config).raise_for_status()
        config_kind = kind.replace("manifest.v2", "container.image.v1").replace("image.manifest", "image.config")
        body: dict[str, object] = {"schemaVersion": 2, "mediaType": kind}
        if kind in (INDEX, DOCKER_LIST):
            one = put(host, path, f"{tag}-amd64", OCI if kind == INDEX else DOCKER, content)
            size = int(
                client.head(f"{base}/manifests/{one}", headers={"Accept": f"{OCI}, {DOCKER}"}).headers["content-length"]
            )
            platform = {"architecture": "amd64", "os": "linux"}
            child = OCI if kind == INDEX else DOCKER
            body["manifests"] = [{"mediaType": child, "digest": one, "size": size, "platform": platform}]
        else:
            body |= {"config": {"mediaType": config_kind, "digest": config_digest, "size": len(config)}, "layers": []}
        raw = json.dumps(body).encode()
        client.put(f"{base}/manifests/{tag}", content=raw, headers={"Content-Type": kind}).raise_for_status()
    return "sha256:" + hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("kind", [OCI, INDEX, DOCKER, DOCKER_LIST])
async def test_a_tag_becomes_the_digest_that_it_names(host: str, kind: str) -> None:
    digest = put(host, f"team/{len(kind)}", "1.2", kind)
    pinned = await Registry(host).pin(f"{host}/team/{len(kind)}:1.2")
    assert (pinned.reference, pinned.why) == (f"{host}/team/{len(kind)}@{digest}", "")


async def test_no_tag_is_latest_and_a_tag_that_moved_is_another_digest(host: str) -> None:
    first = put(host, "team/moving", "latest", content="1")
    assert (await Registry(host).pin(f"{host}/team/moving")).reference.endswith(first)
    second = put(host, "team/moving", "latest", content="2")
    assert second != first
    assert (await Registry(host).pin(f"{host}/team/moving")).reference.endswith(second)


async def test_a_registry_with_a_path_is_ours_as_a_whole(host: str) -> None:
    digest = put(host, "else/x", "1")
    assert (await Registry(f"{host}/apps").pin(f"{host}/else/x:1")).reference == f"{host}/else/x@{digest}"


@pytest.mark.parametrize("image", ["team/none:1", "team/none", "nobody/nothing:1"])
async def test_a_tag_that_is_not_there_is_refused_in_one_line(host: str, image: str) -> None:
    put(host, "team/there", "1")
    with pytest.raises(McdError) as refused:
        await Registry(host).pin(f"{host}/{image}")
    assert (refused.value.code, refused.value.reason) == (Code.INVALID, "ImageMissing")
    assert str(refused.value).startswith(f"there is no image {host}/{image} in the registry. Push it")


async def test_a_digest_stays_and_nobody_is_asked() -> None:
    nobody = Registry(f"127.0.0.1:{free_port()}")
    written = f"{nobody.name}/x@{DIGEST}"
    pinned = await nobody.pin(written)
    assert (pinned.reference, pinned.why) == (written, "")


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("nvidia/cuda:12.4.1-base", "docker.io is not the platform's registry"),
        ("quay.io/a/b:1", "quay.io is not the platform's registry"),
        ("127.0.0.1:1/x:1", "127.0.0.1:1 is not the platform's registry"),
        ("Not An Image", "no registry knows such a name"),
    ],
)
async def test_what_is_not_ours_is_left_as_written_and_nobody_is_asked(image: str, why: str) -> None:
    assert await Registry("127.0.0.1:2").pin(image) == await Registry("127.0.0.1:2/apps").pin(image)
    pinned = await Registry("127.0.0.1:2").pin(image)
    assert (pinned.reference, pinned.why) == (image, why)
    assert (await Registry("").pin("nvidia/cuda:1")).why


async def test_a_registry_that_is_not_there_leaves_the_image_as_written() -> None:
    host = f"127.0.0.1:{free_port()}"
    pinned = await Registry(host).pin(f"{host}/x:1")
    assert (pinned.reference, pinned.why) == (f"{host}/x:1", f"the registry {host} does not answer")


@asynccontextmanager
async def answering(said: bytes) -> AsyncIterator[str]:
    """A server that answers everything alike, or with nothing at all and keeps the line open."""
    open_lines: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        open_lines.append(writer)
        if said:
            writer.write(said)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in open_lines:
            writer.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:../../x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
        b"what?\r\n\r\n",
    ],
)
async def test_an_answer_that_is_none_leaves_the_image_as_written(said: bytes) -> None:
    async with answering(said) as host:
        pinned = await Registry(host).pin(f"{host}/x:1")
    assert pinned.reference == f"{host}/x:1"
    assert host in pinned.why


async def test_a_registry_that_says_nothing_is_not_waited_for(host: str) -> None:
    async with answering(b"") as silent:
        began = time.monotonic()
        pinned = await Registry(silent, deadline=0.2).pin(f"{silent}/x:1")
        assert time.monotonic() - began < 5
    assert "does not answer" in pinned.why


async def test_components_of_one_image_get_one_digest_and_what_is_left_is_told_once(host: str) -> None:
    digest = put(host, "team/both", "1")
    found = await pin_all(
        Registry(host).pin,
        {
            "web": f"{host}/team/both:1",
            "worker": f"{host}/team/both:1",
            "gpu": "nvidia/cuda:1",
            "gpu2": "nvidia/cuda:1",
        },
    )
    both = f"{host}/team/both@{digest}"
    assert (found.images, list(found.left)) == ({"web": both, "worker": both}, ["nvidia/cuda:1"])
    with pytest.raises(McdError):
        await pin_all(Registry(host).pin, {"web": f"{host}/team/both:1", "worker": f"{host}/team/both:2"})


def test_only_this_machine_is_spoken_to_without_a_certificate() -> None:
    assert all(is_loopback(name) for name in ("127.0.0.1:5000", "127.8.8.8", "localhost:5000", "[::1]:5000"))
    assert not any(is_loopback(name) for name in ("127.0.0.1.example.com", "localhost.example.com:80", "10.0.0.1:5000"))
