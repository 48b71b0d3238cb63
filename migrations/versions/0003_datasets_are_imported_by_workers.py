"""Datasets are imported by workers, and remembered under their Idempotency-Key"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.add_column(sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.alter_column("deaths", server_default=None)  # it was for the rows that were there
    with op.batch_alter_table("idempotency_keys") as batch_op:
        batch_op.alter_column("run", existing_type=sa.String(), nullable=True)
        batch_op.add_column(sa.Column("dataset", sa.String(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_idempotency_keys_dataset"), "datasets", ["dataset"], ["id"], ondelete="CASCADE"
        )


def downgrade() -> None:
    op.execute("DELETE FROM idempotency_keys WHERE run IS NULL")
    with op.batch_alter_table("idempotency_keys") as batch_op:
        batch_op.drop_constraint(op.f("fk_idempotency_keys_dataset"), type_="foreignkey")
        batch_op.drop_column("dataset")
        batch_op.alter_column("run", existing_type=sa.String(), nullable=False)
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.drop_column("deaths")
