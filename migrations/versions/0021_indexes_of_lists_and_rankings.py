"""Indexes for lists of runs by owner and by status, and for rankings by each metric"""

from alembic import op
from sqlalchemy import text

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

VALUES = {
    "sqlite": (
        "CASE WHEN json_type(metrics, '$.' || '{path}') IN ('integer', 'real') "
        "THEN json_extract(metrics, '$.' || '{path}') END"
    ),
    "postgresql": (
        "(CASE WHEN json_typeof(metrics #> string_to_array('{path}', '.')) = 'number' "
        "THEN CAST(metrics #>> string_to_array('{path}', '.') AS double precision) END)"
    ),
}
LISTS = ("owner", "status")
METRICS = [
    (part, name)
    for part in ("train", "validation", "test")
    for name in ("loss", "accuracy", "mse", "mae", "r2", "mape")
]


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":  # SQLite would prefer them to the indexes of the queue
        for column in LISTS:
            op.create_index(f"ix_runs_{column}", "runs", [column, "id"])
    for part, name in METRICS:
        value = VALUES[dialect].format(path=f"{part}.{name}")
        exists = text(f"{value} IS NOT NULL")
        index, keys = f"ix_runs_{part}_{name}", [text(value), "id"]
        op.create_index(index, "runs", keys, sqlite_where=exists, postgresql_where=exists)


def downgrade() -> None:
    for part, name in METRICS:
        op.drop_index(f"ix_runs_{part}_{name}", table_name="runs")
    if op.get_bind().dialect.name == "postgresql":
        for column in LISTS:
            op.drop_index(f"ix_runs_{column}", table_name="runs")
