"""Datasets have versions, say how they are to be read, and lie where their content is"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


@contextmanager
def keys_kept() -> Iterator[None]:
    """On SQLite a table is changed by making it anew, and what refers to the old one's rows goes with them."""
    columns = ("key", "body_sha256", "run", "dataset")
    keys = sa.table("idempotency_keys", *map(sa.column, columns))
    kept = [row._asdict() for row in op.get_bind().execute(sa.select(keys))]
    yield
    op.execute(keys.delete())
    op.bulk_insert(keys, kept)


def upgrade() -> None:
    with keys_kept():
        _upgrade()


def downgrade() -> None:
    with keys_kept():
        _downgrade()


def _upgrade() -> None:
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("source", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("progress", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("folder", sa.String(), nullable=True))
        batch_op.drop_constraint(op.f("uq_datasets_name"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_datasets_name"), ["name", "version"])
    with op.batch_alter_table("datasets") as batch_op:
        for column in ("version", "source", "progress"):
            batch_op.alter_column(column, server_default=None)  # it was for the rows that were there
    op.execute("UPDATE datasets SET folder = 'datasets/' || id WHERE status = 'ready'")


def _downgrade() -> None:
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.drop_constraint(op.f("uq_datasets_name"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_datasets_name"), ["name"])
        for column in ("folder", "progress", "source", "version"):
            batch_op.drop_column(column)
