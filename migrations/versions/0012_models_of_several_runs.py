"""Models that divide their requests among runs, try a run in the shadow of another, and log predictions"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = ("split", "shadow")


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("model_versions", sa.Column(column, sa.JSON(), nullable=True))
    op.add_column("model_versions", sa.Column("log", sa.Float(53), nullable=True))
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False, server_default=sa.text("''")),
        sa.Column("model_owner", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("probability", sa.Float(53), nullable=True),
        sa.Column("value", sa.Float(53), nullable=True),
        sa.Column("true_label", sa.String(), nullable=True),
        sa.Column("true_value", sa.Float(53), nullable=True),
        sa.Column("labelled_at", sa.Float(53), nullable=True),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_predictions")),
    )
    op.create_index("ix_predictions_model", "predictions", ["model_owner", "model", "id"])
    op.create_table(
        "shadow_tallies",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("live_seconds", sa.Float(53), nullable=False),
        sa.Column("shadow_seconds", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("owner", "model", "version", name=op.f("pk_shadow_tallies")),
    )
    op.create_table(
        "shadow_differences",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("live", sa.JSON(), nullable=False),
        sa.Column("shadow", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_differences")),
    )
    op.create_index("ix_shadow_differences_version", "shadow_differences", ["owner", "model", "version"])


def downgrade() -> None:
    op.drop_table("predictions")
    op.drop_table("shadow_differences")
    op.drop_table("shadow_tallies")
    for column in (*COLUMNS, "log"):
        op.drop_column("model_versions", column)
