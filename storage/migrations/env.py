"""What Alembic runs, on the connection that storage.migrations gives it."""

from alembic import context
from sqlmodel import SQLModel

from storage import ledger_partitions, tables

assert tables  # noqa: S101 (the import fills the metadata)
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_server_default=False,
    transactional_ddl=True,
    include_name=lambda name, kind, _parents: kind != "table" or not ledger_partitions.is_partition(name),
)
with context.begin_transaction():
    context.run_migrations()
