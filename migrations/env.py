"""Alembic's environment: one history for SQLite and Postgres; the connection comes from `app.storage.migrate`."""

from alembic import context

from app.storage.tables import Table

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Table.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
