"""Events of runs: each change of a run's status and each new attempt, written by a trigger with the change"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

CHANGED = "(NEW.status <> OLD.status OR NEW.attempt <> OLD.attempt) AND NEW.status <> 'deleted'"
INSERT = """
    INSERT INTO run_events (run, at, status, attempt, worker, died)
    VALUES (NEW.id, {now}, NEW.status, NEW.attempt, CASE WHEN NEW.status = 'running' THEN NEW.worker END,
            NEW.deaths > OLD.deaths)
"""
SQLITE_NOW = "(julianday('now') - 2440587.5) * 86400.0"
POSTGRES_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "run_events",
        sa.Column("id", number, primary_key=True),
        sa.Column("run", sa.String, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("worker", sa.String),
        sa.Column("died", sa.Boolean, nullable=False),
    )
    op.create_index("ix_run_events_run", "run_events", ["run"])
    fires = f"AFTER UPDATE OF status, attempt ON runs FOR EACH ROW WHEN ({CHANGED})"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER runs_record_event {fires} BEGIN {INSERT.format(now=SQLITE_NOW)}; END")
        return
    op.execute(
        "CREATE FUNCTION antigrad_record_run_event() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {INSERT.format(now=POSTGRES_NOW)}; RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER runs_record_event {fires} EXECUTE FUNCTION antigrad_record_run_event()")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER runs_record_event")
    else:
        op.execute("DROP TRIGGER runs_record_event ON runs")
        op.execute("DROP FUNCTION antigrad_record_run_event()")
    op.drop_table("run_events")
