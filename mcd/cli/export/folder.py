"""An exported folder on the disk: written whole or not at all, and never over what a person filled in.

It must not know what stands in a file.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mcd.errors import Code, McdError, echo

_OURS = re.compile(
    r"(?:before/)?(?:objects/[0-9]{2,}-[a-z]+-[a-z0-9.-]+\.yaml|secrets/.+\.example)|before/kustomization\.yaml"
)
"""Files of an earlier export that go when the new one has none of the name. What is filled in is not among them."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Raises McdError(invalid) for a folder that is none, or that holds something already."""
    try:
        if not folder.exists():
            if not folder.parent.is_dir():
                raise McdError(Code.INVALID, f"{echo(str(folder.parent))} is not a folder.", "Make it first.")
            return
        if not folder.is_dir():
            raise McdError(Code.INVALID, f"{echo(str(folder))} is a file.", "Name a folder.")
        if any(folder.iterdir()) and not force:
            message = f"{echo(str(folder))} is not empty. Nothing was written."
            raise McdError(Code.INVALID, message, "Name another folder, or say --force: what you filled in stays.")
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or "it is no path"
        raise McdError(Code.INVALID, f"{echo(str(folder))}: {reason.lower()}.", "Check the path.") from wrong


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes every file. All of them are on the disk before the first one takes its place. Raises McdError(invalid)."""
    new = not folder.exists()
    _refuse_links(folder, files)
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mcd-export-", dir=folder, ignore_cleanup_errors=True) as scratch:
            for path, data in files.items():
                _put(Path(scratch) / path, data)
            for path in files:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                (Path(scratch) / path).replace(target)
        _forget_older(folder, files)
    except OSError as wrong:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        message = f"{echo(str(folder))} cannot be written: {(wrong.strerror or 'it failed').lower()}."
        raise McdError(Code.INVALID, message, "Look at the disk and its permissions, then export again.") from wrong


def _refuse_links(folder: Path, files: Mapping[str, bytes]) -> None:
    """A folder inside that is a link leads out of it, and what stands there is nobody's export. Raises
    McdError(invalid)."""
    inside = {parent for path in files for parent in Path(path).parents}
    for each in sorted(folder / parent for parent in inside if parent != Path()):
        if each.is_symlink():
            message = f"{echo(str(each))} is a link to another folder. Nothing was written."
            raise McdError(Code.INVALID, message, "Remove the link, or name another folder.")


def _put(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def lacking(file: Path, keys: Sequence[str]) -> list[str]:
    """The keys that a filled in `.env` file does not have."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return list(keys)
    there = {line.partition("=")[0].strip() for line in lines if "=" in line}
    return [key for key in keys if key not in there]


def _forget_older(folder: Path, files: Mapping[str, bytes]) -> None:
    """Removes the objects of an earlier export that are not in this one: `kubectl apply -k` must not meet them."""
    for base, _, names in os.walk(folder):
        for name in names:
            path = (Path(base) / name).relative_to(folder).as_posix()
            if path not in files and _OURS.fullmatch(path):
                (folder / path).unlink()
