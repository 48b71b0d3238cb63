"""Owners take turns in the queue of batches"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

OPEN = text("status IN ('queued', 'running')")


def upgrade() -> None:
    op.add_column("batches", sa.Column("turn", sa.BigInteger(), nullable=False, server_default=text("0")))
    op.create_index("ix_batches_open", "batches", ["turn", "id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("ix_batches_open", table_name="batches")
    op.drop_column("batches", "turn")
