"""Availability, the change feed, storefront keys and persisted operations"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

import storage.columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
)


def _units(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("location") as location:
        location.add_column(sa.Column("pickup", sa.Boolean(), server_default=sa.false(), nullable=False))
        location.add_column(sa.Column("archived_at", storage.columns.Timestamp(), nullable=True))
    with op.batch_alter_table("product") as product:
        product.add_column(sa.Column("sale_starts_at", storage.columns.Timestamp(), nullable=True))
        product.add_column(sa.Column("sale_ends_at", storage.columns.Timestamp(), nullable=True))
    given = sa.text("low_stock_threshold IS NOT NULL")
    op.create_index("ix_product_created_at_id", "product", ["created_at", "id"])
    op.create_index(
        "ix_product_low_stock_threshold", "product", ["low_stock_threshold"], sqlite_where=given, postgresql_where=given
    )
    with op.batch_alter_table("stock_level") as level:
        level.add_column(_units("reserved"))
        level.add_column(_units("safety_stock"))
        level.drop_index("ix_stock_level_updated_at")
        level.create_index("ix_stock_level_updated_at", ["updated_at", "product_id", "location_id"])
    op.create_index("ix_stock_level_available", "stock_level", [sa.text("(on_hand - reserved - safety_stock)")])
    with op.batch_alter_table("stock_change_group") as group:
        group.add_column(sa.Column("note", sa.Text(), server_default="", nullable=False))
        group.add_column(sa.Column("reverses_id", _ID, nullable=True))
    op.execute(
        "UPDATE stock_change_group SET note = reason, reason = CASE reason WHEN '' THEN 'unspecified' ELSE 'other' END"
    )
    with op.batch_alter_table("stock_change_group") as group:
        group.alter_column(
            "reason", existing_type=sa.Text(), type_=_KEY, existing_nullable=False, server_default="unspecified"
        )
        group.create_unique_constraint(group.f("uq_stock_change_group_reverses_id"), ["reverses_id"])
        group.create_foreign_key(
            group.f("fk_stock_change_group_reverses_id_stock_change_group"),
            "stock_change_group",
            ["reverses_id"],
            ["id"],
        )
        group.create_index("ix_stock_change_group_created_at_id", ["created_at", "id"])
    # on SQLite the table is made anew, with AUTOINCREMENT: no number of the ledger is ever given twice
    with op.batch_alter_table(
        "ledger_entry", recreate="always" if sqlite else "auto", table_kwargs={"sqlite_autoincrement": True}
    ) as entry:
        entry.add_column(_units("reserved"))
        entry.add_column(_units("safety_stock"))
        entry.drop_index("ix_ledger_entry_group_id")
        entry.create_index("ix_ledger_entry_group_id_line", ["group_id", "line"])
        entry.create_index("ix_ledger_entry_location_id_sequence", ["location_id", "sequence"])
        entry.create_index("ix_ledger_entry_created_at", ["created_at"])
    with op.batch_alter_table("api_key") as key:
        key.add_column(sa.Column("visibility", _KEY, server_default="exact", nullable=False))
        key.add_column(sa.Column("cap", sa.Integer(), nullable=True))
        key.add_column(sa.Column("origins", _DOCUMENT, nullable=True))
        key.add_column(sa.Column("cost_per_minute", sa.Integer(), nullable=True))
    op.create_table(
        "catalog_change",
        sa.Column("sequence", _ID, autoincrement=False, nullable=False),
        sa.Column("product_id", _ID, nullable=True),
        sa.Column("location_id", _ID, nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", storage.columns.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_catalog_change")),
    )
    op.create_table(
        "persisted_operation",
        sa.Column("sha256", _KEY, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("created_at", storage.columns.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_persisted_operation")),
    )
    if sqlite:  # catalogue changes and ledger entries are numbered by one counter (storage/change_feed.py)
        op.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'ledger_entry', 0"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'ledger_entry')"
        )
        op.execute(
            "CREATE TRIGGER catalog_change_numbered AFTER INSERT ON catalog_change BEGIN"
            " UPDATE sqlite_sequence SET seq = max(seq, new.sequence) WHERE name = 'ledger_entry'; END"
        )


def downgrade() -> None:
    op.drop_table("persisted_operation")
    op.drop_table("catalog_change")
    with op.batch_alter_table("api_key") as key:
        for column in ("cost_per_minute", "origins", "cap", "visibility"):
            key.drop_column(column)
    with op.batch_alter_table("ledger_entry") as entry:
        entry.drop_index("ix_ledger_entry_created_at")
        entry.drop_index("ix_ledger_entry_location_id_sequence")
        entry.drop_index("ix_ledger_entry_group_id_line")
        entry.create_index("ix_ledger_entry_group_id", ["group_id"])
        entry.drop_column("safety_stock")
        entry.drop_column("reserved")
    op.execute("UPDATE stock_change_group SET reason = note")
    with op.batch_alter_table("stock_change_group") as group:
        group.drop_index("ix_stock_change_group_created_at_id")
        group.drop_constraint(group.f("fk_stock_change_group_reverses_id_stock_change_group"), type_="foreignkey")
        group.drop_constraint(group.f("uq_stock_change_group_reverses_id"), type_="unique")
        group.alter_column("reason", existing_type=_KEY, type_=sa.Text(), existing_nullable=False, server_default=None)
        group.drop_column("reverses_id")
        group.drop_column("note")
    op.drop_index("ix_stock_level_available", "stock_level")
    with op.batch_alter_table("stock_level") as level:
        level.drop_index("ix_stock_level_updated_at")
        level.create_index("ix_stock_level_updated_at", ["updated_at"])
        level.drop_column("safety_stock")
        level.drop_column("reserved")
    op.drop_index("ix_product_low_stock_threshold", "product")
    op.drop_index("ix_product_created_at_id", "product")
    with op.batch_alter_table("product") as product:
        product.drop_column("sale_ends_at")
        product.drop_column("sale_starts_at")
    with op.batch_alter_table("location") as location:
        location.drop_column("archived_at")
        location.drop_column("pickup")
