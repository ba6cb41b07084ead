"""The door to the database: one transaction for each request or record, committed at the edge, errors in our words.

SQLite (WAL, one writer at a time) and PostgreSQL behave alike behind it. It must not know a noun, and nothing that
waits for a network other than the database's own may happen inside one of its blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog
from sqlalchemy import event, text, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from mcd import rounds
from mcd.errors import Code, McdError
from mcd.observability import metrics
from mcd.store import events
from mcd.store import tables as t
from mcd.store.address import APPLICATION, parse_url
from mcd.store.columns import json_text, json_value
from mcd.store.failures import as_mcd_error, damaged, not_migrated, unreachable
from mcd.store.keyring import KeyRing
from mcd.store.marks import FileMarks, Mark, Marks
from mcd.store.queue import Queue
from mcd.store.quick import FileQuick, Quick, TheOtherWay
from mcd.store.revisions import require_head
from mcd.store.sqlite import BEGIN_WRITING, connect
from mcd.store.tx import Tx
from mcd.store.wakes import CHANNEL, Bell, Ring

if TYPE_CHECKING:
    from prometheus_client import Histogram

    from mcd.store.listener import Listener

__all__ = ["Database", "Tx"]

T = TypeVar("T")

log = structlog.get_logger("mcd.store")

BUSY_SECONDS: float = 5
"""How long a statement waits for another writer before it is refused as busy."""

STATEMENT_SECONDS = 30
"""How long one statement may run on PostgreSQL. None of ours comes near; what does holds locks that others need."""

READERS_KEEP = 512
"""KiB of pages that a connection which reads a SQLite file keeps, a quarter of what it would: there may be 15 of them,
the system has the same pages, and after a commit of another connection all are read anew."""

POOL = 8
"""Connections to PostgreSQL that one process opens for transactions, at the most. With those for short questions, the
one for marks and the listener's, all processes of an installation must find room in its `max_connections`."""

_NOTE_EVERY = timedelta(seconds=60)
_NOTES_KEPT = 10_000

_POLL_SECONDS = 0.5
"""How often SQLite is asked whether another process committed. PostgreSQL tells us."""


