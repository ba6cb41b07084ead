"""What git or the disk says when it refuses a push, as one line for a person.

Pure. It must not run git.
"""

from __future__ import annotations

import re

from mcd.errors import Code, McdError, echo

MIB = 1024 * 1024

_SAYINGS: tuple[tuple[str, Code, str], ...] = (
    (r"attempting to allocate", Code.TOO_LARGE, "one object in it is larger than a push may be"),
    (r"exceeds maximum allowed size", Code.TOO_LARGE, "it is larger than a push may be"),
    (r"early EOF|premature end|disconnected mid", Code.INVALID, "the pack is cut off"),
    (r"hasDotdot|hasDot\b", Code.INVALID, 'it holds a folder entry named "." or ".."'),
    (r"hasDotgit", Code.INVALID, 'it holds a folder entry named ".git"'),
    (r"fullPathname", Code.INVALID, "it holds a folder entry with a slash in its name"),
    (r"pack signature mismatch|bad pack|pack is corrupted|SHA1 mismatch|inflate|unknown object type|bogus|invalid",
     Code.INVALID, "the pack is damaged"),
)  # fmt: skip
_FOLDER = re.compile(r"(?<![\w./])/(?:[^\s/]+/)+")
# Of a lock that it could not write git does not say why; there is hardly another reason.
_FULL = re.compile(r"No space left on device|Disk quota exceeded|Out of diskspace|couldn't write '[^']*\.lock'")
_FSCK = re.compile(r"error: object [0-9a-f]{40}: (\w+): (.*)")


def unpack_refused(said: str, *, shallow: bool, limit: int) -> McdError:
    """git's own words as one line: what is wrong with the push, and what to do. `limit` is in bytes."""
    if is_full(said):
        return full_disk()
    for pattern, code, words in _SAYINGS:
        if re.search(pattern, said):
            hint = "Run git fsck in your clone, mend the history and push again."
            if code is Code.TOO_LARGE:
                hint = f"A push may have {limit // MIB} MiB. Keep large files out of git."
            return McdError(code, f"{words}.", hint, reason="PackRefused")
    if found := _FSCK.search(said):
        return McdError(
            Code.INVALID,
            f"git fsck finds {echo(found[1], 40)}: {echo(found[2], 80)}.",
            "Mend the history and push again.",
        )
    if re.search(
        r"[Mm]issing|bad object|unresolved deltas|revision walk|Could not read|did not (send|receive)|unable to read",
        said,
    ):
        hint = "Run git fetch --unshallow, then push again." if shallow else "Run git fsck in your clone."
        return McdError(Code.INVALID, "objects are missing from it.", hint, reason="PackRefused")
    return McdError(Code.INVALID, f"git refuses it: {last_line(said)}.", "Run git fsck in your clone.")


def full_disk() -> McdError:
    """What a person is told of a full disk, whoever noticed it."""
    return unwritten("the disk of MCD is full", "StorageFull")


def unwritten(words: str, reason: str = "") -> McdError:
    """The same for a disk that refuses for another reason, in `words`."""
    hint = "Tell its administrator, then push again."
    return McdError(Code.UNAVAILABLE, f"{words}, nothing was stored.", hint, reason=reason)


def is_full(said: str) -> bool:
    """Whether git ended because its disk is full."""
    return _FULL.search(said) is not None


def last_line(said: str) -> str:
    """The last thing that git said, printable, without a full stop and without the folders of this machine."""
    said = _FOLDER.sub("", said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason given"
    return echo(last.removeprefix("fatal: ").removeprefix("error: ").rstrip("."), 120)
