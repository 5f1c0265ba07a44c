"""Integrations: webhooks out, alerts of low stock, who owns what, imports, and what keys call"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import Timestamp

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
)


def upgrade() -> None:
    _catalog_changes()
    _webhooks()
    _alerts()
    _ownership()
    _imports()
    _key_use()


def _catalog_changes() -> None:
    """What was `deleted` or not has more kinds now; of what there is already nobody knows whether it was new."""
    op.add_column("catalog_change", sa.Column("import_job_id", _ID, nullable=True))
    op.add_column("catalog_change", sa.Column("kind", _KEY, server_default="updated", nullable=False))
    op.execute("UPDATE catalog_change SET kind = 'deleted' WHERE deleted")
    op.drop_column("catalog_change", "deleted")


def _webhooks() -> None:
    """What endpoints want, and what became of deliveries."""
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("format", _KEY, nullable=False),
        sa.Column("topics", _DOCUMENT, nullable=False),
        sa.Column("location_ids", _DOCUMENT, nullable=True),
        sa.Column("product_ids", _DOCUMENT, nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_until", Timestamp(), nullable=True),
        sa.Column("status", _KEY, nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("api_key_id", _ID, nullable=True),
        sa.Column("position", _ID, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", Timestamp(), nullable=True),
        sa.Column("retry_at", Timestamp(), nullable=True),
        sa.Column("ping_pending", sa.Boolean(), nullable=False),
        sa.Column("extra", _DOCUMENT, server_default="{}", nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", Timestamp(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("endpoint_id", _ID, nullable=False),
        sa.Column("event_id", _KEY, nullable=False),
        sa.Column("topic", _KEY, nullable=False),
        sa.Column("sequence", _ID, nullable=False),
        sa.Column("product_id", _ID, nullable=True),
        sa.Column("location_id", _ID, nullable=True),
        sa.Column("status", _KEY, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", Timestamp(), nullable=True),
        sa.Column("next_at", Timestamp(), nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name=op.f("fk_webhook_delivery_endpoint_id_webhook_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(
        "uq_webhook_delivery_endpoint_id_sequence", "webhook_delivery", ["endpoint_id", "sequence"], unique=True
    )
    op.create_index("ix_webhook_delivery_updated_at", "webhook_delivery", ["updated_at"])
    op.create_index(
        "ix_webhook_delivery_waiting",
        "webhook_delivery",
        ["endpoint_id", "sequence"],
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _alerts() -> None:
    """What crossed a line, and by which thresholds."""
    op.create_table(
        "feed_reader",
        sa.Column("name", _KEY, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_reader")),
    )
    op.create_table(
        "stock_alert",
        sa.Column("sequence", _ID, autoincrement=False, nullable=False),
        sa.Column("product_id", _ID, nullable=False),
        sa.Column("location_id", _ID, nullable=False),
        sa.Column("kind", _KEY, nullable=False),
        sa.Column("available", _ID, nullable=True),
        sa.Column("threshold", _ID, nullable=True),
        sa.Column("cause", _ID, nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_stock_alert")),
    )
    op.create_table(
        "stock_watch",
        sa.Column("product_id", _ID, autoincrement=False, nullable=False),
        sa.Column("location_id", _ID, autoincrement=False, nullable=False),
        sa.Column("low", sa.Boolean(), nullable=False),
        sa.Column("out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "location_id", name=op.f("pk_stock_watch")),
    )
    if op.get_context().dialect.name == "sqlite":  # alerts are numbered by the ledger's counter, too
        op.execute(
            "CREATE TRIGGER stock_alert_numbered AFTER INSERT ON stock_alert BEGIN"
            " UPDATE sqlite_sequence SET seq = max(seq, new.sequence) WHERE name = 'ledger_entry'; END"
        )
    op.add_column("location", sa.Column("low_stock_threshold", sa.Integer(), nullable=True))
    op.add_column("stock_level", sa.Column("low_stock_threshold", sa.Integer(), nullable=True))
    given = sa.text("low_stock_threshold IS NOT NULL")
    op.create_index(
        "ix_stock_level_low_stock_threshold",
        "stock_level",
        ["low_stock_threshold"],
        sqlite_where=given,
        postgresql_where=given,
    )


def _ownership() -> None:
    """Who may write what."""
    op.create_table(
        "source_rule",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("field", _KEY, nullable=False),
        sa.Column("location_id", _ID, nullable=True),
        sa.Column("owners", _DOCUMENT, nullable=False),
        sa.Column("mode", _KEY, nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_source_rule_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_rule")),
    )
    everywhere = sa.text("location_id IS NULL")
    op.create_index(
        "uq_source_rule_field",
        "source_rule",
        ["field"],
        unique=True,
        sqlite_where=everywhere,
        postgresql_where=everywhere,
    )
    op.create_index("uq_source_rule_field_location_id", "source_rule", ["field", "location_id"], unique=True)


def _imports() -> None:
    """Jobs and their rows."""
    op.create_table(
        "import_job",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("kind", _KEY, nullable=False),
        sa.Column("state", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fingerprint", _KEY, nullable=False),
        sa.Column("options", _DOCUMENT, nullable=False),
        sa.Column("api_key_id", _ID, nullable=True),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("to_change", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chunks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("previewed_chunks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("applied_chunks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sample", _DOCUMENT, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", Timestamp(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("finished_at", Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_job")),
    )
    op.create_index(op.f("ix_import_job_fingerprint"), "import_job", ["fingerprint"])
    op.create_index(op.f("ix_import_job_state"), "import_job", ["state"])
    op.create_table(
        "import_chunk",
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("unreadable", _DOCUMENT, nullable=True),
        sa.Column("failures", _DOCUMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["import_job.id"], name=op.f("fk_import_chunk_job_id_import_job"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_import_chunk")),
    )


def _key_use() -> None:
    """What keys call."""
    op.create_table(
        "key_use",
        sa.Column("api_key_id", _ID, autoincrement=False, nullable=False),
        sa.Column("day", _KEY, nullable=False),
        sa.Column("dialect", _KEY, nullable=False),
        sa.Column("route", _KEY, nullable=False),
        sa.Column("calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("writes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", "day", "dialect", "route", name=op.f("pk_key_use")),
    )


def downgrade() -> None:
    op.drop_table("key_use")
    op.drop_table("import_chunk")
    op.drop_table("import_job")
    op.drop_table("source_rule")
    op.drop_table("stock_watch")
    op.drop_table("stock_alert")
    op.drop_table("feed_reader")
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_endpoint")
    op.drop_index("ix_stock_level_low_stock_threshold", "stock_level")
    op.drop_column("stock_level", "low_stock_threshold")
    op.drop_column("location", "low_stock_threshold")
    op.add_column("catalog_change", sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE catalog_change SET deleted = true WHERE kind = 'deleted'")
    op.execute("DELETE FROM catalog_change WHERE kind IN ('thresholds', 'import_finished', 'low_stock_digest')")
    op.drop_column("catalog_change", "kind")
    op.drop_column("catalog_change", "import_job_id")
