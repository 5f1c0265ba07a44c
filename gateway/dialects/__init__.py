"""The REST dialects we serve."""

from collections.abc import Sequence

from gateway.dialects.dialect import Dialect

DIALECTS: Sequence[Dialect] = ()
