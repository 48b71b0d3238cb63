"""Curves have pyramids"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "curve_blocks",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("block", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.Column("stands_for", sa.LargeBinary(), nullable=False),
        sa.Column("means", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_curve_blocks_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "series", "level", "block", name=op.f("pk_curve_blocks")),
    )


def downgrade() -> None:
    op.drop_table("curve_blocks")
