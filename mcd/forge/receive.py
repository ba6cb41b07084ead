"""Takes a push apart: its bytes into a quarantine, its pack checked there, and only then into the App's repository.

A quarantine is a bare repository of its own that borrows the objects of the App's, so everything can read the pushed
commit before anything of it is stored. It must not know what a push means: who asks decides between the steps.

Crash order (tests/forge/test_crash.py): before `migrate` nothing but the quarantine exists, and the next push sweeps
it; after `migrate` there are objects that no ref names, which the same push repeats unharmed; the ref moves last.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dulwich.repo import Repo

from mcd.errors import Code, McdError
from mcd.forge import moves, program
from mcd.forge.body import MIB, gunzipped, not_idle, too_large
from mcd.forge.leftovers import OWNER, owner_of, put_aside
from mcd.forge.local import LocalForge
from mcd.forge.locks import claimed, disk, sweep
from mcd.forge.paths import repository_parts
from mcd.forge.sayings import last_line, unpack_refused
from mcd.forge.wire import PushRequest, RefUpdate, parse_push

_BENIGN = "zeroPaddedFilemode=ignore,missingSpaceBeforeDate=ignore,badTimezone=ignore,missingEmail=ignore"
"""What old tools wrote into histories that people still have, and what harms nobody."""
_CONFIG = (
    "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = false\n[http]\n\treceivepack = true\n"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one push may cost. Bytes and seconds."""

    body: int = 200 * MIB
    unpack_seconds: float = 120.0
    idle_seconds: float = 60.0
    """A client that sends nothing for so long is gone."""
    updates: int = 256
    refs: int = 5000
    lock_seconds: float = 60.0


def repository_path(root: Path, app: str) -> Path:
    """Where the repository of an App lies. Raises McdError(invalid) for a name that is none."""
    (name,) = repository_parts(f"mcd:{app}", "mcd")
    return root / f"{name}.git"


def belongs(folder: Path, owner: str) -> bool:
    """Whether the repository is the one of this App, by the App's id. One of the same name that was deleted left its
    commits behind, and they are nobody's to see."""
    return bool(owner) and owner_of(folder) == owner


def refs_of(folder: Path) -> dict[str, str]:
    """Branches and tags with their ids, sorted by name; empty where there is no repository."""
    if not (folder / "HEAD").is_file():
        return {}
    with Repo(str(folder), bare=True) as repo:
        found = {name.decode("utf-8", "replace"): sha.decode("ascii") for name, sha in repo.refs.as_dict().items()}
    return {name: found[name] for name in sorted(found) if name.startswith(("refs/heads/", "refs/tags/"))}


