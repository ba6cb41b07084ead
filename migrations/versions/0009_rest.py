"""what a row at rest was judged by, for a process that is started again

Revision 0009, after 0008. A version beside this one goes on without it: what it records is due at another time than
what is at rest, and has a whole pass.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
OLDER_GOES_ON = True

TABLES = ("product_line", "rollout")


def wait_briefly() -> None:
    """A migration that cannot get its lock gives up instead of queueing everybody behind itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")


def upgrade() -> None:
    wait_briefly()
    for table in TABLES:
        op.add_column(table, sa.Column("rest_due", sa.DateTime(timezone=True)))
        op.add_column(table, sa.Column("rest_until", sa.DateTime(timezone=True)))
        op.add_column(table, sa.Column("rest_of", sa.Text()))


def downgrade() -> None:
    wait_briefly()
    for table in TABLES:
        for column in ("rest_of", "rest_until", "rest_due"):
            op.drop_column(table, column)
