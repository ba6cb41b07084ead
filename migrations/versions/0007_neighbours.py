"""what Releases have to do with other Apps, who serves which host, and who calls whom

Revision 0007, after 0006. A version beside this one goes on without it: the new columns have defaults, and what it
deploys is written down when this version looks at it next.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
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
    op.add_column("release", sa.Column("footprint", json, nullable=True))
    op.add_column("release", sa.Column("compiled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("release", sa.Column("sees", json, nullable=False, server_default=sa.text("'[]'")))
    op.create_table(
        "host",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_host_app_id")),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_host_cluster_id")),
        sa.PrimaryKeyConstraint("cluster_id", "host", "path", name=op.f("pk_host")),
    )
    op.create_index(op.f("ix_host_app_id"), "host", ["app_id"])
    op.create_table(
        "dependency",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_dependency_app_id")),
        sa.PrimaryKeyConstraint("app_id", "called", name=op.f("pk_dependency")),
    )
    op.create_index(op.f("ix_dependency_called"), "dependency", ["called"])


def downgrade() -> None:
    wait_briefly()
    op.drop_table("dependency")
    op.drop_table("host")
    for column in ("sees", "compiled", "footprint"):
        op.drop_column("release", column)
