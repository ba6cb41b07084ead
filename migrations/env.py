"""Runs the revisions on the connection that `mcd.store.migrate` hands over, and on no other.

One connection, one transaction: a migration that is killed half-way leaves the tables as they were.
"""

from __future__ import annotations

from alembic import context

from mcd.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations are run by `mcd admin migrate`, which knows the database and its locks.")

context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    # SQLite changes a table by making it anew.
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
