"""What git says when it refuses a pack, as one line for a person.

Pure. It must not run git.
"""

from __future__ import annotations

import re

from mcd.errors import Code, McdError, echo

MIB = 1024 * 1024

_SAYINGS: tuple[tuple[str, Code, str], ...] = (
    (r"attempting to allocate", Code.TOO_LARGE, "one object in it is larger than a push may be"),
    (r"exceeds maximum allowed size", Code.TOO_LARGE, "it is larger than a push may be"),
    (r"No space left on device|Disk quota exceeded", Code.UNAVAILABLE, "the disk of MCD is full"),
    (r"early EOF|premature end|disconnected mid", Code.INVALID, "the pack is cut off"),
    (r"hasDotdot|hasDot\b", Code.INVALID, 'it holds a folder entry named "." or ".."'),
    (r"hasDotgit", Code.INVALID, 'it holds a folder entry named ".git"'),
    (r"fullPathname", Code.INVALID, "it holds a folder entry with a slash in its name"),
    (r"pack signature mismatch|bad pack|pack is corrupted|SHA1 mismatch|inflate|unknown object type|bogus|invalid",
     Code.INVALID, "the pack is damaged"),
)  # fmt: skip
_FSCK = re.compile(r"error: object [0-9a-f]{40}: (\w+): (.*)")


def unpack_refused(said: str, *, shallow: bool, limit: int) -> McdError:
    """git's own words as one line: what is wrong with the push, and what to do. `limit` is in bytes."""
    for pattern, code, words in _SAYINGS:
        if re.search(pattern, said):
            hint = "Run git fsck in your clone, mend the history and push again."
            if code is Code.TOO_LARGE:
                hint = f"A push may have {limit // MIB} MiB. Keep large files out of git."
            elif code is Code.UNAVAILABLE:
                hint = "Tell its administrator, then push again."
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


def last_line(said: str) -> str:
    """The last thing that git said, printable, without a full stop."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason given"
    return echo(last.removeprefix("fatal: ").removeprefix("error: ").rstrip("."), 120)
