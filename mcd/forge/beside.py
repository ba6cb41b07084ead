"""The files of a repository that an app.yaml names, read at the very commit of that app.yaml (app-yaml 3.8).

What is not there as a regular file is told as absent, and what is too large as cut: the compiler says so at its place,
in the words that it has without a server. It must not judge what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from mcd.errors import Code, McdError
from mcd.forge.forge import Forge

LARGEST = 512 * 1024
"""Bytes of one file (app-yaml 3.8)."""
MOST = 16 * 2**20
"""Bytes of all files that one app.yaml names: they are held in memory, and kept with the Release."""
LONGEST = 512
"""Bytes of a path."""

_CUT = bytes(LARGEST + 1)
"""Stands for a file that is too large, whatever is in it: one byte more than is allowed."""


async def files_beside(
    forge: Forge, repository: str, commit: str, app_yaml: str, paths: Sequence[str]
) -> Mapping[str, bytes | None]:
    """The files at `paths`, which begin at the folder of the app.yaml that has this path; None for one that is not
    there. Raises McdError: not_found (repository, commit), unavailable, too_large for too many of them."""
    if paths:
        # Of a repository that is gone nobody shall be told that a file is missing.
        await forge.resolve(repository, commit)
    folder = PurePosixPath(app_yaml).parent
    found: dict[str, bytes | None] = {}
    left = MOST
    for path in paths:
        if not path.isprintable() or len(path.encode()) > LONGEST:
            continue
        found[path] = data = await _read(forge, repository, commit, str(folder / path))
        left -= min(len(data or b""), LARGEST)
        if left < 0:
            message = f"{app_yaml} names files of more than {MOST // 2**20} MiB together."
            raise McdError(Code.TOO_LARGE, message, "Put some of them into the image.")
    return found


async def _read(forge: Forge, repository: str, commit: str, path: str) -> bytes | None:
    """None for what is not there as a regular file: a folder, a symlink, a submodule, or a path that goes over one."""
    try:
        return await forge.read(repository, commit, path, limit=LARGEST)
    except McdError as error:
        if error.code is Code.TOO_LARGE:
            return _CUT
        if error.code in (Code.NOT_FOUND, Code.INVALID):
            return None
        raise
