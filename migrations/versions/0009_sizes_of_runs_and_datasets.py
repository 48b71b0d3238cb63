"""Runs, checkpoints and datasets carry their sizes"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SIZED = ("runs", "checkpoints", "datasets")


# NULL is the size of what was there before. No batch operation, as in 0004.
def upgrade() -> None:
    for table in SIZED:
        op.add_column(table, sa.Column("bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for table in reversed(SIZED):
        op.drop_column(table, "bytes")
