"""Says whether two builds would make the same image: one digest over everything that goes in.

Pure. It must leave out what changes with every commit and not with the image: MCD_COMMIT, tag and repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mcd.build import runtimes
from mcd.errors import Code, McdError
from mcd.model import Reason

COMMIT = "MCD_COMMIT"
"""The build argument that is always there and never counts."""
_VERSION = 1


def digest(
    tree: str, dockerfile: str, target: str = "", args: Mapping[str, str] | None = None, extra: Sequence[str] = ()
) -> str:
    """`sha256:…` of the inputs of a build: `tree` is the digest of the context without app.yaml, `dockerfile` the path
    in it or the whole text of a default one, `extra` whatever else decides (prepare, platforms), in order."""
    counted = {name: value for name, value in (args or {}).items() if name != COMMIT}
    whole = json.dumps([_VERSION, tree, dockerfile, target, counted, list(extra)], sort_keys=True, ensure_ascii=True)
    return "sha256:" + hashlib.sha256(whole.encode("ascii")).hexdigest()


class Wanted(Protocol):
    """What app.yaml says of a build; paths are relative to the context."""

    @property
    def dockerfile(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def args(self) -> Mapping[str, str]: ...
    @property
    def platforms(self) -> tuple[str, ...]: ...
    @property
    def runtime(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a build is made of. `text` is the runtime's default Dockerfile, or empty where the context has one."""

    digest: str
    text: str


def made_of(wanted: Wanted, tree: str, names: Collection[str], *, needs_command: bool) -> Inputs:
    """The inputs of the build of a context: `tree` is its digest without app.yaml, `names` its files (those at the top
    and the Dockerfile are enough); `needs_command` when a component that uses the image has no command of its own.
    Raises McdError(invalid) when there is neither a Dockerfile nor a runtime that would do without."""
    text = ""
    if wanted.dockerfile not in names:
        if not wanted.runtime:
            raise McdError(
                Code.INVALID,
                f"there is no {wanted.dockerfile} in the build context.",
                "Add one, or write runtime: (python3.11, node24, static) in app.yaml, or image: on each component.",
                reason=Reason.BUILD_FAILED,
            )
        top = {name.partition("/")[0] for name in names}
        text = runtimes.default_dockerfile(wanted.runtime, top, needs_command=needs_command)
    return Inputs(digest(tree, text or wanted.dockerfile, wanted.target, wanted.args, wanted.platforms), text)
