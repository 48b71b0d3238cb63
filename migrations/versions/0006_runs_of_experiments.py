"""Runs that go wrong on purpose, as the trials of experiments"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


# No batch operation on `runs`, as in 0004.
def upgrade() -> None:
    op.add_column("runs", sa.Column("slip", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "slip")
