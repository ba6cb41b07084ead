"""Decides where an image of a Dockerfile may come from, and says which of our bases to use instead.

Pure: names in, a reference or one clear refusal out. It must not ask any registry whether the image is there.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from mcd.build.dockerfile import Use, refused
from mcd.errors import Code, McdError, echo
from mcd.model import Reason

BASES = ("debian12", "python3.11", "node24", "static")
"""Names of the platform's base images: `mcd/NAME` in a FROM, NAME as `runtime:`. Made by scripts/bases."""
SHORT = "mcd/"
_HOST = re.compile(
    r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:))(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?"
)
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What people write, and the base that does the same here.
_INSTEAD = {
    "python": "python3.11", "node": "node24", "nginx": "static", "httpd": "static", "busybox": "static",
    "alpine": "debian12", "debian": "debian12", "ubuntu": "debian12",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """An image: `host` with port, `path`, and either `tag` or `digest` or neither."""

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return (
            f"{self.host}/{self.path}"
            + (f":{self.tag}" if self.tag else "")
            + (f"@{self.digest}" if self.digest else "")
        )


def parse(text: str) -> Reference | None:
    """A reference as Docker reads it (`python:3.11` is docker.io/library/python:3.11), or None. A transport such as
    `dir:/etc` or `oci-archive:x` is none: those would read the builder's own disk."""
    name, _, digest = text.partition("@")
    if digest and _DIGEST.fullmatch(digest) is None:
        return None
    head, slash, rest = name.partition("/")
    if slash and _HOST.fullmatch(head) and (":" in head or "." in head or head == "localhost"):
        host, name = head, rest
    else:
        host = "docker.io"
    path, _, tag = name.partition(":")
    if _PATH.fullmatch(path) is None or (":" in name and _TAG.fullmatch(tag) is None):
        return None
    if host == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return Reference(host, path, tag, digest)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where images may come from: `registry` is the platform's (host:port, perhaps with a path), whose `base/` holds
    the bases; `others` are hosts that builds may also fetch from."""

    registry: str
    others: frozenset[str] = frozenset()

    def base(self, name: str) -> str:
        return f"{self.registry}/base/{name}"

    def resolve(self, use: Use, file: str = "Dockerfile") -> str:
        """The reference to fetch. Raises McdError(invalid) for what cannot be fetched here, naming our base."""
        if use.image.startswith(SHORT):
            return self._short(use, file)
        image = parse(use.image)
        if image is None:
            raise refused(file, use.line, f'"{echo(use.image)}" is no image reference.', "Write host/name:tag.")
        if image.host == self.registry.partition("/")[0] or image.host in self.others:
            return str(image)
        word = "FROM" if use.at.word == "FROM" else f"{use.at.word} from"
        raise refused(file, use.line, f"{word} {echo(use.image)} cannot be fetched here.", self._instead(image))

    def _short(self, use: Use, file: str) -> str:
        name, colon, tag = use.image.removeprefix(SHORT).partition(":")
        if name not in BASES:
            near = difflib.get_close_matches(name, BASES, n=1, cutoff=0.5)
            hint = f'Did you mean "{SHORT}{near[0]}"? ' if near else ""
            what = f'there is no base image "{echo(use.image)}".'
            raise refused(file, use.line, what, f"{hint}There are {', '.join(SHORT + one for one in BASES)}.")
        if colon and _TAG.fullmatch(tag) is None:
            raise refused(file, use.line, f'"{echo(tag, 40)}" is no tag.', f"Write {SHORT}{name}.")
        return self.base(name) + colon + tag

    def _instead(self, image: Reference) -> str:
        name = image.path.rpartition("/")[2]
        base = _INSTEAD.get(name)
        if base is None:
            return f"Use one of {', '.join(SHORT + one for one in BASES)}, or push the image to {self.registry} first."
        runtime = f" or, without a Dockerfile, runtime: {base}" if base in RUNTIMES else ""
        return f"Use FROM {SHORT}{base}{runtime}."


RUNTIMES = tuple(name for name in BASES if name != "debian12")
FAMILIES = ("python", "java", "node", "go", "dotnet", "php", "ruby", "static")


def runtime_base(runtime: str) -> str:
    """The base for `runtime: python`, `python3`, `python3.11`. Raises McdError(invalid) naming those that there are."""
    wanted = re.fullmatch(r"([a-z]+)([0-9]+(?:\.[0-9]+)*)?", runtime)
    for name in RUNTIMES:
        there = re.fullmatch(r"([a-z]+)([0-9.]*)", name)
        if wanted is None or there is None or wanted[1] != there[1]:
            continue
        numbers = (wanted[2] or "").split(".") if wanted[2] else []
        if there[2].split(".")[: len(numbers)] == numbers:
            return name
    raise McdError(
        Code.INVALID, f'there is no base image for runtime "{echo(runtime, 40)}" here.',
        f"There are {', '.join(RUNTIMES)}; or write a Dockerfile.", reason=Reason.BUILD_FAILED,
    )  # fmt: skip
