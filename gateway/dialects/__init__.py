"""The REST dialects we serve."""

from collections.abc import Sequence

from gateway.dialects import inventory_update, mulopimfwc_v1, wordpress
from gateway.dialects.dialect import Dialect

DIALECTS: Sequence[Dialect] = (
    inventory_update.DIALECT,
    mulopimfwc_v1.DIALECT,
    wordpress.root([mulopimfwc_v1.NAMESPACE]),  # last: it answers for the rest of /wp-json
)

WORDPRESS_PREFIXES: Sequence[str] = tuple(mulopimfwc_v1.DIALECT.prefixes)
"""The paths below which addresses are read as WordPress reads them."""
