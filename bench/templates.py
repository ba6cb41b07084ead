"""The requests of the bound and of the peers: what MCD rendered for one App of each product line, under other names.

The same number of bytes for every App, because names are as long as each other. It must not send anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.engine import Engine
from mcd.kube.kinds import object_path
from mcd.objects import canonical, ref_of

_MINE, _OTHER = b'"app.kubernetes.io/managed-by":"mcd"', b'"app.kubernetes.io/managed-by":"mcx"'
"""So that no watch of MCD selects them."""


@dataclass(frozen=True)
class Templates:
    """For each line: the lines of a file of requests, of the App that is called so."""

    folder: Path
    lines: tuple[str, ...]
    of_line: dict[str, tuple[str, bytes]]

    @staticmethod
    async def made(engine: Engine) -> Templates:
        """Runs one App on each line through MCD, which also is its warm-up."""
        names = await engine.apps("w0", len(engine.lines))
        await engine.push(names)
        await engine.until("the first Apps are applied", engine.unwritten, 120)
        found: dict[str, tuple[str, bytes]] = {}
        for name, line in zip(names, engine.lines, strict=True):
            objects = await engine.rendered([name])
            text = b"\n".join(object_path(ref_of(obj)).encode() + b"\t" + canonical(obj) for obj in objects)
            found[line] = (name, text.replace(_MINE, _OTHER))
        return Templates(engine.folder, engine.lines, found)

    def files(self, prefix: str, apps: int) -> dict[str, Path]:
        """Cluster → a file with its requests of so many Apps, spread over the lines as `Engine.apps` does."""
        parts: dict[str, list[bytes]] = {}
        for number in range(apps):
            line = self.lines[number % len(self.lines)]
            name, text = self.of_line[line]
            parts.setdefault(line.partition("-")[0], []).append(
                text.replace(name.encode(), f"{prefix}-{number:04}".encode())
            )
        made = {}
        for cluster, texts in parts.items():
            made[cluster] = self.folder / f"{prefix}-{cluster}.requests"
            made[cluster].write_bytes(b"\n".join(texts) + b"\n")
        return made
