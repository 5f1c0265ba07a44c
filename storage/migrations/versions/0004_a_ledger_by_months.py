"""A ledger that does not grow for ever: partitioned by months on PostgreSQL, with openings for what was pruned"""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COUNTER = "ledger_entry_sequence_seq"
_INDEXES = {
    "ix_ledger_entry_group_id_line": "group_id, line",
    "ix_ledger_entry_level": "product_id, location_id, sequence",
    "ix_ledger_entry_location_id_sequence": "location_id, sequence",
    "ix_ledger_entry_created_at": "created_at",
}
# One partition for each month that has entries, and for this one and the three that follow
_MONTHS = """DO $$ DECLARE month timestamp; BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', created_at AT TIME ZONE 'UTC') FROM ledger_entry_moved
        UNION SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month' FROM generate_series(0, 3) n
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF ledger_entry FOR VALUES FROM (%L) TO (%L)',
            to_char(month, '"ledger_entry_"YYYY_MM'),
            to_char(month, 'YYYY-MM-DD"T00:00:00Z"'), to_char(month + interval '1 month', 'YYYY-MM-DD"T00:00:00Z"'));
    END LOOP;
END $$"""


def _move(*partitioned: str, key: str) -> None:
    """Make the table anew, with the same columns and the same counter, and move all entries.

    Indexes are made after the entries are there: that is quicker, and the old ones have their names until then.
    """
    op.execute("ALTER TABLE ledger_entry RENAME TO ledger_entry_moved")
    op.execute(f"ALTER SEQUENCE {_COUNTER} OWNED BY NONE")
    by = " PARTITION BY RANGE (created_at)" if partitioned else ""
    op.execute(f"CREATE TABLE ledger_entry (LIKE ledger_entry_moved INCLUDING DEFAULTS INCLUDING STORAGE){by}")
    for statement in partitioned:
        op.execute(statement)
    op.execute("INSERT INTO ledger_entry SELECT * FROM ledger_entry_moved ORDER BY sequence")
    op.execute("DROP TABLE ledger_entry_moved")
    op.execute(f"ALTER SEQUENCE {_COUNTER} OWNED BY ledger_entry.sequence")
    op.execute(f"ALTER TABLE ledger_entry ADD CONSTRAINT pk_ledger_entry PRIMARY KEY ({key})")
    for name, columns in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON ledger_entry ({columns})")
    op.create_foreign_key(
        "fk_ledger_entry_group_id_stock_change_group", "ledger_entry", "stock_change_group", ["group_id"], ["id"]
    )
    op.execute("ANALYZE ledger_entry")  # nobody analyzes a partitioned table by himself


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        default = "CREATE TABLE ledger_entry_default PARTITION OF ledger_entry DEFAULT"
        _move(default, _MONTHS, key="sequence, created_at, product_id")
    op.create_table(
        "ledger_opening",
        sa.Column("product_id", _ID, autoincrement=False, nullable=False),
        sa.Column("location_id", _ID, autoincrement=False, nullable=False),
        sa.Column("sequence", _ID, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("on_hand", sa.BigInteger(), nullable=True),
        sa.Column("regular_price", storage.columns.Price(), nullable=True),
        sa.Column("sale_price", storage.columns.Price(), nullable=True),
        sa.Column("backorders", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("safety_stock", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", storage.columns.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "location_id", name=op.f("pk_ledger_opening")),
    )
    op.create_index("ix_ledger_opening_sequence", "ledger_opening", ["sequence"])
    op.create_index("ix_ledger_opening_created_at", "ledger_opening", ["created_at"])


def downgrade() -> None:
    # the older program knows no openings: a level that has one begins with an entry for it
    op.execute(
        "INSERT INTO stock_change_group (dialect, principal, reason, note, reference, request_id, created_at)"
        " SELECT 'prune', 'stockgate ledger prune', 'other', 'What was pruned before.', '', '', max(created_at)"
        " FROM ledger_opening HAVING count(*) > 0"
    )
    state = "on_hand, regular_price, sale_price, backorders, disabled, reserved, safety_stock, version, created_at"
    op.execute(
        f"INSERT INTO ledger_entry (sequence, product_id, location_id, delta, {state}, group_id, line)"  # noqa: S608 (constants)
        f" SELECT sequence, product_id, location_id, delta, {state}, (SELECT max(id) FROM stock_change_group),"
        " row_number() OVER (ORDER BY sequence) - 1 FROM ledger_opening"
    )
    op.drop_table("ledger_opening")
    if op.get_bind().dialect.name == "postgresql":
        _move(key="sequence")
