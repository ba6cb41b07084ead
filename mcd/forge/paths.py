"""What a path, a ref, a commit id and a repository may look like, before git or the disk sees one.

Pure. Names come from strangers (app.yaml, pushes, requests): what is not plainly harmless is refused here, and only
what passed is used. It must not look whether anything exists.
"""

from __future__ import annotations

import re

from mcd.errors import Code, McdError, echo

DEPTH = 64
"""Folders inside folders, in a path or a tree."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-f]{7,40}")
_REPOSITORY_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_REF_PART = re.compile(r"[\w#=,%+!][\w.#=,%+!@-]*")
_REF_LIMIT = 200


def path_parts(path: str) -> tuple[str, ...]:
    """The parts of a relative path inside a repository; the empty path and `.` are the root. Leading `./` and a final
    slash are forgiven. Raises McdError(invalid) for everything that could leave the repository or hide in a message."""
    text = path.removeprefix("./").removesuffix("/")
    if text in ("", "."):
        if path.startswith("/"):
            raise _path_refused(path)
        return ()
    parts = tuple(text.split("/"))
    if "\\" in text or not text.isprintable() or len(parts) > DEPTH or len(text) > 1024:
        raise _path_refused(path)
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise _path_refused(path)
    return parts


def _path_refused(path: str) -> McdError:
    return McdError(
        Code.INVALID,
        f'the path "{echo(path)}" is not allowed.',
        'Write a relative path inside the repository, without "..".',
        reason="PathNotAllowed",
    )


def repository_parts(repository: str, scheme: str) -> tuple[str, ...]:
    """The folder names of `scheme:a/b`. Raises McdError(invalid) for other schemes and for parts that begin with a dot
    or a dash or hold anything but letters, digits, `.`, `_` and `-`."""
    prefix = f"{scheme}:"
    parts = tuple(repository.removeprefix(prefix).removesuffix(".git").split("/"))
    allowed = 1 if scheme == "mcd" else 4
    fits = len(parts) <= allowed and all(_REPOSITORY_PART.fullmatch(part) for part in parts)
    if not repository.startswith(prefix) or not fits:
        raise McdError(
            Code.INVALID,
            f'"{echo(repository)}" is not a repository that can be read here.',
            f"Write {prefix}NAME.",
            reason="UrlNotAllowed",
        )
    return parts


def commit_id(text: str) -> bytes:
    """A full commit id as git wants it. Raises McdError(invalid): an abbreviation or a name is resolved first."""
    if not _COMMIT.fullmatch(text):
        raise McdError(Code.INVALID, f'"{echo(text)}" is not a commit id.', "Give all 40 hex digits.")
    return text.encode("ascii")


def looks_abbreviated(text: str) -> bool:
    """Whether the text may be the beginning of a commit id: 7 to 40 hex digits."""
    return _SHORT.fullmatch(text) is not None


def short_ref_problem(name: str) -> str:
    """Why a branch or tag may not have this name, as the end of a sentence; empty when it may. Stricter than git:
    nothing that a shell, a terminal or an option parser could misread."""
    if not name.isprintable():
        return "it holds characters that cannot be shown"
    if not name or len(name.encode()) > _REF_LIMIT:
        return f"a name has 1 to {_REF_LIMIT} bytes"
    if name.upper() in ("HEAD", "FETCH_HEAD", "ORIG_HEAD"):
        return "the name belongs to git"
    for part in name.split("/"):
        if not _REF_PART.fullmatch(part):
            return "use letters, digits and - . _ / # = , % + ! @, each part beginning with a letter, digit or _"
        if ".." in part or part.endswith((".", ".lock")):
            return 'no part may hold "..", nor end with "." or ".lock"'
    return ""


def short_ref(name: str) -> str:
    """The name, if a branch or tag may have it. Raises McdError(invalid)."""
    if problem := short_ref_problem(name):
        raise McdError(
            Code.INVALID,
            f'"{echo(name)}" is not the name of a branch, tag or commit: {problem}.',
            "Give a branch, a tag or a commit id.",
        )
    return name
