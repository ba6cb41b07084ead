"""The Forge over bare repositories in one folder: those that MCD serves itself (`mcd:<app>`), or a folder of them that
an administrator allows (`file:<name>`).

Reads blobs and trees at a commit id and never makes a checkout. It must not write into a repository, run a program of
one, or follow a name out of its folder.
"""

from __future__ import annotations

import asyncio
import heapq
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.object_store import DiskObjectStore
from dulwich.objects import Blob, ObjectID, Tag, Tree
from dulwich.objects import Commit as GitCommit
from dulwich.refs import Ref, SymrefLoop
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from mcd.errors import Code, McdError, echo, not_found
from mcd.forge.changed import changed_files
from mcd.forge.export import Writer
from mcd.forge.forge import Commit
from mcd.forge.paths import DEPTH, commit_id, looks_abbreviated, path_parts, repository_parts, short_ref
from mcd.forge.trees import KIND, LINK, MODULE, Leaf, tree_digest

ENTRIES = 100_000
"""Entries that are looked at below one folder. A tree may name itself ten times on ten levels: more is an attack."""

_FOLDER = 0o040000
_YIELD = 500
"""Objects after which others get a turn: the disk is read without a thread."""


class _BrokenTree(Exception):
    """A tree entry names an object of another kind."""


_DAMAGE = (
    _BrokenTree, FileFormatException, ChecksumMismatch, ApplyDeltaError, SymrefLoop, UnsupportedVersion,
    UnsupportedExtension, zlib.error, struct.error, ValueError, AssertionError, IndexError, OSError,
)  # fmt: skip
"""What dulwich raises on a repository that is broken or of a form that it does not know."""

# Only encodings that cannot answer with anything but text; a commit may claim any name.
_ENCODINGS = frozenset({"utf-8", "iso-8859-1", "latin-1", "gbk", "gb2312", "gb18030", "big5", "shift_jis", "euc-jp"})


