"""A second builder and a second registry, small and in memory: an image is the digest of the files that went in.

Made to be true to the protocols (Builder, Pin), not to buildah: a failing Dockerfile fails, a tag can move, an image
can vanish.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from mcd.build.builder import BuildRequest, LogSink
from mcd.build.pins import Pinned
from mcd.errors import Code, McdError

HOST = "registry.test"


@dataclass
class Foundry:
    """`tags` are reference → digest of what HOST has; `built` the requests that were carried out, oldest first."""

    tags: dict[str, str] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    built: list[BuildRequest] = field(default_factory=list)
    answers: bool = True
    """Whether the registry is there."""

    # --- registry ---

    def push(self, reference: str, content: str) -> str:
        """Puts an image at a tag of HOST; answers it by digest."""
        digest = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
        self.tags[reference] = digest
        image = f"{reference.rpartition(':')[0]}@{digest}"
        self.images.add(image)
        return image

    async def pin(self, image: str) -> Pinned:
        if "@" in image:
            return Pinned(image)
        if not image.startswith(f"{HOST}/"):
            return Pinned(image, "it is somebody else's")
        if not self.answers:
            return Pinned(image, f"the registry {HOST} does not answer")
        if image not in self.tags:
            raise McdError(
                Code.INVALID, f"there is no image {image} in the registry.", "Push it there.", reason="ImageMissing"
            )
        return Pinned(f"{image.rpartition(':')[0]}@{self.tags[image]}")

    # --- builder ---

    async def build(self, request: BuildRequest, log: LogSink) -> str:
        await self.exists("")
        text = request.dockerfile_text or (request.context / request.dockerfile).read_text()
        await log("STEP 1/1: FROM scratch")
        if "RUN false" in text:
            raise McdError(Code.INVALID, "Dockerfile:2: step 2 of 2 (RUN false) ended with exit code 1.", "Mend it.")
        files = sorted(p for p in request.context.rglob("*") if p.is_file())
        content = text + "".join(f"{p.relative_to(request.context)}\0{p.read_text()}" for p in files)
        self.built.append(request)
        return self.push(f"{request.repository}:{request.tag}", content)

    async def exists(self, image: str) -> bool:
        if not self.answers:
            raise McdError(Code.UNAVAILABLE, f"the registry {HOST} does not answer.", "Start it.")
        return image in self.images
