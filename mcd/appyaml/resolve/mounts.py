"""What is mounted in a container, and that nothing of it lies inside another (app-yaml 3.22).

It must not know a volume.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcd.appyaml.record import record
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.errors import echo

FILE = "file"


@record
class Mount:
    """Something that is mounted. `kind` is what app.yaml calls it; `where` is what wrote its path, `key` says whether
    that is a key."""

    kind: str
    path: str
    where: Path
    key: bool = True


def folders_of(run: Resolving, component: Component, path: Path) -> tuple[Mount, ...]:
    """The folders of the main container; those of scratch are the sidecars' too."""
    found: list[Mount] = []
    if run.app.permdir is not None and component.permdir:
        found.append(Mount("permdir", run.app.permdir.path, ("permdir", "path"), key=False))
    if component.stateful is not None and component.stateful.path is not None:
        found.append(Mount("stateful", component.stateful.path, (*path, "stateful", "path"), key=False))
    found += (Mount("scratch", folder, (*path, "scratch", folder)) for folder in component.scratch)
    return tuple(found)


def check_mounts(mounts: Iterable[Mount], findings: Findings) -> None:
    """Refuses what lies inside another one, or is the same as one before it."""
    taken: dict[str, Mount] = {}
    nested = [(mount, taken[mount.path]) for mount in mounts if taken.setdefault(mount.path, mount) is not mount]
    nested += [(mount, outer) for mount in taken.values() if (outer := _around(mount.path, taken)) is not None]
    for mount, outer in nested:
        message = f"lies inside {outer.kind} {echo(outer.path)}."
        findings.refuse("path.overlap", mount.where, message, "Choose another path.", key=mount.key)


def _around(path: str, taken: dict[str, Mount]) -> Mount | None:
    """The nearest one that a path lies in."""
    while (path := path.rpartition("/")[0]) != "":
        if path in taken:
            return taken[path]
    return None
