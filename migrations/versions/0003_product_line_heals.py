"""what was put back lately in the namespace of a product line

Revision 0003, after 0002. A version beside this one goes on without it: the column has a default.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
OLDER_GOES_ON = True


def wait_briefly() -> None:
    """A migration that cannot get its lock gives up instead of queueing everybody behind itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")


def upgrade() -> None:
    wait_briefly()
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("product_line", sa.Column("heals", json, nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    wait_briefly()
    op.drop_column("product_line", "heals")
