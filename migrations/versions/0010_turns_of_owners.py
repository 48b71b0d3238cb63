"""Owners take turns in the queue of runs; indexes of the running runs and of the last ended ones"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPEN, RUNNING = text("status IN ('queued', 'running')"), text("status = 'running'")
SUCCEEDED = text("status = 'succeeded'")


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("served", sa.Float(53), nullable=False),
        sa.Column("joined", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_turns")),
    )
    op.drop_index("ix_runs_open", table_name="runs")
    keys = ["owner", text("priority DESC"), "id"]
    op.create_index("ix_runs_open", "runs", keys, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_runs_running", "runs", ["owner"], sqlite_where=RUNNING, postgresql_where=RUNNING)
    op.create_index("ix_runs_succeeded", "runs", ["finished_at"], sqlite_where=SUCCEEDED, postgresql_where=SUCCEEDED)


def downgrade() -> None:
    for index in ("ix_runs_succeeded", "ix_runs_running", "ix_runs_open"):
        op.drop_index(index, table_name="runs")
    op.create_index("ix_runs_open", "runs", [text("priority DESC"), "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_table("turns")
