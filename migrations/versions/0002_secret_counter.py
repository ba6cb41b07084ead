"""the highest version that a secret ever had

Revision 0002, after 0001. A version beside this one goes on without it: `secrets.store` looks at both.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
OLDER_GOES_ON = True


def wait_briefly() -> None:
    """A migration that cannot get its lock gives up instead of queueing everybody behind itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")


def upgrade() -> None:
    wait_briefly()
    op.create_table(
        "secret_counter",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.CheckConstraint("last >= 1", name=op.f("ck_secret_counter_last")),
        sa.PrimaryKeyConstraint("owner_id", "name", name=op.f("pk_secret_counter")),
    )
    op.execute(
        "INSERT INTO secret_counter (owner_id, name, last) "
        "SELECT owner_id, name, max(version) FROM secret GROUP BY owner_id, name"
    )


def downgrade() -> None:
    wait_briefly()
    op.drop_table("secret_counter")
