"""Stock levels in the order of their quantities, from an index"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_AVAILABLE = "(on_hand - reserved - safety_stock)"
_IDS = ["product_id", "location_id"]


def _by(quantity: str) -> list:  # type: ignore[type-arg]
    """What was never counted comes first."""
    return [sa.text(f"coalesce({quantity}, -4000000000)"), *_IDS]


def upgrade() -> None:
    op.drop_index("ix_stock_level_available", "stock_level")
    op.create_index("ix_stock_level_available", "stock_level", _by(_AVAILABLE))
    op.create_index("ix_stock_level_on_hand", "stock_level", _by("on_hand"))


def downgrade() -> None:
    op.drop_index("ix_stock_level_on_hand", "stock_level")
    op.drop_index("ix_stock_level_available", "stock_level")
    op.create_index("ix_stock_level_available", "stock_level", [sa.text(_AVAILABLE)])
