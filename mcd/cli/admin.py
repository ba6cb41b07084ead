"""`mcd admin`: work on the data of an installation, on a machine that reaches its database.

It reads the settings and opens the store. It must not import the server: a repair should not wait for one.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from mcd.cli.installation import check_folder, read_environment
from mcd.errors import Code, McdError
from mcd.forge import leftovers
from mcd.store import accounts
from mcd.store import secrets as secret_store
from mcd.store.address import parse_url
from mcd.store.installation import apps_by_id
from mcd.store.intents.apps import RESERVED_FOR
from mcd.store.keyring import KeyRing, add_key, create_keyring, read_keyring
from mcd.store.migrate import migrate
from mcd.store.processes import without
from mcd.store.session import Database

RESTART = "Restart every MCD process: first each `mcd serve controllers`, then each `mcd serve api` (or `mcd serve`)."
"""After a key was added. Controllers open what the API seals, so they must know the key before it does."""

admin = typer.Typer(
    add_completion=False,
    help="Set up and repair an installation, on a machine that reaches its database.",
    no_args_is_help=True,
)


@admin.command("migrate")
def admin_migrate() -> None:
    """Make or upgrade the tables, and the key ring if there is none yet.

    Example: MCD_DATABASE_URL=postgresql://mcd@db/mcd mcd admin migrate
    """
    settings = read_environment()
    parse_url(settings.database)
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise McdError(
            Code.UNAVAILABLE, f"{settings.data} cannot be made: {error.strerror}.", "Set MCD_DATA to another folder."
        ) from None
    migrate(settings.database)
    if not settings.keys_file.exists():
        asyncio.run(_with_database(_needs_no_key))
        create_keyring(settings.keys_file)
        print(f"made the key ring {settings.keys_file}: back it up apart from the database", file=sys.stderr)
    else:
        try:
            asyncio.run(_with_database(_say_unopenable, read_keyring(settings.keys_file)))
        except McdError as error:  # the tables are made; `mcd serve` will say it again, and not start
            print(f"warning: {error}", file=sys.stderr)
    print("the tables are those of this version", file=sys.stderr)


async def _needs_no_key(db: Database) -> None:
    """A new key ring beside sealed values would hide that the old one is lost, until somebody needs a value."""
    async with db.reading() as tx:
        used = await secret_store.keys_in_use(tx)
    if used:
        raise McdError(
            Code.UNAVAILABLE,
            f"the key ring is gone, and {sum(used.values())} values are sealed with {', '.join(sorted(used))}.",
            "Put the file of MCD_SECRET_KEYS_FILE back from your backup; nothing was made.",
            reason="KeyRingMissing",
        )


async def _say_unopenable(db: Database) -> None:
    """A database that was restored may need keys that were removed since."""
    async with db.reading() as tx:
        lost = await secret_store.unopenable(tx, db.keyring) if db.keyring is not None else None
    if lost is not None:
        print(f"warning: {lost}", file=sys.stderr)


@admin.command("create-admin")
def admin_create(
    name: Annotated[str, typer.Argument(help="Sign-in name.")] = "admin",
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
) -> None:
    """Make a person who may do everything, or give one a new password. Without a given one it is printed once.

    Example: mcd admin create-admin alice
    """
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(12)
    asyncio.run(_with_database(lambda db: _create_admin(db, name, password)))
    if not password_stdin:
        print(password)


async def _create_admin(db: Database, name: str, password: str) -> None:
    async with db.writing() as tx:
        await accounts.ensure_admin(tx, name, password, datetime.now(UTC))


@admin.command("add-key")
def admin_add_key() -> None:
    """Put a new key in front of the key ring: the first half of a rotation.

    Then copy the file to every machine of MCD and restart every process, so that all of them know the key: first each
    `mcd serve controllers`, then each `mcd serve api` (they seal what is new with it at once), or `mcd serve`. Only
    then run `mcd admin seal-again`.

    Example: mcd admin add-key
    """
    settings = read_environment()
    ring = add_key(settings.keys_file)
    print(f"{settings.keys_file} begins with {ring.newest} now. Back it up, and copy it to every machine of MCD.")
    print(f"{RESTART} Then: mcd admin seal-again")


@admin.command("seal-again")
def admin_seal_again(
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for processes that are just stopping.")] = 15,
) -> None:
    """Seal every secret with the newest key, while MCD runs: the second half of a rotation.

    Every process of MCD must have been restarted since `mcd admin add-key`: first each `mcd serve controllers`, then
    each `mcd serve api` (or `mcd serve`). One that was not does not know the newest key and could not open what this
    seals: as long as one runs, it is named and nothing is sealed.

    Example: mcd admin seal-again
    """
    settings = read_environment()
    check_folder(settings)
    ring = read_keyring(settings.keys_file)
    asyncio.run(_with_database(lambda db: _seal_again(db, ring, wait), ring))


async def _ignorant(db: Database, key: str, wait: float) -> tuple[str, ...]:
    """The processes that do not seal with this key, when those that were told to stop had so many seconds for it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while True:
        async with db.reading() as tx:
            found = await without(tx, key, datetime.now(UTC))
        if not found or loop.time() >= deadline:
            return found
        await asyncio.sleep(min(1.0, max(0.0, deadline - loop.time())))


