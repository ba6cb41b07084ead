"""which key of secrets each running process seals with, so that nothing is sealed with one that another cannot open

Revision 0008, after 0007. A version beside this one goes on without it: it says nothing of its keys, and is asked to be
restarted before values are sealed again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
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
        "process",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("newest_key", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_process")),
    )


def downgrade() -> None:
    wait_briefly()
    op.drop_table("process")
