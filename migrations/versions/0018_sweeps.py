"""Sweeps: many runs as one job"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

RUNNING = sa.text("status = 'running'")


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False, server_default=""),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.Float(53), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("rungs", sa.JSON(), nullable=False),
        sa.Column("knowledge", sa.JSON(), nullable=False),
        sa.Column("caller", sa.JSON(), nullable=False),
        sa.Column("due_at", sa.Float(53), nullable=True),
        sa.Column("wake_at", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("chosen", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("finished_at", sa.Float(53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )
    op.create_index("ix_sweeps_running", "sweeps", ["id"], sqlite_where=RUNNING, postgresql_where=RUNNING)
    op.create_table(
        "sweep_trials",
        sa.Column("sweep", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("refusal", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["sweep"], ["sweeps.id"], name=op.f("fk_sweep_trials_sweep"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep", "number", name=op.f("pk_sweep_trials")),
    )
    op.create_table(
        "sweep_runs",
        sa.Column("sweep", sa.String(), nullable=False),
        sa.Column("trial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["sweep"], ["sweeps.id"], name=op.f("fk_sweep_runs_sweep"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep", "trial", "seed", name=op.f("pk_sweep_runs")),
        sa.UniqueConstraint("run", name=op.f("uq_sweep_runs_run")),
    )
    untold = {"sqlite_where": sa.text("told = 0"), "postgresql_where": sa.text("NOT told")}
    op.create_index("ix_sweep_runs_untold", "sweep_runs", ["sweep"], **untold)
    op.add_column("runs", sa.Column("pause_epoch", sa.Integer(), nullable=True))
    with op.batch_alter_table("idempotency_keys") as batch_op:
        batch_op.add_column(sa.Column("sweep", sa.String(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_idempotency_keys_sweep"), "sweeps", ["sweep"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    op.execute("DELETE FROM idempotency_keys WHERE sweep IS NOT NULL")
    with op.batch_alter_table("idempotency_keys") as batch_op:
        batch_op.drop_constraint(op.f("fk_idempotency_keys_sweep"), type_="foreignkey")
        batch_op.drop_column("sweep")
    op.drop_column("runs", "pause_epoch")
    op.drop_table("sweep_runs")
    op.drop_table("sweep_trials")
    op.drop_table("sweeps")
