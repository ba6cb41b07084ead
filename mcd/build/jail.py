"""Runs a build program where the machine's devices are out of reach: a small private /dev, then `exec`.

Started as a file of its own, as root, inside a fresh mount and pid namespace (`unshare --mount --pid`): buildah's
chroot isolation hands the machine's whole /dev to every RUN, where root may open disks. It must not import anything of
MCD, must not touch the mounts of the machine itself, and never runs the program when the private /dev is not complete.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_BIND, _MOVE, _REC, _PRIVATE, _NOSUID, _NOEXEC = 4096, 8192, 16384, 1 << 18, 2, 8
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {
    "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError with the target in it."""
    answer = _libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, data.encode())
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def own_namespace() -> bool:
    """Whether this process has a mount namespace of its own, so that nothing below reaches the machine."""
    return Path("/proc/self").readlink().name == "1" and os.getpid() == 1


def private_dev(at: Path) -> None:
    """Makes a /dev with harmless devices at the empty folder `at` and moves it over /dev."""
    mount("", Path("/"), flags=_REC | _PRIVATE)
    mount("tmpfs", at, "tmpfs", _NOSUID | _NOEXEC, "mode=0755,size=64k")
    for name in DEVICES:
        real = Path("/dev", name)
        if real.exists():
            (at / name).touch()
            mount(str(real), at / name, flags=_BIND)
    for name, target in LINKS.items():
        (at / name).symlink_to(target)
    for name in ("pts", "shm", "mqueue"):
        (at / name).mkdir()
    mount("devpts", at / "pts", "devpts", _NOSUID | _NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    mount("tmpfs", at / "shm", "tmpfs", _NOSUID, "mode=1777,size=1g")
    mount(str(at), Path("/dev"), flags=_MOVE)


def main(arguments: list[str]) -> None:
    """`jail.py FOLDER PROGRAM ARGUMENT…`"""
    if not own_namespace():
        sys.exit("jail.py: not in a namespace of its own, so nothing was started. Start it through unshare.")
    try:
        private_dev(Path(arguments[0]))
    except OSError as error:
        sys.exit(f"jail.py: the private /dev could not be made ({error}), so nothing was started.")
    os.execvp(arguments[1], arguments[1:])  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
