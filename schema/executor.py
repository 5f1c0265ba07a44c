"""The executor subclass that passes pre-built JSON through."""

from __future__ import annotations

from typing import Any

import orjson
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class JsonExecutor(StrawberryGraphQLCoreExecutionContext):
    """Completes a value as GraphQL specifies, unless it is already the JSON of its selection, built by the database."""

    def complete_value(  # noqa: PLR0917 (graphql-core's signature)
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position_context: Any
    ) -> Any:
        """A Fragment as it is; anything else as graphql-core does."""
        if type(result) is orjson.Fragment:
            return result
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)
