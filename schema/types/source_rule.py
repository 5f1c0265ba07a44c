"""SourceRule: who may write which field."""

from __future__ import annotations

from datetime import datetime

import strawberry

from schema.context import Context
from schema.errors import gid
from schema.types.choices import OwnedField, SourceRuleMode
from storage import rule_writes
from storage.rule_writes import Listed


@strawberry.type(description="An API key that may write a field.")
class SourceRuleOwner:
    """A storage.source_rules.Owner."""

    database_id: int = strawberry.field(description="Its number, as `stockgate key list` shows it.")
    name: str = strawberry.field(description="Who it is for.")


@strawberry.type(description="Only its owners may write a field: everywhere, or at one location.")
class SourceRule:
    """A storage.rule_writes.Listed."""

    field: OwnedField = strawberry.field(description="What is owned.")
    mode: SourceRuleMode = strawberry.field(description="What becomes of others' writes.")
    owners: list[SourceRuleOwner] = strawberry.field(
        description="Whose field it is. A key that was rotated is here with its old token and its new one."
    )
    location_id: strawberry.ID | None = strawberry.field(
        description="The node id of the location where it holds, before the rule for everywhere; null for everywhere."
    )
    location_name: str | None = strawberry.field(description="What that location is called.")
    updated_at: datetime = strawberry.field(description="Since when it is as it is.")

    @classmethod
    def of(cls, listed: Listed) -> SourceRule:
        """A rule as it is told."""
        rule = listed.rule
        return cls(
            field=OwnedField[rule.field.name],
            mode=SourceRuleMode[rule.mode.name],
            owners=[SourceRuleOwner(database_id=owner.id, name=owner.name) for owner in rule.owners],
            location_id=None if rule.location_id is None else gid("Location", rule.location_id),
            location_name=listed.location_name,
            updated_at=listed.updated_at,
        )


async def rules_for(context: Context) -> list[Listed]:
    """The rules that a caller may know of: a key for some locations is told nothing of the others, not their names, and
    one that is only for storefronts nothing of the systems behind it."""
    if context.credential.is_public:
        return []
    limit = context.credential.locations
    listed = await context.database.read(rule_writes.listed)
    return [each for each in listed if limit is None or each.rule.location_id in {None, *limit}]
