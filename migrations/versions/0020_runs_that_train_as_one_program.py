"""Signatures of the runs that can train as one program"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None

QUEUED = text("status = 'queued'")


def upgrade() -> None:
    op.add_column("runs", sa.Column("stack", sa.String(), nullable=True))
    keys = ["stack", text("priority DESC"), "id"]
    op.create_index("ix_runs_stack", "runs", keys, sqlite_where=QUEUED, postgresql_where=QUEUED)


def downgrade() -> None:
    op.drop_index("ix_runs_stack", table_name="runs")
    op.drop_column("runs", "stack")
