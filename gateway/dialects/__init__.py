"""The REST dialects we serve."""

from collections.abc import Sequence

from gateway.dialects import inventory_update, mulopimfwc_v1, stock_api_v2, wc_v3, wordpress
from gateway.dialects.dialect import Dialect

DIALECTS: Sequence[Dialect] = (
    inventory_update.DIALECT,
    stock_api_v2.DIALECT,
    mulopimfwc_v1.DIALECT,
    wc_v3.DIALECT,
    wc_v3.ANALYTICS,
    wordpress.root(  # last: it answers for the rest of /wp-json
        [mulopimfwc_v1.NAMESPACE, wc_v3.NAMESPACE, wc_v3.ANALYTICS_NAMESPACE]
    ),
)

WORDPRESS_PREFIXES: Sequence[str] = tuple(mulopimfwc_v1.DIALECT.prefixes)
"""The paths below which addresses are read as WordPress reads them."""
