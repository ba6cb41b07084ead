"""The tables of the nouns, with every invariant that the schema can hold.

One name per thing: the table is the noun of the URL, the column the field of `model/`. No queries here. A change
here goes with a migration, and a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from mcd.model import Role, Trigger
from mcd.store.columns import Json, Utc, Words, loop_columns
from mcd.store.tables.shape import due, gone, metadata, one_of, rest, unique_while_there

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
    *gone(),
    unique_while_there("cluster", "name"),
    due("cluster"),
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
    *gone(),
    *rest(),
    unique_while_there("product_line", "name"),
    unique_while_there("product_line", "cluster_id", "namespace"),
    due("product_line"),
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
    one_of("role", Role),
    Index(None, "person_id"),
)

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
    *gone(),
    unique_while_there("app", "name"),
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
    due("release"),
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
    *rest(),
    UniqueConstraint("app_id", "number"),
    ForeignKeyConstraint(["app_id", "release"], ["release.app_id", "release.number"]),
    ForeignKeyConstraint(["app_id", "settings"], ["settings.app_id", "settings.revision"]),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("live OR next_run_at IS NULL", name="history_is_not_worked_on"),
    one_of("trigger", Trigger),
    # Two live Rollouts of one App would undo each other for ever.
    Index("uq_rollout_live", "app_id", unique=True, sqlite_where=text("live"), postgresql_where=text("live")),
    due("rollout"),
)

LIVE = text("rollout.live")
"""That a Rollout is the live one, in the very words of the index above: by others (`rollout.live = 1`) SQLite does not
find it, and reads every Rollout that an App ever had."""
