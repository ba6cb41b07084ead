"""What a database can answer with, turned into the one error of the program.

A message names neither the database's place nor a statement or its parameters: whoever asks reads it. The place (file,
or host and name, never a password) goes beside it. It must not decide what is retried.
"""

from __future__ import annotations

from sqlalchemy import exc
from sqlalchemy.engine import URL

from mcd.errors import Code, McdError

_TAKEN = {
    "uq_cluster_name": ("cluster.name", "the name of the cluster is taken."),
    "uq_product_line_name": ("product_line.name", "the name of the product line is taken."),
    "uq_product_line_cluster_id_namespace": (
        "product_line.cluster_id, product_line.namespace",
        "the namespace belongs to another product line of this cluster.",
    ),
    "uq_app_name": ("app.name", "the name of the App is taken."),
    "uq_person_name": ("person.name", "there is a person of this name already."),
    "uq_token_person_id_name": ("token.person_id, token.name", "you have a token of this name already."),
    "uq_rollout_live": ("rollout.app_id", "somebody else deploys this App at this moment."),
    "uq_inventory_cluster_id_api_version_kind_namespace_name": (
        "inventory.cluster_id, inventory.api_version, inventory.kind, inventory.namespace, inventory.name",
        "the object belongs to another App or product line of this MCD.",
    ),
}
"""Unique constraint → its columns as SQLite says them, and the sentence for a person."""


def place(url: URL) -> str:
    """The database as an administrator may see it: the file, or host and name. Never a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "the local socket"
    return f"database {url.database or 'postgres'} on {host}"


def as_mcd_error(error: BaseException, url: URL) -> McdError | None:
    """None for what is not the database's doing: it goes up as it is."""
    if isinstance(error, exc.StatementError) and isinstance(error.orig, UnicodeEncodeError):
        return _unstorable()
    if isinstance(error, exc.TimeoutError):
        return _busy(url)
    if isinstance(error, exc.IntegrityError):
        return _integrity(error)
    if isinstance(error, exc.DataError):
        return _unstorable()
    if isinstance(error, exc.DBAPIError):
        text = str(error.orig).lower()
        return _sqlite(text, url) if url.get_backend_name() == "sqlite" else _postgres(error, text, url)
    if isinstance(error, ConnectionError | OSError) and not isinstance(error, McdError):
        return unreachable(url)
    return None


def _integrity(error: exc.IntegrityError) -> McdError | None:
    text = str(error.orig)
    diagnosis = getattr(error.orig, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", "") or ""
    for name, (columns, sentence) in _TAKEN.items():
        if constraint == name or text == f"UNIQUE constraint failed: {columns}":
            return McdError(Code.CONFLICT, sentence, "Choose another one, or look again: somebody was faster.")
    if "unique" in text.lower():
        return McdError(Code.CONFLICT, "somebody else wrote the same thing at this moment.", "Read it again and retry.")
    # A CHECK or a foreign key that speaks up is a bug of ours, not an answer for a person.
    return None


def _sqlite(text: str, url: URL) -> McdError | None:
    if "locked" in text or "busy" in text:
        return _busy(url)
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return damaged(url)
    if "disk is full" in text or "full" in text:
        return _full(url)
    if "unable to open" in text or "disk i/o error" in text:
        return unreachable(url)
    if "readonly" in text:
        return McdError(
            Code.UNAVAILABLE,
            "the file of the database cannot be written.",
            "Give this user the right to write the file and its folder.",
            reason="StorageReadOnly",
            place=place(url),
        )
    if "no such table" in text or "no such column" in text:
        return not_migrated(url)
    return None


def _postgres(error: exc.DBAPIError, text: str, url: URL) -> McdError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in {"55P03", "40P01", "40001", "57014"}:
        return _busy(url)
    if state in {"53100", "53200"}:
        return _full(url)
    if state in {"42P01", "42703", "3F000"}:
        return not_migrated(url)
    if state in {"XX001", "XX002"}:
        return damaged(url)
    if state in {"28P01", "28000"}:
        return McdError(
            Code.UNAVAILABLE,
            "the database does not accept MCD's user or password.",
            "Check MCD_DATABASE_URL.",
            reason="DatabaseUnreachable",
            place=place(url),
        )
    if state == "25006":
        return McdError(
            Code.UNAVAILABLE,
            "the database is a read-only standby.",
            "Point MCD_DATABASE_URL to the primary.",
            reason="StorageReadOnly",
            place=place(url),
        )
    if error.connection_invalidated or not state or state[:2] in {"08", "57", "53", "3D"}:
        return unreachable(url)
    return None


def _busy(url: URL) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        "the database is busy: another writer holds it.",
        "Nothing was changed; try again.",
        reason="DatabaseBusy",
        place=place(url),
        retry_after=2,
    )


def unreachable(url: URL) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        "the database does not answer.",
        "What you asked for may or may not be done: look, or send it again with the same Idempotency-Key.",
        reason="DatabaseUnreachable",
        place=place(url),
        retry_after=5,
    )


def _full(url: URL) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        "the disk of the database is full.",
        "Nothing was changed; reading still works. Free some space.",
        reason="StorageFull",
        place=place(url),
        retry_after=30,
    )


def _unstorable() -> McdError:
    return McdError(
        Code.INVALID,
        "the text holds a character that cannot be stored (NUL or half of a surrogate pair), or a number is too large.",
        "Remove it.",
    )


def damaged(url: URL) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        "the database is damaged.",
        "Stop MCD and restore it from your backup; the clusters were not touched.",
        reason="DatabaseDamaged",
        place=place(url),
    )


def not_migrated(url: URL) -> McdError:
    return McdError(
        Code.UNAVAILABLE,
        "the database does not have the tables of this version.",
        "Run `mcd admin migrate`.",
        reason="DatabaseNotMigrated",
        place=place(url),
    )
