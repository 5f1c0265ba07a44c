"""The REST dialects we serve."""

from collections.abc import Sequence

from gateway.dialects import mulopimfwc_v1, wordpress
from gateway.dialects.dialect import Dialect

DIALECTS: Sequence[Dialect] = (
    mulopimfwc_v1.DIALECT,
    wordpress.root([mulopimfwc_v1.NAMESPACE]),  # last: it answers for the rest of /wp-json
)

PREFIXES: Sequence[str] = tuple(prefix for dialect in DIALECTS for prefix in dialect.prefixes)
"""Every path below which a dialect answers."""
