"""Pins an image to the digest that its tag names now, by one question to the registry that has it.

Only the platform's own registry is asked: what is there is ours to freeze, and no Release waits for a stranger's.
It must not fetch an image, and it knows no App.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from mcd.build import images
from mcd.errors import Code, McdError, echo
from mcd.model import Reason

DEADLINE = 5.0
"""Seconds for one question."""
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pinned:
    """An image as a Release keeps it. `reference` has a digest, or is as it was written and `why` says why."""

    reference: str
    why: str = ""


Pin = Callable[[str], Awaitable[Pinned]]
"""Pins one reference. Raises McdError(invalid, ImageMissing) for a tag that is known not to be there."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The platform's registry. `name` is host:port, perhaps with a path; empty where there is none. On a loopback
    address it speaks plain HTTP, anywhere else it must show a certificate."""

    name: str
    deadline: float = DEADLINE

    @property
    def host(self) -> str:
        return self.name.partition("/")[0]

    async def pin(self, image: str) -> Pinned:
        """As `Pin`. A registry that does not answer, or not in its own protocol, leaves the image as it is written."""
        asked = images.parse(image)
        if asked is None:
            return Pinned(image, "no registry knows such a name")
        if asked.digest:
            return Pinned(image)
        if not self.host or asked.host != self.host:
            return Pinned(image, f"{asked.host} is not the platform's registry")
        tag = asked.tag or "latest"
        try:
            async with asyncio.timeout(self.deadline):
                answer = await self._head(asked.path, tag)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return Pinned(image, f"the registry {self.host} does not answer")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise McdError(
                Code.INVALID,
                f"there is no image {echo(image, 300)} in the registry.",
                "Push it there, or correct image: in app.yaml.",
                reason=Reason.IMAGE_MISSING,
            )
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status_code != httpx.codes.OK or _DIGEST.fullmatch(digest) is None:
            return Pinned(image, f"the registry {self.host} answered {answer.status_code} without a digest")
        return Pinned(f"{asked.host}/{asked.path}@{digest}")

    async def _head(self, path: str, tag: str) -> httpx.Response:
        near = is_loopback(self.host)
        url = f"{'http' if near else 'https'}://{self.host}/v2/{path}/manifests/{tag}"
        # A proxy of this machine does not lead to this machine.
        async with httpx.AsyncClient(verify=not near, trust_env=not near, timeout=self.deadline) as client:
            return await client.head(url, headers={"Accept": _MANIFESTS})


def is_loopback(host: str) -> bool:
    """Whether `host`, perhaps with a port, is this machine."""
    name = host.rpartition(":")[0] if re.search(r":[0-9]+$", host) else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class AllPinned:
    """The images of several components. `images` has those with a digest; `left` the others' references, each once,
    with why they could not be pinned."""

    images: Mapping[str, str]
    left: Mapping[str, str]


async def pin_all(pin: Pin, written: Mapping[str, str]) -> AllPinned:
    """Pins `written` (component → reference), each reference once. Raises McdError of the first that is not there."""
    references = sorted(set(written.values()))
    answers = await asyncio.gather(*(pin(reference) for reference in references), return_exceptions=True)
    found: dict[str, Pinned] = {}
    for reference, answer in zip(references, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        found[reference] = answer
    return AllPinned(
        {name: found[image].reference for name, image in written.items() if not found[image].why},
        {image: pinned.why for image, pinned in found.items() if pinned.why},
    )
