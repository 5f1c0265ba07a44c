"""What wc/v3 needs: fields it keeps, a trash that frees SKUs, consumer pairs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

import storage.columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
)


def _unique(column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        f"uq_product_{column}", "product", [column], unique=True, sqlite_where=where, postgresql_where=where
    )


def upgrade() -> None:
    op.drop_index("uq_product_sku_key", "product")
    with op.batch_alter_table("product") as product:
        product.drop_constraint(product.f("uq_product_gtin"), type_="unique")
        product.add_column(sa.Column("stock_status", _KEY, server_default="instock", nullable=False))
        product.add_column(sa.Column("extra", _DOCUMENT, server_default="{}", nullable=False))
        product.add_column(sa.Column("deleted_at", storage.columns.Timestamp(), nullable=True))
    op.create_index("ix_product_gtin", "product", ["gtin"])
    _unique("sku_key", "sku_key <> '' AND status <> 'trash'")
    _unique("gtin", "gtin IS NOT NULL AND status <> 'trash'")
    with op.batch_alter_table("api_key") as key:
        key.add_column(sa.Column("secret_hash", sa.Text(), nullable=True))
    op.create_table(
        "oauth_nonce",
        sa.Column("api_key_id", _ID, autoincrement=False, nullable=False),
        sa.Column("nonce", _KEY, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", "nonce", name=op.f("pk_oauth_nonce")),
    )
    op.create_index("ix_oauth_nonce_timestamp", "oauth_nonce", ["timestamp"])


def downgrade() -> None:
    op.drop_table("oauth_nonce")
    with op.batch_alter_table("api_key") as key:
        key.drop_column("secret_hash")
    op.drop_index("uq_product_gtin", "product")
    op.drop_index("uq_product_sku_key", "product")
    op.drop_index("ix_product_gtin", "product")
    op.execute(
        "UPDATE product SET sku = NULL, sku_key = '', gtin = NULL, gtin_text = NULL WHERE status = 'trash'"
    )  # others may have them by now
    with op.batch_alter_table("product") as product:
        product.drop_column("deleted_at")
        product.drop_column("extra")
        product.drop_column("stock_status")
        product.create_unique_constraint(product.f("uq_product_gtin"), ["gtin"])
    _unique("sku_key", "sku_key <> ''")
