"""The seam to image builds: a folder and a Dockerfile become an image reference pinned by digest.

Implemented by `buildah.py` (a local builder). Nothing here knows an App, git or a cluster.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

LogSink = Callable[[str], Awaitable[None]]
"""Takes one line of the builder's output, already cleaned of control characters and known secrets."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """`context` is a folder that holds the sources and nothing else; `dockerfile` is relative to it, or empty when
    `dockerfile_text` is given (a runtime's default Dockerfile). `repository` is registry/name without a tag."""

    context: Path
    dockerfile: str
    repository: str
    tag: str
    dockerfile_text: str = ""
    target: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    """Given to the build as the argument MCD_COMMIT, when not empty."""
    timeout: float = 900.0
    """Seconds for the whole build and push."""


class Builder(Protocol):
    """Builds images. Raises McdError: invalid (the Dockerfile fails; the message holds the last lines and the step),
    unavailable (no registry, no disk), too_large (time or size limit)."""

    async def build(self, request: BuildRequest, log: LogSink) -> str:
        """Builds and pushes; answers `repository@sha256:…`. Two builds at the same time do not disturb each other; a
        cancelled or killed build leaves nothing that a later one trips over."""

    async def exists(self, image: str) -> bool:
        """Whether the registry still has an image by digest."""
