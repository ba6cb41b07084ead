"""The tables of what hangs on the nouns: what belongs to an App and a Release, what is kept under a key, how people are
signed in, what happened, and which processes there are.

No noun and no queries here. A change here goes with a migration, and a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from mcd.model import Noun, Scope
from mcd.store.columns import Json, Utc, Words
from mcd.store.tables.shape import metadata, one_of

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
    one_of("scope", Scope),
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
    one_of("owner", (Noun.APP, Noun.PRODUCT_LINE)),
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
    one_of("owner", (Noun.APP, Noun.PRODUCT_LINE, Noun.CLUSTER)),
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
