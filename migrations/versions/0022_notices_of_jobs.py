"""Notices of changed jobs on Postgres, for which idle workers wait"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# The columns on which it depends whether a worker may claim a row, but for leases that expire. A claim sends no notice;
# the end of a run does, since its sweep may wait for it.
COLUMNS = {
    "runs": "status",
    "datasets": "status, worker",
    "batches": "status, worker",
    "sweeps": "status, worker, due_at, wake_at",
}
SEND = """
    CREATE FUNCTION antigrad_notify_jobs() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NOTIFY antigrad_jobs; RETURN NULL; END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":  # SQLite counts its commits
        return
    op.execute(SEND)
    for table, columns in COLUMNS.items():
        op.execute(
            f"CREATE TRIGGER {table}_notify_jobs AFTER INSERT OR UPDATE OF {columns} ON {table} "
            "FOR EACH ROW WHEN (NEW.status <> 'running' OR NEW.worker IS NULL) EXECUTE FUNCTION antigrad_notify_jobs()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in COLUMNS:
        op.execute(f"DROP TRIGGER {table}_notify_jobs ON {table}")
    op.execute("DROP FUNCTION antigrad_notify_jobs()")