async def _seal_again(db: Database, ring: KeyRing, wait: float) -> None:
    async with db.reading() as tx:
        lost = await secret_store.unopenable(tx, ring)
    if lost is not None:
        raise McdError(Code.UNAVAILABLE, str(lost), "Nothing was sealed.", reason="KeyMissing")
    if ignorant := await _ignorant(db, ring.newest, wait):
        raise McdError(
            Code.CONFLICT,
            f"{ring.newest} is not the newest key of every running process, so nothing was sealed. "
            f"Not of: {', '.join(ignorant)}.",
            f"{RESTART} Then run this again. One that was killed counts as running for 75 s.",
            reason="KeyNotKnown",
        )
    count = await secret_store.rotate(db)
    async with db.reading() as tx:
        used = await secret_store.keys_in_use(tx)
    idle = [key for key in ring.ids if key != ring.newest and key not in used]
    print(f"{count} values were sealed again with {ring.newest}.")
    if idle:
        print(
            f"No value needs {', '.join(idle)} any more. When every process was restarted since add-key, and a second "
            "seal-again finds nothing, remove them from the file on every machine, and restart in the same order."
        )


@admin.command("repositories")
def admin_repositories(
    remove: Annotated[bool, typer.Option("--remove", help="Remove those that may be.")] = False,
    days: Annotated[int, typer.Option(min=0, help="Days for which an App must be gone.")] = RESERVED_FOR.days,
) -> None:
    """List the git repositories of Apps that are gone, and give back their space.

    A deleted App's commits stay on the disk: nobody can fetch them, and a new App of the same name begins empty. They
    are removed by this command only. A repository whose App this database does not know is never removed.

    Example: mcd admin repositories --remove --days 90
    """
    asyncio.run(_with_database(lambda db: give_back(db, days, remove=remove)))


async def give_back(db: Database, days: int, *, remove: bool) -> None:
    """Prints every repository whose App is gone or not known. With `remove`, those of Apps that are gone for so many
    days are removed."""
    settings, now = read_environment(), datetime.now(UTC)
    check_folder(settings, of_git=True)
    root = settings.repositories
    # Listed before the database is asked: an App that is made in between is known then.
    found = list(leftovers.repositories(root))
    async with db.reading() as tx:
        apps = await apps_by_id(tx)
    freed = 0
    for each in found:
        where, size = each.folder.relative_to(root), each.size
        if each.owner not in apps:
            print(f"{where}  {_mib(size)}  belongs to no App that this database knows; left alone")
            continue
        gone_at = apps[each.owner]
        if gone_at is None:
            continue
        due = gone_at + timedelta(days=days) <= now
        said = f"{where}  {_mib(size)}  {each.app} is gone since {gone_at.date().isoformat()}"
        if due and remove and await leftovers.remove(root, each):
            freed += size
            said += "; removed"
        print(said if not due or remove else f"{said}; --remove removes it")
    print(f"{_mib(freed)} given back." if remove else "Nothing was removed.")


def _mib(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"


async def _with_database(work: Callable[[Database], Awaitable[None]], ring: KeyRing | None = None) -> None:
    settings = read_environment()
    check_folder(settings)
    db = Database(settings.database, ring)
    try:
        await db.check()
        await work(db)
    finally:
        await db.close()
