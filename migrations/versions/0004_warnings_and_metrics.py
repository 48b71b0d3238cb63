"""Runs carry warnings, and checkpoints the metrics that they had"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# No batch operation on `runs`: on SQLite that may copy the table and drop the old one, and what refers to a run would
# be deleted with it.
def upgrade() -> None:
    op.add_column("runs", sa.Column("warnings", sa.JSON(), nullable=True))
    op.add_column("checkpoints", sa.Column("metrics", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("checkpoints", "metrics")
    op.drop_column("runs", "warnings")
