"""Mounts below a folder: found, and taken away, so that the folder can be deleted.

It must not touch a mount outside the folders that it is given.
"""

from __future__ import annotations

import subprocess
from pathlib import Path


def under(*folders: Path) -> list[str]:
    """Mount points below the folders, the deepest first."""
    points = []
    for row in Path("/proc/self/mountinfo").read_text().splitlines():
        # Spaces and the like are written as octal escapes.
        point = row.split()[4].encode().decode("unicode_escape")
        if any(Path(point).is_relative_to(folder) for folder in folders):
            points.append(point)
    return sorted(points, key=len, reverse=True)


def release(*folders: Path) -> list[str]:
    """Unmounts all of them and answers what is still mounted."""
    for point in under(*folders):
        # Lazily: a mount that something still looks into goes when that is over.
        subprocess.run(["umount", "-l", point], capture_output=True, check=False)
    return under(*folders)