class Database:
    """One database for the life of the process. `keyring` opens and seals secrets; without it their values are refused
    and all else works."""

    def __init__(self, url: str, keyring: KeyRing | None = None) -> None:
        self.url = parse_url(url)
        self.keyring = keyring
        self._sqlite = self.url.get_backend_name() == "sqlite"
        self._path = Path(str(self.url.database))
        self._checked = False
        self.wishes = Bell()
        self.told = Bell()
        self.commits = 0
        """Transactions of this process that were committed, but for those of passes: what a person just did."""
        self._noted: dict[str, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue = Queue(self.writing)
        if self._sqlite:
            # One connection for writers: they queue in this process instead of spinning on the file's lock.
            self._writer = _sqlite_engine(self.url, writer=True)
            self._reader = _sqlite_engine(self.url, writer=False)
            self._quick: Quick = FileQuick(self._path, self._reader.dialect)
            self._marks: Marks = FileMarks(self._path)
        else:
            self._writer = self._reader = _postgres_engine(self.url)
            self._quick, self._marks = _of_server(self.url, self._reader)
        self._listener = None if self._sqlite else _listener(self.url, {Ring.WISH: self.wishes, Ring.EVENT: self.told})
        self._watcher: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[Tx]:
        """A transaction that commits when the block ends and rolls back when it raises. On SQLite it holds the write
        lock from the start, so what it reads stays true. Raises McdError unavailable or conflict in our words."""
        with self._our_words(), _Timed(_WRITE) as timed:
            self._require_file()
            async with self._writer.connect() as connection:
                if not self._sqlite:
                    # The pool is the readers' too: what one of them left on the connection, going away at a bad moment,
                    # must not make this wish "read-only".
                    await connection.execution_options(isolation_level="READ COMMITTED", postgresql_readonly=False)
                tx = Tx(connection, writable=True, keyring=self.keyring)
                async with connection.begin():
                    timed.begun()
                    yield tx
                    told = await events.flush(tx)
                    await self._notify(connection, tx.wished, told)
                if not rounds.behind():
                    self.commits += 1
                if tx.wished:
                    self.wishes.ring()
                if told:
                    self.told.ring()
        for work in tx.afterwards:
            self._beside(self._hint(work), "hint-afterwards")

    async def _hint(self, hint: Callable[[Tx], Awaitable[object]]) -> None:
        """What it is about is committed: a hint that fails is one that a resync finds later."""
        try:
            async with self.writing() as tx:
                await hint(tx)
        except McdError as error:
            log.warning("not_hinted", error=str(error))

    async def together(self, write: Callable[[Tx], Awaitable[T]]) -> T:
        """What `write` answers, once it is committed. Where there is one writer at a time, whoever waits for it shares
        its transaction, each behind a savepoint of its own: what one raises undoes what that one wrote, and no more.
        Who is cancelled meanwhile does not know whether it was written. Raises what it raises, or McdError in our
        words."""
        if self._sqlite:
            with self._our_words():
                return await self._queue.write(write)
        # Rows of others that are locked here until the end would be locked in an order of their own.
        async with self.writing() as tx:
            return await write(tx)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A read-only snapshot: several queries in one block see one state."""
        with self._our_words(), _Timed(_READ) as timed:
            self._require_file()
            async with self._reader.connect() as connection:
                if not self._sqlite:
                    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                tx = Tx(connection, writable=False, keyring=self.keyring)
                async with connection.begin():
                    timed.begun()
                    yield tx

    async def asked(self, read: Callable[[Tx], Awaitable[T]], *, single: bool = False) -> T:
        """What `read` answers, in a read-only snapshot, by the shortest way there is. It may ask prepared questions
        only, all of them at once if it is `single`, waits for nothing else, and may be called twice. Raises what it
        raises, or McdError in our words."""
        try:
            return await self._asked_quickly(read, single)
        except TheOtherWay as other:
            metrics.DB_LONG_WAY.labels(other.why).inc()
        async with self.reading() as tx:
            return await read(tx)

    async def _asked_quickly(self, read: Callable[[Tx], Awaitable[T]], single: bool) -> T:
        self._require_file()
        with _Timed(_READ) as timed:
            async with self._quick.reading(single=single) as ask:
                timed.begun()
                tx = Tx(None, writable=False, keyring=None, quick=ask)
                answer = await read(tx)
        return answer

    async def mark(self) -> Mark:
        """Equal to a mark of before: nothing was committed in between, by anybody. What is read after it was asked for
        may be told to whoever is answered the same mark later. Raises nothing; None is equal to nothing."""
        mark = await self._marks.ask()
        if mark is None:
            metrics.DB_LONG_WAY.labels("no_mark").inc()
        return mark

    async def check(self) -> None:
        """Raises McdError unavailable unless the database answers and its tables are those of this version. The first
        call also reads a SQLite file through, so that a torn one is named before anything is written to it."""
        with self._our_words():
            self._require_file()
            async with self._reader.connect() as connection:
                if self._sqlite and not self._checked:
                    verdict = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar_one()
                    if verdict != "ok":
                        raise damaged(self.url)
                await connection.run_sync(require_head, self.url)
        self._checked = True

    async def skew(self, now: datetime) -> timedelta:
        """How far the database's clock is ahead of `now`. Leases of several processes compare times, so each should
        add this to its own clock. Zero on SQLite, which has no clock of its own."""
        if self._sqlite:
            return timedelta(0)
        async with self.reading() as tx:
            theirs: datetime = await tx.value(text("SELECT clock_timestamp()"))
        return theirs.astimezone(UTC) - now

    async def woken(self, timeout: float, seen: int | None = None) -> int:  # noqa: ASYNC109
        """Returns when a wish was committed by anybody, or after `timeout` seconds; see `Bell.wait` for `seen`."""
        self._listen()
        return await self.wishes.wait(timeout, seen)

    async def news(self, timeout: float, seen: int | None = None) -> int:  # noqa: ASYNC109
        """The same for Events: returns when any was appended, or after `timeout` seconds."""
        self._listen()
        return await self.told.wait(timeout, seen)

    def connections(self) -> dict[str, int]:
        """How many connections are open, all that there are, by whether somebody uses them."""
        pools = [cast(QueuePool, engine.pool) for engine in {self._writer, self._reader}]
        counts = [(p.checkedout(), p.checkedin()) for p in pools]
        counts += [self._quick.connections(), self._marks.connections()]
        if self._listener is not None:
            counts.append(self._listener.connections())
        return {"used": sum(used for used, _ in counts), "idle": sum(idle for _, idle in counts)}

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._queue.close()
        if self._listener is not None:
            await self._listener.close()
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._marks.close()
        await self._quick.close()
        await self._writer.dispose()
        await self._reader.dispose()

    def _require_file(self) -> None:
        """SQLite would make an empty file where a database was moved away, and go on without what was in it."""
        if not self._sqlite:
            return
        if not self._path.is_file():
            raise not_migrated(self.url) if self._path.parent.is_dir() else unreachable(self.url)

    @contextlib.contextmanager
    def _our_words(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            ours = as_mcd_error(error, self.url)
            if ours is None:
                raise
            code = ours.code if ours.code in (Code.UNAVAILABLE, Code.CONFLICT) else Code.INTERNAL
            metrics.DB_FAILURES.labels(code).inc()
            raise ours from error

    def note_use(self, token_id: str, now: datetime) -> None:
        """Writes when a token was last used, at most once a minute and beside the request: that a note cannot be
        written must neither slow nor fail a question."""
        last = self._noted.get(token_id)
        if last is not None and now - last < _NOTE_EVERY:
            return
        if len(self._noted) >= _NOTES_KEPT:
            self._noted.clear()
        self._noted[token_id] = now
        self._beside(self._write_use(token_id, now), "token-used")

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Nobody waits for it but the end of the process."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_use(self, token_id: str, now: datetime) -> None:
        # Tried again with the next use.
        with contextlib.suppress(McdError):
            async with self.writing() as tx:
                await tx.run(update(t.token).where(t.token.c.id == token_id).values(last_used_at=now))

    async def _notify(self, connection: AsyncConnection, wished: bool, told: bool) -> None:
        if self._sqlite:
            return
        for ring, due in ((Ring.WISH, wished), (Ring.EVENT, told)):
            if due:
                # Sent by PostgreSQL at the commit, and not at all when there is none.
                await connection.execute(text("SELECT pg_notify(:channel, :ring)"), {"channel": CHANNEL, "ring": ring})

    def _listen(self) -> None:
        if self._listener is not None:
            self._listener.start()
        elif self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch_file(), name="store-watcher")

    async def _watch_file(self) -> None:
        """Rings both bells when anybody committed to the SQLite file."""
        before: Mark = None
        while True:
            mark = await self._marks.ask()
            if mark is not None:
                if before not in {None, mark}:
                    self.wishes.ring()
                    self.told.ring()
                before = mark
            await asyncio.sleep(_POLL_SECONDS)


_READ = (metrics.DB_WAIT_SECONDS.labels("read"), metrics.DB_SECONDS.labels("read"))
_WRITE = (metrics.DB_WAIT_SECONDS.labels("write"), metrics.DB_SECONDS.labels("write"))


class _Timed:
    """Measures a transaction: until it began, and from then to its end, the commit with it."""

    def __init__(self, histograms: tuple[Histogram, Histogram]) -> None:
        self._waited, self._lasted = histograms
        self._asked = time.perf_counter()
        self._began: float | None = None

    def __enter__(self) -> _Timed:
        return self

    def begun(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if isinstance(error, TheOtherWay):
            return  # whoever answers it is measured
        ended = time.perf_counter()
        self._waited.observe((self._began or ended) - self._asked)
        if self._began is not None:
            self._lasted.observe(ended - self._began)


def _listener(url: URL, bells: Mapping[Ring, Bell]) -> Listener:
    from mcd.store.listener import Listener  # psycopg is there only where it is wanted

    return Listener(url, bells)


def _of_server(url: URL, engine: AsyncEngine) -> tuple[Quick, Marks]:
    from mcd.store.server_marks import ServerMarks
    from mcd.store.server_quick import ServerQuick

    return ServerQuick(url, engine.dialect, _limits()), ServerMarks(url)


def _sqlite_engine(url: URL, *, writer: bool) -> AsyncEngine:
    path = Path(str(url.database))
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        # All are kept once made: a connection is a thread and a file, and costs more than what it is asked for.
        pool_size=1 if writer else 15,
        max_overflow=0,
        pool_use_lifo=True,
        pool_timeout=BUSY_SECONDS,
        json_serializer=json_text,
        json_deserializer=json_value,
        connect_args={"timeout": BUSY_SECONDS, "async_creator_fn": partial(connect, reads=not writer)},
        hide_parameters=True,
    )
    prepare_sqlite(engine, writer=writer)
    return engine


def prepare_sqlite(engine: AsyncEngine, *, writer: bool) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # Python's own transaction control begins late and commits by itself; we say BEGIN ourselves.
        connection.isolation_level = None
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode = WAL")
            # A wish that was answered survives a power cut.
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            # Who writes waits for its turn, and not in SQLite.
            cursor.execute(f"PRAGMA busy_timeout = {0 if writer else int(BUSY_SECONDS * 1000)}")
            if not writer:
                cursor.execute("PRAGMA query_only = ON")
                cursor.execute(f"PRAGMA cache_size = -{READERS_KEEP}")
            cursor.close()
        except BaseException:
            # A damaged file is noticed here, and nobody else would end the connection's thread.
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        # A deferred transaction that reads first and writes later is refused when another wrote in between.
        connection.exec_driver_sql(BEGIN_WRITING if writer else "BEGIN")


def _limits() -> str:
    """What every connection to PostgreSQL begins with."""
    return (
        f"-c lock_timeout={int(BUSY_SECONDS * 1000)}ms -c statement_timeout={STATEMENT_SECONDS}s "
        "-c idle_in_transaction_session_timeout=60s -c timezone=UTC"
    )


def _postgres_engine(url: URL) -> AsyncEngine:
    from mcd.store.server_connection import GONE

    return create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        json_serializer=json_text,
        connect_args={"connect_timeout": 5, "options": _limits(), "application_name": APPLICATION, **GONE},
        hide_parameters=True,
    )
