"""The root fields that say who may write what."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import UNSET as NOT_GIVEN
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import Wording, of_error
from schema.inputs import LocationKeyInput, given
from schema.mutations.access import number_of
from schema.mutations.access_payloads import Refusable
from schema.types.choices import OwnedField, SourceRuleMode
from schema.types.source_rule import SourceRule
from storage import rule_writes, source_rules
from storage.access import Scope
from storage.errors import InventoryError
from storage.rule_writes import NewRule


@strawberry.input(description="Who alone shall write a field.")
class SourceRuleSetInput:
    """Becomes a NewRule."""

    field: OwnedField = strawberry.field(description="What they own.")
    owners: list[strawberry.ID] = strawberry.field(description="The databaseIds of the API keys; at least one.")
    mode: SourceRuleMode = strawberry.field(description="What becomes of others' writes.")
    location: LocationKeyInput | None = strawberry.field(
        default=NOT_GIVEN, description="Where, before the rule for everywhere; everywhere without it."
    )

    def to_rule(self) -> NewRule:
        """The core's value."""
        location = given(self.location)
        return NewRule(
            source_rules.OwnedField(str(self.field.value)),
            [number_of(owner) for owner in self.owners],
            source_rules.Mode(str(self.mode.value)),
            None if location is None else location.to_key(),
        )


@strawberry.input(description="What shall be for everybody to write again.")
class SourceRuleRemoveInput:
    """Asks for storage.rule_writes.remove_rule()."""

    field: OwnedField = strawberry.field(description="What is owned.")
    location: LocationKeyInput | None = strawberry.field(
        default=NOT_GIVEN, description="Where; without it the rule for everywhere is meant, and no location's own."
    )


@strawberry.type(description="What became of a rule that was to be set.")
class SourceRuleSetPayload(Refusable):
    """A Listed."""

    source_rule: SourceRule | None = strawberry.field(default=None, description="The rule; null when it was refused.")


@strawberry.type(description="What became of a rule that was to be removed.")
class SourceRuleRemovePayload(Refusable):
    """A Listed."""

    source_rule: SourceRule | None = strawberry.field(
        default=None, description="The rule as it was; null when it was refused, or there was none."
    )


@strawberry.type
class SourceRuleMutations:
    """Part of Mutation."""

    @mutation(  # type: ignore[untyped-decorator]
        "Say which API keys alone may write a field. The rule that there was for it, at the same place, gives way. It "
        "binds every request that begins after it, by whichever transport.",
        scope=Scope.ADMIN,
    )
    async def source_rule_set(
        self, info: Info[Context, None], input: Annotated[SourceRuleSetInput, argument(description="The rule.")]
    ) -> SourceRuleSetPayload:
        """A rule and its owners."""
        context = info.context
        try:
            made = await context.database.transact(rule_writes.set_rule, input.to_rule(), context.credential)
        except InventoryError as error:
            return SourceRuleSetPayload(user_errors=[of_error(error, Wording())])
        return SourceRuleSetPayload(source_rule=SourceRule.of(made))

    @mutation("Let everybody write a field again. Removing twice is harmless.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def source_rule_remove(
        self, info: Info[Context, None], input: Annotated[SourceRuleRemoveInput, argument(description="Which one.")]
    ) -> SourceRuleRemovePayload:
        """The end of a rule."""
        context, location = info.context, given(input.location)
        field = source_rules.OwnedField(str(input.field.value))
        key = None if location is None else location.to_key()
        try:
            gone = await context.database.transact(rule_writes.remove_rule, field, context.credential, key)
        except InventoryError as error:
            return SourceRuleRemovePayload(user_errors=[of_error(error, Wording())])
        return SourceRuleRemovePayload(source_rule=None if gone is None else SourceRule.of(gone))