class LocalForge:
    """Forge over `<root>/<name>.git`. `scheme` is what stands before the name in a repository's URL. Nothing is kept
    open between calls, so a repository may be replaced at any time."""

    def __init__(self, root: Path, scheme: Literal["mcd", "file"] = "mcd") -> None:
        self._root = root
        self._scheme: Literal["mcd", "file"] = scheme

    def folder(self, repository: str) -> Path:
        """Where a repository lies. Raises McdError: invalid (name), not_found (absent, or a link out of the root)."""
        parts = repository_parts(repository, self._scheme)
        bare = self._root.joinpath(*parts[:-1], f"{parts[-1]}.git")
        candidates = (bare, self._root.joinpath(*parts)) if self._scheme == "file" else (bare,)
        root = self._root.resolve()
        for candidate in candidates:
            real = candidate.resolve()
            if real.is_relative_to(root) and (real / "objects").is_dir() and (real / "HEAD").is_file():
                return real
        raise not_found("repository", repository)

    @contextmanager
    def _open(self, repository: str) -> Iterator[Repo]:
        folder = self.folder(repository)
        try:
            with Repo(str(folder), bare=True) as repo:
                yield repo
        except NotGitRepository:
            raise not_found("repository", repository) from None
        except KeyError as missing:
            raise _damaged(repository, f"object {echo(str(missing.args[0]), 50)} is missing") from missing
        except _DAMAGE as damage:
            raise _damaged(repository, type(damage).__name__) from damage

    async def resolve(self, repository: str, ref: str) -> Commit:
        with self._open(repository) as repo:
            found = self._find(repo, ref)
            if found is None:
                raise not_found("commit", ref)
            return _commit_value(_peeled(repo.object_store, found, ref))

    def _find(self, repo: Repo, ref: str) -> ObjectID | None:
        """A branch before a tag before an abbreviated id; a full id is only ever a commit."""
        if len(ref) == 40 and looks_abbreviated(ref):
            full = ObjectID(ref.encode("ascii"))
            return full if full in repo.object_store else None
        name = short_ref(ref) if ref != "HEAD" else "HEAD"
        for prefix in ("",) if name == "HEAD" else ("refs/heads/", "refs/tags/"):
            raw = (prefix + name.removeprefix(prefix)).encode()
            try:
                return repo.refs[Ref(raw)]
            except KeyError:
                continue
        if not looks_abbreviated(ref):
            return None
        matches = [
            sha
            for sha in repo.object_store.iter_prefix(ref.encode("ascii"))
            if isinstance(repo.object_store[sha], GitCommit)
        ]
        if len(matches) > 1:
            raise McdError(Code.INVALID, f'"{ref}" is the beginning of {len(matches)} commits.', "Give more digits.")
        return matches[0] if matches else None

    async def read(self, repository: str, commit: str, path: str, *, limit: int) -> bytes:
        parts = path_parts(path)
        with self._open(repository) as repo:
            mode, sha = self._walk_down(repo, commit, parts)
            if mode & KIND == LINK or mode & KIND == MODULE:
                what = "a symlink" if mode & KIND == LINK else "a submodule"
                raise McdError(
                    Code.INVALID,
                    f"{echo(path)} is {what}.",
                    "Commit a regular file in its place.",
                    reason="PathNotAllowed",
                )
            found = repo.object_store[sha]
            if not isinstance(found, Blob):
                raise McdError(Code.INVALID, f"{echo(path)} is a folder.", "Give the path of a file.")
            return _within(found, echo(path), limit)

    def _walk_down(self, repo: Repo, commit: str, parts: tuple[str, ...]) -> tuple[int, ObjectID]:
        """Mode and id of a path. A symlink or submodule on the way is not followed: the path is then not there."""
        mode, sha = _FOLDER, _root_tree(repo, commit)
        for number, part in enumerate(parts):
            tree = repo.object_store[sha] if mode & KIND == _FOLDER else None
            if not isinstance(tree, Tree) or part.encode() not in tree:
                raise not_found("path", "/".join(parts[: number + 1]))
            mode, sha = tree[part.encode()]
        return mode, sha

    async def paths(self, repository: str, commit: str, under: str = "") -> list[str]:
        """As in Forge. A name that is not UTF-8 is left out: nothing could ask for it."""
        found: list[str] = []
        with self._open(repository) as repo:
            async for entry in self._entries(repo, commit, path_parts(under)):
                if entry.regular:
                    try:
                        found.append(entry.path.decode())
                    except UnicodeDecodeError:
                        continue
        return sorted(found)

    async def tree_digest(self, repository: str, commit: str, under: str, *, without: str = "") -> str:
        """As in Forge: 64 hex digits. `without` is a path from the root of the repository. A file's mode counts; where
        the folder itself lies does not."""
        parts, left_out = path_parts(under), "/".join(path_parts(without))
        with self._open(repository) as repo:
            leaves = [leaf async for leaf in self._entries(repo, commit, parts)]
        return tree_digest(leaves, "/".join(parts), left_out)

    async def changed(self, repository: str, before: str, after: str) -> list[str] | None:
        """As in Forge: over 100,000 entries in folders that differ nobody looks on."""
        with self._open(repository) as repo:
            return await changed_files(repo.object_store, _root_tree(repo, before), _root_tree(repo, after))

    async def is_ancestor(self, repository: str, ancestor: str, descendant: str) -> bool:
        wanted = commit_id(ancestor)
        first = commit_id(descendant)
        with self._open(repository) as repo:
            store = repo.object_store
            for each in (wanted, first):
                if not isinstance(_object(repo, each), GitCommit):
                    raise not_found("commit", each.decode())
            # The newest first, so that an ancestor that is near is found soon. Times are people's input: they choose
            # the order and never the answer.
            seen = {first}
            queue: list[tuple[int, bytes]] = [(0, first)]
            looked = 0
            while queue:
                _, current = heapq.heappop(queue)
                if current == wanted:
                    return True
                commit = store[ObjectID(current)]
                assert isinstance(commit, GitCommit)
                for parent in commit.parents:
                    if parent not in seen:
                        seen.add(parent)
                        heapq.heappush(queue, (-commit.commit_time, parent))
                looked += 1
                if looked % _YIELD == 0:
                    await asyncio.sleep(0)
        return False

    async def export(self, repository: str, commit: str, under: str, into: Path, *, limit: int) -> None:
        parts = path_parts(under)
        start = len("/".join(parts).encode())
        writer = Writer(into, limit)
        with self._open(repository) as repo:
            async for entry in self._entries(repo, commit, parts):
                name = entry.path[start:].lstrip(b"/")
                if entry.mode & KIND == MODULE:
                    raise McdError(
                        Code.INVALID,
                        f"{entry.shown} is a submodule, which is not fetched.",
                        "Commit its files, or leave it out.",
                        reason="PathNotAllowed",
                    )
                blob = repo.object_store[ObjectID(entry.sha)]
                if not isinstance(blob, Blob):
                    raise _BrokenTree("a file that is not a blob")
                if entry.mode & KIND == LINK:
                    writer.link(name, blob.data)
                else:
                    writer.file(name, blob.data, executable=bool(entry.mode & 0o100))

    async def _entries(self, repo: Repo, commit: str, parts: tuple[str, ...]) -> AsyncIterator[Leaf]:
        """Every leaf below a folder. Raises McdError: not_found, invalid (not a folder), too_large (ENTRIES, DEPTH)."""
        mode, sha = self._walk_down(repo, commit, parts)
        if mode & KIND != _FOLDER:
            raise McdError(Code.INVALID, f"{echo('/'.join(parts))} is not a folder.", "Give the path of a folder.")
        prefix = "/".join(parts).encode()
        pending: list[tuple[bytes, ObjectID, int]] = [(prefix, sha, 0)]
        looked = 0
        while pending:
            where, sha, depth = pending.pop()
            tree = repo.object_store[sha]
            if not isinstance(tree, Tree):
                raise _BrokenTree("a folder that is not a tree")
            for item in tree.items():
                looked += 1
                if looked % _YIELD == 0:
                    await asyncio.sleep(0)
                if looked > ENTRIES or depth > DEPTH:
                    what = f"{ENTRIES} files" if looked > ENTRIES else f"{DEPTH} folders inside folders"
                    raise McdError(Code.TOO_LARGE, f"the commit has more than {what}.", "Use a smaller folder.")
                if not item.path or b"/" in item.path:
                    raise McdError(
                        Code.INVALID,
                        f'the commit holds the name "{echo(item.path.decode("utf-8", "backslashreplace"))}".',
                        "Mend the commit.",
                        reason="PathNotAllowed",
                    )
                path = where + b"/" + item.path if where else item.path
                if item.mode & KIND == _FOLDER:
                    pending.append((path, item.sha, depth + 1))
                else:
                    yield Leaf(path, item.mode, item.sha)


