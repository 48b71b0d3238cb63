"""Notices of cancel and pause requests on Postgres, for which the worker of the run waits"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

CHANGED = "NEW.status <> 'running' OR NEW.worker IS NULL"


def upgrade() -> None:
    _replace("status, wanted", f"{CHANGED} OR NEW.wanted IS NOT NULL")


def downgrade() -> None:
    _replace("status", CHANGED)


def _replace(columns: str, condition: str) -> None:
    """Let the trigger of migration 0022 fire on an update of other columns, under another condition."""
    if op.get_bind().dialect.name != "postgresql":  # SQLite counts its commits
        return
    op.execute("DROP TRIGGER runs_notify_jobs ON runs")
    op.execute(
        f"CREATE TRIGGER runs_notify_jobs AFTER INSERT OR UPDATE OF {columns} ON runs "
        f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION antigrad_notify_jobs()"
    )
