"""which programs go on beside these tables, so that an upgrade needs no pause

Revision 0006, after 0005. A version beside this one goes on without it: nothing that was there is another.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
        "compatibility",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_compatibility_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compatibility")),
    )


def downgrade() -> None:
    wait_briefly()
    op.drop_table("compatibility")