def _damaged(repository: str, how: str) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        f'the repository "{echo(repository)}" cannot be read: {how}.',
        "Its owner can see what is wrong with git fsck.",
        reason="RepositoryDamaged",
    )


def _object(repo: Repo, sha: bytes) -> object | None:
    try:
        return repo.object_store[ObjectID(sha)]
    except KeyError:
        return None


def _root_tree(repo: Repo, commit: str) -> ObjectID:
    found = _object(repo, commit_id(commit))
    if not isinstance(found, GitCommit):
        raise not_found("commit", commit)
    tree: ObjectID = found.tree
    return tree


def _peeled(store: DiskObjectStore | object, sha: ObjectID, ref: str) -> GitCommit:
    """The commit that a ref or a chain of tags names."""
    for _ in range(8):
        found = store[sha]  # type: ignore[index]
        if isinstance(found, GitCommit):
            return found
        if not isinstance(found, Tag):
            break
        sha = found.object[1]
    raise McdError(Code.INVALID, f'"{echo(ref)}" does not name a commit.', "Give a branch, a tag or a commit id.")


def _within(blob: Blob, name: str, limit: int) -> bytes:
    data: bytes = blob.data
    if len(data) > limit:
        raise McdError(Code.TOO_LARGE, f"{name} has {len(data)} bytes, more than {limit}.", "Make it smaller.")
    return data


def _commit_value(commit: GitCommit) -> Commit:
    first_line = commit.message.strip().split(b"\n", 1)[0]
    try:
        at = datetime.fromtimestamp(commit.commit_time, UTC)
    except (ValueError, OverflowError, OSError):
        # Git allows years that no calendar has.
        at = datetime.fromtimestamp(0, UTC)
    return Commit(
        id=commit.id.decode("ascii"),
        tree=commit.tree.decode("ascii"),
        author=_text(commit.author, commit.encoding, 200),
        title=_text(first_line, commit.encoding, 200),
        committed_at=at,
        parents=tuple(p.decode("ascii") for p in commit.parents),
    )


def _text(raw: bytes, encoding: bytes | None, limit: int) -> str:
    """A stranger's bytes as one printable line."""
    name = (encoding or b"utf-8").decode("ascii", "replace").lower()
    return echo(raw.decode(name if name in _ENCODINGS else "utf-8", "replace"), limit)
