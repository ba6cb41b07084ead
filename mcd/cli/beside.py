"""The files of the repository that an app.yaml names, read beside it (app-yaml 8.1).

No link is followed, so nothing is read that lies outside the folder of app.yaml. It must not judge what it reads: what
is absent is left out, what is too large is cut, and the compiler says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcd.errors import Code, McdError, echo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST = 512 * 1024
"""Bytes of one file; one more is enough to refuse it."""
MOST = 16 * 2**20
"""Bytes of all files together: what is held in memory."""


def files_beside(name: str, paths: Sequence[str]) -> Mapping[str, bytes]:
    """The files at `paths`, from the folder of the file called `name` (`-`: the current folder). Raises McdError:
    invalid for one that may not be read, too_large for too many of them."""
    folder = Path() if name == "-" else Path(name).parent
    found: dict[str, bytes] = {}
    left = MOST
    for path in paths:
        data = _read(folder, path)
        if data is None:
            continue
        left -= len(data)
        if left < 0:
            message = "app.yaml names files of more than 16 MiB together."
            raise McdError(Code.TOO_LARGE, message, "Put some of them into the image.")
        found[path] = data
    return found


def _read(folder: Path, path: str) -> bytes | None:
    """The bytes of a regular file below the folder, cut after what is too much; None for anything else."""
    try:
        real = (folder / path).resolve(strict=True)
        # A link is read as one by git, and by a server: what it leads to is no file of the commit under this name.
        if real != folder.resolve().joinpath(*path.split("/")) or not real.is_file():
            return None
        with real.open("rb") as file:
            return file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or "it cannot be read"
        raise McdError(Code.INVALID, f"{echo(path)}: {reason.lower()}.", "Check the file.") from None
