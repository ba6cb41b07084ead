"""The tables of the nouns and of what hangs on them, with every invariant that the schema can hold.

One name per thing: the table is the noun of the URL, the column the field of `model/`. No queries here. A change
here goes with a migration, and a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from mcd.model import Noun, Role, Scope, Trigger
from mcd.store.columns import Json, Utc, Words, loop_columns

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, words: tuple[str, ...] | type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _gone() -> list[Column[object] | CheckConstraint]:
    """A thing that is gone keeps its row, because history refers to it; its name is free again."""
    return [
        Column("gone_at", Utc),
        CheckConstraint("gone_at IS NULL OR deleted_at IS NOT NULL", name="gone"),
    ]


def _unique_while_there(table: str, *columns: str) -> Index:
    there = text("gone_at IS NULL")
    return Index(f"uq_{table}_{'_'.join(columns)}", *columns, unique=True, sqlite_where=there, postgresql_where=there)


def _due(table: str) -> Index:
    waiting = text("next_run_at IS NOT NULL")
    return Index(f"ix_{table}_due", "next_run_at", sqlite_where=waiting, postgresql_where=waiting)


# --- places ---------------------------------------------------------------------------------------------------------

cluster = Table(
    "cluster",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("idc", Text, nullable=False),
    Column("facts", Json, nullable=False),
    Column("serves", Json, nullable=False, default=dict),
    Column("seen_at", Utc),
    Column("created_at", Utc, nullable=False),
    *loop_columns(),
    *_gone(),
    _unique_while_there("cluster", "name"),
    _due("cluster"),
)

product_line = Table(
    "product_line",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("cluster_id", Text, ForeignKey("cluster.id"), nullable=False),
    Column("namespace", Text, nullable=False),
    Column("wishes", Json, nullable=False),
    Column("changes", Json, nullable=False, default=list),
    Column("heals", Json, nullable=False, default=list, server_default=text("'[]'")),
    Column("created_at", Utc, nullable=False),
    *loop_columns(),
    *_gone(),
    _unique_while_there("product_line", "name"),
    _unique_while_there("product_line", "cluster_id", "namespace"),
    _due("product_line"),
)

node_pool = Table(
    "node_pool",
    metadata,
    Column("id", Text, primary_key=True),
    Column("cluster_id", Text, ForeignKey("cluster.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("labels", Json, nullable=False),
    Column("taints", Json, nullable=False),
    Column("runtime_class", Text, nullable=False),
    Column("arch", Text, nullable=False),
    Column("capacity", Json, nullable=False),
    Column("devices", Json, nullable=False),
    Column("dedicated_to_id", Text, ForeignKey("product_line.id")),
    Column("oversell", Float, nullable=False),
    Column("generation", Integer, nullable=False, default=1),
    UniqueConstraint("cluster_id", "name"),
    CheckConstraint("oversell >= 1", name="oversell"),
)

# --- people ---------------------------------------------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("admin", Boolean, nullable=False),
    Column("default_product_line_id", Text, ForeignKey("product_line.id")),
    Column("password", Text),
    Column("disabled_at", Utc),
    Column("created_at", Utc, nullable=False),
)

member = Table(
    "member",
    metadata,
    Column("product_line_id", Text, ForeignKey("product_line.id"), primary_key=True),
    Column("person_id", Text, ForeignKey("person.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("since", Utc, nullable=False),
    _one_of("role", Role),
    Index(None, "person_id"),
)

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("person.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("last_used_at", Utc),
    UniqueConstraint("person_id", "name"),
    _one_of("scope", Scope),
    CheckConstraint("expires_at > created_at", name="expires_at"),
)

session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("person_id", Text, ForeignKey("person.id"), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Index(None, "person_id"),
    Index(None, "expires_at"),
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Words, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Index(None, "name", "at"),
    Index(None, "address", "at"),
    Index(None, "at"),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("response", Json),
    Column("created_at", Utc, nullable=False),
    Index(None, "created_at"),
)

# --- what runs ------------------------------------------------------------------------------------------------------

app = Table(
    "app",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("product_line_id", Text, ForeignKey("product_line.id"), nullable=False),
    Column("repository", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("generation", Integer, nullable=False, default=1),
    Column("created_at", Utc, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("deleted_at", Utc),
    *_gone(),
    _unique_while_there("app", "name"),
    Index("ix_app_name_gone_at", "name", "gone_at"),
    Index(None, "product_line_id"),
)

release = Table(
    "release",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, ForeignKey("app.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("commit", Text, nullable=False),
    Column("branch", Words, nullable=False),
    Column("tag", Words, nullable=False),
    Column("author", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("app_yaml", Words, nullable=False),
    Column("images", Json, nullable=False, default=dict),
    Column("problems", Json, nullable=False, default=list),
    Column("deploys", Boolean, nullable=False),
    Column("wished_deletes", Json, nullable=False, default=list),
    Column("rollouts_before", Integer, nullable=False, default=0),
    # Why the push that made it did not deploy it; empty: it is worked on.
    Column("ignored", Words, nullable=False, default="", server_default=text("''")),
    # What it has to do with other Apps, once it was compiled; and the product lines that its pusher could see then.
    Column("footprint", Json),
    Column("compiled", Boolean, nullable=False, default=False, server_default=false()),
    Column("sees", Json, nullable=False, default=list, server_default=text("'[]'")),
    Column("ready_at", Utc),
    Column("created_at", Utc, nullable=False),
    Column("created_by", Text, nullable=False),
    *loop_columns(),
    UniqueConstraint("app_id", "number"),
    UniqueConstraint("app_id", "commit"),
    CheckConstraint("number >= 1", name="number"),
    _due("release"),
)

settings = Table(
    "settings",
    metadata,
    Column("app_id", Text, ForeignKey("app.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("values", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("created_by", Text, nullable=False),
    CheckConstraint("revision >= 0", name="revision"),
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, ForeignKey("app.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("release", Integer, nullable=False),
    Column("settings", Integer, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("take_over", Boolean, nullable=False),
    Column("restarts", Json, nullable=False),
    Column("confirmed_prune", Text, nullable=False),
    Column("wished_deletes", Json, nullable=False),
    Column("commits", Json, nullable=False, default=dict),
    Column("digests", Json, nullable=False, default=dict),
    Column("health", Json, nullable=False, default=list),
    Column("changes", Json, nullable=False, default=list),
    Column("heals", Json, nullable=False, default=list),
    Column("live", Boolean, nullable=False),
    Column("began_at", Utc),
    Column("ready_at", Utc),
    Column("created_at", Utc, nullable=False),
    Column("created_by", Text, nullable=False),
    *loop_columns(),
    UniqueConstraint("app_id", "number"),
    ForeignKeyConstraint(["app_id", "release"], ["release.app_id", "release.number"]),
    ForeignKeyConstraint(["app_id", "settings"], ["settings.app_id", "settings.revision"]),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("live OR next_run_at IS NULL", name="history_is_not_worked_on"),
    _one_of("trigger", Trigger),
    # Two live Rollouts of one App would undo each other for ever.
    Index("uq_rollout_live", "app_id", unique=True, sqlite_where=text("live"), postgresql_where=text("live")),
    _due("rollout"),
)

LIVE = text("rollout.live")
"""That a Rollout is the live one, in the very words of the index above: by others (`rollout.live = 1`) SQLite does not
find it, and reads every Rollout that an App ever had."""

inventory = Table(
    "inventory",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("api_version", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("cluster_id", Text, ForeignKey("cluster.id"), nullable=False),
    Column("uid", Text, nullable=False),
    Column("applied", Text, nullable=False),
    _one_of("owner", (Noun.APP, Noun.PRODUCT_LINE)),
    # An object belongs to one owner: two that both prune and heal it would fight.
    UniqueConstraint("cluster_id", "api_version", "kind", "namespace", "name"),
)

host = Table(
    "host",
    metadata,
    Column("cluster_id", Text, ForeignKey("cluster.id"), primary_key=True),
    Column("host", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    # One owner: of two Apps that want it at the same moment one is told.
    Column("app_id", Text, ForeignKey("app.id"), nullable=False),
    Index(None, "app_id"),
)

dependency = Table(
    "dependency",
    metadata,
    Column("app_id", Text, ForeignKey("app.id"), primary_key=True),
    # By name: it may not be there yet.
    Column("called", Text, primary_key=True),
    Column("component", Text, nullable=False),
    # Whether who pushed it could see the App that it calls: one of another product line lets nobody else in.
    Column("seen", Boolean, nullable=False),
    Index(None, "called"),
)

file = Table(
    "file",
    metadata,
    # A thousand Releases with the same file keep it once.
    Column("sha256", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

release_file = Table(
    "release_file",
    metadata,
    Column("release_id", Text, ForeignKey("release.id"), primary_key=True),
    Column("path", Words, primary_key=True),
    # Empty: it was looked for, and is not there at the commit.
    Column("sha256", Text, ForeignKey("file.sha256")),
    Index(None, "sha256"),
)

build = Table(
    "build",
    metadata,
    Column("app_id", Text, ForeignKey("app.id"), primary_key=True),
    Column("inputs", Text, primary_key=True),
    Column("image", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
)

build_log = Table(
    "build_log",
    metadata,
    Column("release_id", Text, ForeignKey("release.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("text", Words, nullable=False),
)

# --- what is kept under a key, and what happened --------------------------------------------------------------------

secret = Table(
    "secret",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("created_by", Text, nullable=False),
    _one_of("owner", (Noun.APP, Noun.PRODUCT_LINE, Noun.CLUSTER)),
    CheckConstraint("version >= 1", name="version"),
    Index(None, "key_id"),
)

secret_counter = Table(
    "secret_counter",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    # It outlives the secret: a number that came back would open a new value for an older Settings revision.
    Column("last", Integer, nullable=False),
    CheckConstraint("last >= 1", name="last"),
)

event = Table(
    "event",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("noun", Text, nullable=False),
    Column("name", Words, nullable=False),
    Column("product_line", Text),
    Column("app", Text),
    Column("kind", Text, nullable=False),
    Column("actor", Words, nullable=False),
    Column("via", Text, nullable=False),
    Column("message", Words, nullable=False),
    Column("data", Json, nullable=False),
    # No CHECK on noun and kind: a new word must not need a migration of the largest table.
    Index(None, "product_line", "sequence"),
    Index(None, "app", "sequence"),
    Index(None, "noun", "name", "sequence"),
)

controller = Table(
    "controller",
    metadata,
    Column("holder", Text, primary_key=True),
    Column("seen_at", Utc, nullable=False),
    Column("stopped_at", Utc),
)

process = Table(
    "process",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("newest_key", Text, nullable=False),
    Column("seen_at", Utc, nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

compatibility = Table(
    "compatibility",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Of the tables, and the one that a program must know, at the least, to go on beside them.
    Column("revision", Text, nullable=False),
    Column("oldest", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

event_counter = Table(
    "event_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
