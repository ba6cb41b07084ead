"""${message}

Revision ${up_revision}, after ${down_revision | comma,n}. Expand first; what is removed must be unused by the version
that runs beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
# Whether a program that knows only the revision before goes on beside this one. It does when nothing is taken away,
# renamed or narrowed, and each new column has a default. If not, the upgrade waits until older programs are gone.
OLDER_GOES_ON = False


def wait_briefly() -> None:
    """A migration that cannot get its lock gives up instead of queueing everybody behind itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")


def upgrade() -> None:
    wait_briefly()
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    wait_briefly()
    ${downgrades if downgrades else "pass"}
