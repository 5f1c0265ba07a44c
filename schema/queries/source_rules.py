"""Root fields for who may write what."""

from __future__ import annotations

import strawberry
from strawberry import Info

from schema.context import Context
from schema.errors import forbidden
from schema.types.source_rule import SourceRule, rules_for


@strawberry.type
class SourceRuleQueries:
    """Part of Query."""

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Who may write which field: everywhere, and at the locations that this key may see. What has no "
        "rule is for every key to write that may write at all."
    )
    async def source_rules(self, info: Info[Context, None]) -> list[SourceRule]:
        """Few, and read as they are."""
        if info.context.credential.is_public:
            raise forbidden("`sourceRules` is not for keys that are only for storefronts.")
        return [SourceRule.of(each) for each in await rules_for(info.context)]
