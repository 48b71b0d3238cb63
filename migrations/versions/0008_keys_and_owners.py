"""Keys with owners and scopes, what belongs to whom, who did what, and links that show one run"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


@contextmanager
def idempotency_keys_kept() -> Iterator[None]:
    """Keep the rows of a table that refers to a changed one: SQLite rebuilds that one and deletes what refers to it."""
    columns = ("key", "body_sha256", "run", "dataset")
    keys = sa.table("idempotency_keys", *map(sa.column, columns))
    kept = [row._asdict() for row in op.get_bind().execute(sa.select(keys))]
    yield
    op.execute(keys.delete())
    op.bulk_insert(keys, kept)


def owner() -> "sa.Column[str]":
    """The column of the owner; rows from before have none."""
    return sa.Column("owner", sa.String(), nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=True),
        sa.Column("revoked_at", sa.Float(53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_keys_hash")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "shares",
        sa.Column("id", sa.String(), nullable=False),
        owner(),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("runs", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.add_column("runs", owner())  # no batch operation on `runs`, as in 0004
    with idempotency_keys_kept(), op.batch_alter_table("datasets") as batch_op:
        batch_op.add_column(owner())
        batch_op.drop_constraint(op.f("uq_datasets_name"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_datasets_owner"), ["owner", "name", "version"])
    for table, columns in (("model_versions", ["owner", "model", "version"]), ("idempotency_keys", ["owner", "key"])):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(owner())
            batch_op.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch_op.create_primary_key(op.f(f"pk_{table}"), columns)


def downgrade() -> None:
    # Names that two owners chose would be the same without their owners.
    op.execute("UPDATE datasets SET name = name || '-' || owner WHERE owner <> ''")
    op.execute("UPDATE model_versions SET model = model || '-' || owner WHERE owner <> ''")
    op.execute("DELETE FROM idempotency_keys WHERE owner <> ''")
    for table, columns in (("idempotency_keys", ["key"]), ("model_versions", ["model", "version"])):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch_op.create_primary_key(op.f(f"pk_{table}"), columns)
            batch_op.drop_column("owner")
    with idempotency_keys_kept(), op.batch_alter_table("datasets") as batch_op:
        batch_op.drop_constraint(op.f("uq_datasets_owner"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_datasets_name"), ["name", "version"])
        batch_op.drop_column("owner")
    op.drop_column("runs", "owner")
    for table in ("secrets", "shares", "audit", "keys"):
        op.drop_table(table)
