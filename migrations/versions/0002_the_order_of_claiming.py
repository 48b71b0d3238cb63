"""The index of open runs in the order of claiming"""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN = text("status IN ('queued', 'running')")


def upgrade() -> None:
    op.drop_index("ix_runs_open", table_name="runs")
    op.create_index("ix_runs_open", "runs", [text("priority DESC"), "id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("ix_runs_open", table_name="runs")
    op.create_index("ix_runs_open", "runs", ["priority", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