@asynccontextmanager
async def quarantine(root: Path, limits: Limits) -> AsyncIterator[Quarantine]:
    """A place for one push. It is gone when the block ends, whatever happens."""
    with disk():
        sweep(root)
        folder, handle = claimed(root)
    try:
        with disk():
            _made(folder / "q.git", "main")
        yield Quarantine(root, folder, limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


class Quarantine:
    """One push on its way in: `take` its bytes, `open` beside the App's repository, `unpack`, read through `forge`,
    then `migrate`, `hold_refs` and `move_refs`, or `take_back`."""

    def __init__(self, root: Path, folder: Path, limits: Limits) -> None:
        self._root = root
        self._folder = folder
        self._limits = limits
        self._body = folder / "body"
        self._repository = folder / "q.git"
        self._target: Path | None = None
        self._move: moves.Move | None = None
        self._moved: list[Path] = []
        self._fresh = False

    @property
    def forge(self) -> LocalForge:
        """Reads what was pushed and what was there before, as the repository `mcd:q`."""
        return LocalForge(self._folder, "mcd")

    async def take(self, chunks: AsyncIterable[bytes], encoding: Literal["identity", "gzip"]) -> PushRequest:
        """Writes the body to disk and reads what it asks for. Raises McdError: too_large (counted after gzip, whatever
        a header said), invalid (not a push, bad gzip, nothing sent for `idle_seconds`), unavailable (disk)."""
        unpacked = gunzipped(chunks, self._limits.body) if encoding == "gzip" else chunks
        size = 0
        with disk(), self._body.open("wb") as out:
            async for chunk in not_idle(unpacked, self._limits.idle_seconds):
                size += len(chunk)
                if size > self._limits.body:
                    raise too_large(self._limits.body)
                out.write(chunk)
        return self.request()

    def request(self) -> PushRequest:
        """What the bytes that were taken so far ask for. Raises McdError(invalid)."""
        with self._body.open("rb") as source:
            return parse_push(source)

    def open(self, app: str, owner: str) -> dict[str, str]:
        """Borrows the objects of the App's repository, if it has one, and answers its refs. `owner` is the App's id,
        empty for one that is still to be made. Called under the lock."""
        self._target = repository_path(self._root, app)
        if not belongs(self._target, owner):
            return {}
        with disk():
            alternates = self._repository / "objects" / "info" / "alternates"
            alternates.write_text(f"{self._target / 'objects'}\n")
        return refs_of(self._target)

    async def unpack(self, request: PushRequest, current: Mapping[str, str]) -> None:
        """Checks the pack, every object in it and that nothing is missing. Raises McdError: invalid (in one line),
        too_large, unavailable (time limit, disk)."""
        wanted = sorted({u.new for u in request.updates if not u.deletes})
        if not wanted:
            return
        if request.pack_at >= 0 and not self._empty_pack(request.pack_at):
            # Twice the body: what is larger than that can only be a bomb.
            await self._index(request, memory=2 * self._limits.body)
        asked = "".join(f"{sha}\n" for sha in wanted) + "".join(f"^{sha}\n" for sha in sorted(set(current.values())))
        linked = await program.run(
            "rev-list", "--objects", "--quiet", "--stdin",
            folder=self._repository, seconds=self._limits.unpack_seconds, stdin=asked.encode(),
        )  # fmt: skip
        if linked.code:
            raise unpack_refused(linked.said, shallow=request.shallow, limit=self._limits.body)
        for update in request.updates:
            if not update.deletes:
                found = await self.forge.resolve("mcd:q", update.new)
                if update.branch and found.id != update.new:
                    raise McdError(Code.INVALID, f"{update.shown} would not be a commit.", "Push a commit.")

    def _empty_pack(self, at: int) -> bool:
        with self._body.open("rb") as source:
            source.seek(at)
            head = source.read(12)
        return len(head) == 12 and head[:4] == b"PACK" and head[8:] == bytes(4)

    async def _index(self, request: PushRequest, memory: int) -> None:
        handle = os.open(self._body, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.lseek(handle, request.pack_at, os.SEEK_SET)
            indexed = await program.run(
                "index-pack", "--stdin", f"--strict={_BENIGN}", "--fix-thin", f"--max-input-size={self._limits.body}",
                folder=self._repository, seconds=self._limits.unpack_seconds, stdin=handle, memory=memory,
            )  # fmt: skip
        finally:
            os.close(handle)
        if indexed.code:
            raise unpack_refused(indexed.said, shallow=request.shallow, limit=self._limits.body)

    def migrate(self, branch: str, owner: str) -> bool:
        """Moves the pack into the repository of the App with the id `owner`. It is made, with `branch` as its default,
        where there is none; one that belongs to an App that is gone is put aside first, which is answered. Nothing
        names the objects yet."""
        assert self._target is not None, "open comes first"
        with disk():
            other = self._target.exists() and not belongs(self._target, owner)
            if other:
                put_aside(self._root, self._target)
            if not self._target.exists():
                fresh = self._folder / "fresh"
                _made(fresh, branch)
                (fresh / OWNER).write_text(owner)
                fresh.rename(self._target)
                self._fresh = True
                _flushed(self._root)
            packs = self._target / "objects" / "pack"
            # The index last: a pack counts for a reader once it has one.
            for file in sorted((self._repository / "objects" / "pack").iterdir(), key=lambda p: p.suffix == ".idx"):
                place = packs / file.name
                # A pack is named by what is in it: one that is there already is the same, and is needed.
                if not place.exists():
                    file.rename(place)
                    self._moved.append(place)
            _flushed(packs)
        return other

    def take_back(self) -> None:
        """Undoes `migrate`, because the wish that it was done for is certainly not in the database."""
        assert self._target is not None, "open comes first"
        with disk():
            if self._fresh:
                self._target.rename(self._folder / "fresh")
            else:
                for place in reversed(self._moved):
                    place.rename(self._folder / place.name)
        self._moved.clear()
        self._fresh = False

    async def hold_refs(self, updates: tuple[RefUpdate, ...], held: AsyncExitStack) -> None:
        """Holds all refs or none until `held` closes, each only at its old value, and writes down where they go, so
        that nothing but renames is left to `move_refs`. Raises McdError: conflict (somebody moved one, although we hold
        the lock), unavailable (full disk)."""
        assert self._target is not None, "open comes first"
        self._move = await held.enter_async_context(moves.held(self._target, updates))

    async def move_refs(self) -> None:
        """Moves the refs that are held. Raises McdError as `hold_refs`."""
        assert self._move is not None, "hold_refs comes first"
        await self._move()

    async def tidy(self, packs: int = 50) -> str:
        """Puts many small packs together; nothing is ever dropped, because Releases name old commits. Answers what went
        wrong, or nothing."""
        assert self._target is not None, "open comes first"
        if len(list((self._target / "objects" / "pack").glob("*.idx"))) <= packs:
            return ""
        try:
            done = await program.run(
                "repack", "-d", "-q", "--geometric=2", "--no-write-bitmap-index", folder=self._target, seconds=300
            )
        except McdError as error:
            return str(error)
        return last_line(done.said) if done.code else ""


def _made(folder: Path, branch: str) -> None:
    """A bare repository without hooks or samples. By hand: git and dulwich would ask the configuration of whoever runs
    this process how to do it."""
    for inner in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / inner).mkdir(parents=True)
    (folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    (folder / "config").write_text(_CONFIG)


def _flushed(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
