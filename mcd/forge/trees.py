"""Says what a folder at a commit is: one digest of all that lies in it, and the names of its files.

The digest is pure and needs nothing but git's own listing, so that the command can work out at home what the server
will find after a push. It must not read a file's content, and never a checkout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from mcd.errors import echo
from mcd.forge.forge import Forge

LINK, MODULE, KIND = 0o120000, 0o160000, 0o170000
"""Of a tree entry's mode: a symlink, a submodule, and the bits that say so."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file, symlink or submodule of a tree. `path` begins at the root of the repository; `sha` is its id in hex."""

    path: bytes
    mode: int
    sha: bytes

    @property
    def regular(self) -> bool:
        return self.mode & KIND not in (LINK, MODULE)

    @property
    def shown(self) -> str:
        return echo(self.path.decode("utf-8", "backslashreplace"), 120)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a repository. `tree` is the digest of all in it but the file that was left out; `names` are its
    regular files as paths from the folder."""

    tree: str
    names: frozenset[str]


def tree_digest(leaves: Iterable[Leaf], under: str, without: str = "") -> str:
    """64 hex digits that change when, and only when, a leaf does. `under` is the folder that all of them lie in, from
    the root of the repository: where it lies does not count. `without` names one leaf that does not count."""
    start, left_out = len(under.encode()), without.encode()
    digest = hashlib.sha256()
    for leaf in sorted(leaves, key=lambda one: one.path):
        if not left_out or leaf.path != left_out:
            name = leaf.path[start:].lstrip(b"/")
            digest.update(b"%o %s %d %s\0" % (leaf.mode, leaf.sha, len(name), name))
    return digest.hexdigest()


def below(app_yaml: str, context: str) -> str:
    """The path from the root of the repository of a folder that app.yaml names; the empty path is the root."""
    found = str(PurePosixPath(app_yaml).parent / context)
    return "" if found == "." else found


async def folder(forge: Forge, repository: str, commit: str, under: str, *, without: str) -> Folder:
    """The folder at a commit. Raises McdError as the Forge."""
    paths = await forge.paths(repository, commit, under)
    tree = await forge.tree_digest(repository, commit, under, without=without)
    return Folder(tree, frozenset(str(PurePosixPath(p).relative_to(under)) if under else p for p in paths))
