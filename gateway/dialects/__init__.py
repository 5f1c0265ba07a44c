"""The REST dialects we serve."""

from collections.abc import Sequence

from gateway.dialects import mulopimfwc_v1, wc_v3, wordpress
from gateway.dialects.dialect import Dialect

DIALECTS: Sequence[Dialect] = (
    mulopimfwc_v1.DIALECT,
    wc_v3.DIALECT,
    wc_v3.ANALYTICS,
    wordpress.root(  # last: it answers for the rest of /wp-json
        [mulopimfwc_v1.NAMESPACE, wc_v3.NAMESPACE, wc_v3.ANALYTICS_NAMESPACE]
    ),
)

PREFIXES: Sequence[str] = tuple(prefix for dialect in DIALECTS for prefix in dialect.prefixes)
"""Every path below which a dialect answers."""
