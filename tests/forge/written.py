"""Writes git repositories object by object, hostile ones too: no tool stands between a test and its bytes.

It must not know what is being tested.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo


@dataclass(frozen=True)
class Program:
    """A file that may be run."""

    data: bytes


@dataclass(frozen=True)
class Link:
    """A symlink."""

    target: bytes


@dataclass(frozen=True)
class Module:
    """A submodule, at any commit id."""

    commit: str = "1" * 40


Content = bytes | Program | Link | Module
Files = Mapping[str, Content]


def bare(path: Path, branch: str = "main") -> Repo:
    """A new, empty bare repository. The caller closes it."""
    path.mkdir(parents=True)
    return Repo.init_bare(str(path), default_branch=branch.encode())


def tree(repo: Repo, files: Mapping[bytes, Content | ObjectID | tuple[int, ObjectID]]) -> ObjectID:
    """One tree from raw names; a value that is (mode, id) is written as it is."""
    made = Tree()
    for name, content in files.items():
        if isinstance(content, tuple):
            mode, sha = content
        else:
            mode, sha = leaf(repo, content)
        made.add(name, mode, sha)
    repo.object_store.add_object(made)
    return made.id


def leaf(repo: Repo, content: Content) -> tuple[int, ObjectID]:
    if isinstance(content, Module):
        return 0o160000, ObjectID(content.commit.encode())
    if isinstance(content, Link):
        mode, data = stat.S_IFLNK, content.target
    elif isinstance(content, Program):
        mode, data = 0o100755, content.data
    else:
        mode, data = 0o100644, content
    blob = Blob.from_string(data)
    repo.object_store.add_object(blob)
    return mode, blob.id


def nested(repo: Repo, files: Files) -> ObjectID:
    """A tree of trees from paths."""
    here: dict[bytes, Content | tuple[int, ObjectID]] = {}
    below: dict[str, dict[str, Content]] = {}
    for path, content in files.items():
        first, _, rest = path.partition("/")
        if rest:
            below.setdefault(first, {})[rest] = content
        else:
            here[path.encode()] = content
    for name, inside in below.items():
        here[name.encode()] = (0o040000, nested(repo, inside))
    return tree(repo, here)


def commit(
    repo: Repo,
    files: Files | ObjectID,
    *,
    parents: Sequence[str] = (),
    branch: str | None = "main",
    message: bytes = b"a commit\n",
    at: int = 1_700_000_000,
) -> str:
    """A commit of the files (or of a tree that exists), and the branch on it. Answers its id."""
    made = Commit()
    made.tree = files if isinstance(files, bytes) else nested(repo, files)
    made.parents = [ObjectID(p.encode()) for p in parents]
    made.author = made.committer = "Li Lei 李雷 <li@example.com>".encode()
    made.author_time = made.commit_time = at
    made.author_timezone = made.commit_timezone = 0
    made.message = message
    repo.object_store.add_object(made)
    if branch is not None:
        repo.refs[Ref(b"refs/heads/" + branch.encode())] = made.id
    return made.id.decode()
