"""What git would push from here: the commit, and the folder that an image is built from.

Asks git's plumbing about the work tree of the person and leaves it, its index and its repository as they are. It must
not judge app.yaml: the server does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcd.cli.git import BROKEN, Git
from mcd.errors import Code, McdError

SENT = 1_000_000
"""Bytes of files and app.yaml in one request, of the 1 MiB that a server takes."""

NAMES = 2000
"""Names that the server takes."""


def folder_of(file: Path) -> Path:
    """Where git is asked about a file; of stdin: here."""
    return Path() if str(file) == "-" else file.resolve().parent


def clean_commit(file: Path) -> str:
    """The commit that git would push from the file's folder, or nothing when there are changes that are in none."""
    if str(file) == "-":
        return ""
    git = Git(folder_of(file))
    try:
        return "" if git("status", "--porcelain", "--untracked-files=no") else git.line("rev-parse", "--verify", "HEAD")
    except BROKEN:
        return ""


def files_named(file: Path, app_yaml: str) -> dict[str, str]:
    """The files beside app.yaml that it names, in base64. Raises McdError as `files_beside`, and too_large for more
    than a server takes to compare."""
    from mcd.appyaml.compiler import check, source_paths
    from mcd.cli.beside import files_beside

    found = files_beside(str(file), source_paths(check(app_yaml, str(file))))
    sent = {path: b64encode(raw).decode() for path, raw in found.items()}
    if sum(map(len, sent.values())) + len(app_yaml.encode()) > SENT:
        message = "the files that app.yaml names are more than a server takes to compare."
        raise McdError(Code.TOO_LARGE, message, "Compare two commits without a server: mcd diff HEAD~1 HEAD.")
    return sent


def build_context(file: Path, app_yaml: str, path: str) -> dict[str, Any] | None:
    """The build context as the server wants it (`BuildContext`), for an app.yaml that builds an image: of the commit
    that a `git commit -a` would make now. `path` is that of app.yaml in the repository. None when nothing is built or
    git does not know."""
    from mcd.appyaml.parse import check

    read = check(app_yaml, path).app_file
    if read is None or all(component.image is not None for component in read.app.components.values()):
        return None
    from mcd.forge.trees import Leaf, below, tree_digest

    context, dockerfile = below(path, read.app.build.context), read.app.build.dockerfile
    try:
        with _committed(folder_of(file)) as (git, tree):
            listed = git("ls-tree", "-r", "-z", "--full-tree", tree, "--", *([context] if context else []))
        leaves = []
        for entry in listed.split(b"\0")[:-1]:
            facts, _, name = entry.partition(b"\t")
            mode, _, sha = facts.split(b" ")
            leaves.append(Leaf(name, int(mode, 8), sha))
    except BROKEN:
        return None
    start = len(context.encode())
    inside = {os.fsdecode(leaf.path[start:].lstrip(b"/")) for leaf in leaves if leaf.regular}
    names = [dockerfile] if dockerfile in inside else sorted({name.partition("/")[0] for name in inside})
    if len(names) > NAMES or not all(name.isprintable() for name in names):
        return None
    return {"tree": tree_digest(leaves, context, path), "names": names}


@contextmanager
def _committed(folder: Path) -> Iterator[tuple[Git, str]]:
    """A tree with every change of files that git knows, and the git that can read it. It is made beside the repository
    and gone afterwards."""
    git = Git(Path(Git(folder).line("rev-parse", "--show-toplevel")))
    index, objects = (git.folder / git.line("rev-parse", "--git-path", name) for name in ("index", "objects"))
    with tempfile.TemporaryDirectory(prefix="mcd-diff-") as scratch:
        made = Path(scratch)
        if index.exists():
            shutil.copy2(index, made / "index")
        (made / "objects").mkdir()
        beside = Git(
            git.folder,
            {
                "GIT_INDEX_FILE": str(made / "index"),
                "GIT_OBJECT_DIRECTORY": str(made / "objects"),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
            },
        )
        beside("add", "-u")
        yield beside, beside.line("write-tree")
