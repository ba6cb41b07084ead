"""The files of the repository that a Release is frozen with: kept once by their content, however many Releases name it.

Written with the Release and read with what is compiled; a file that no Release names any more is dropped. It must not
know what a file is for, or where it came from.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from mcd.store import tables as t
from mcd.store.question import OfMany
from mcd.store.tx import Tx

Files = Mapping[str, bytes | None]
"""Path from the folder of app.yaml → content; None for a file that is not there at the commit."""

NO_FILES: Files = {}


async def freeze(tx: Tx, release_id: str, files: Files) -> None:
    """Keeps files with a Release that has none of these paths. Whoever calls holds the lock on the App's row."""
    if not files:
        return
    digests = {path: None if raw is None else hashlib.sha256(raw).hexdigest() for path, raw in files.items()}
    contents = {digest: raw for path, raw in files.items() if raw is not None and (digest := digests[path])}
    make = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    # In one order everywhere, so that two Releases with the same files wait for each other, and never in a circle.
    for digest in sorted(contents):
        kept = make(t.file).values(sha256=digest, content=contents[digest])
        # Written again where it is there already: that locks it, and nobody drops it before this Release names it.
        await tx.run(kept.on_conflict_do_update(index_elements=["sha256"], set_={"sha256": digest}))
    rows = [{"release_id": release_id, "path": path, "sha256": digests[path]} for path in sorted(files)]
    await tx.run(insert(t.release_file), rows)


async def thaw(tx: Tx, release_id: str) -> None:
    """Forgets the files of one Release, before it is frozen with others."""
    await _drop(tx, t.release_file.c.release_id == release_id)


async def forget(tx: Tx, app_id: str) -> None:
    """Forgets the files of all Releases of an App that is gone."""
    releases = select(t.release.c.id).where(t.release.c.app_id == app_id)
    await _drop(tx, t.release_file.c.release_id.in_(releases))


async def _drop(tx: Tx, condition: Any) -> None:
    table = t.release_file
    digests = sorted(set(await tx.values(select(table.c.sha256).where(condition, table.c.sha256.is_not(None)))))
    await tx.run(delete(table).where(condition))
    if not digests:
        return
    # Locked first and asked after: what a Release that is being written names at this moment is seen to be named.
    locked = select(t.file.c.sha256).where(t.file.c.sha256.in_(digests)).order_by(t.file.c.sha256).with_for_update()
    held = await tx.values(locked)
    unnamed = ~select(table.c.sha256).where(table.c.sha256 == t.file.c.sha256).exists()
    await tx.run(delete(t.file).where(t.file.c.sha256.in_(held), unnamed))


_FILES = OfMany(lambda among: select(t.release_file).where(among(t.release_file.c.release_id, "release")))
_CONTENTS = OfMany(lambda among: select(t.file).where(among(t.file.c.sha256, "digest")))


async def files_of(tx: Tx, release_ids: Collection[str]) -> dict[str, dict[str, bytes | None]]:
    """Release id → its files, in two queries whatever their number. Those that are equal are one object."""
    if not release_ids:
        return {}
    rows = await tx.ask_of(_FILES, release=sorted(release_ids))
    digests = sorted({row["sha256"] for row in rows if row["sha256"] is not None})
    kept = await tx.ask_of(_CONTENTS, digest=digests)
    contents = {row["sha256"]: bytes(row["content"]) for row in kept}
    found: defaultdict[str, dict[str, bytes | None]] = defaultdict(dict)
    for row in rows:
        found[row["release_id"]][row["path"]] = None if row["sha256"] is None else contents[row["sha256"]]
    return found
