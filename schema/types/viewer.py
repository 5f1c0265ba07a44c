"""Viewer: the caller, as it may know itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import strawberry
from sqlalchemy import Text
from strawberry import Info, argument

from schema.connections import FIRST_MAX
from schema.context import Context
from schema.inputs import LocationKeyInput
from schema.sources import Rows, elsewhere, many
from schema.types.choices import ApiKeyScope, ApiKeyVisibility, OwnedField
from schema.types.key_route import DAYS_DEFAULT, Days, KeyRoute, routes_of
from schema.types.source_rule import SourceRule, rules_for
from storage import keys, ownership, source_rules
from storage.access import Scope, Visibility
from storage.json_rows import among, json_text

_Location = elsewhere("Location", "schema.types.location")


@strawberry.type(description="The API key that asks.")
class ViewerKey:
    """Of a Credential."""

    database_id: int = strawberry.field(description="Its number, as `stockgate key list` shows it.")
    name: str = strawberry.field(description="Who it is for.")
    hint: str = strawberry.field(description="How it begins, to recognise it in a list.")
    expires_at: datetime | None = strawberry.field(description="When it stops being valid; null for never.")

    @strawberry.field(description="What it called in the last `days` days, 400 at most: the latest first.")  # type: ignore[untyped-decorator]
    async def routes(self, info: Info[Context, None], days: Days = DAYS_DEFAULT) -> list[KeyRoute]:
        """Read when it is asked for."""
        return list(await routes_of(info.context, self.database_id, days))


@strawberry.type(description="How exactly quantities are seen.")
class ViewerVisibility:
    """Of a Credential."""

    kind: ApiKeyVisibility = strawberry.field(description="In what way.")
    cap: int | None = strawberry.field(description="The highest quantity shown, when it is CAPPED.")


@strawberry.type(description="How much may be asked.")
class ViewerLimits:
    """Of the settings and a Credential."""

    cost_per_minute: int | None = strawberry.field(
        description="Points that it may spend in a minute, at each process of the server; null is without limit."
    )
    cost_max: int = strawberry.field(
        description="Points that one operation may cost: about one for each object in the answer, lists counted by "
        "`first`. The extension `cost` tells what an operation did cost."
    )
    depth_max: int = strawberry.field(description="How deeply selections may nest.")
    fields_max: int = strawberry.field(description="Most fields in a document, fragments expanded.")
    aliases_max: int = strawberry.field(description="Most aliases in a document, fragments expanded.")
    root_fields_max: int = strawberry.field(description="Most root fields of an operation.")
    directives_max: int = strawberry.field(description="Most directives in a document.")
    characters_max: int = strawberry.field(description="Longest document, in characters.")
    tokens_max: int = strawberry.field(description="Most tokens in a document.")
    first_max: int = strawberry.field(description="Most items on one page of a connection.")
    bulk_items_max: int = strawberry.field(description="Most lines in one mutation.")

    @classmethod
    def of(cls, context: Context) -> ViewerLimits:
        """Those of the caller, else those of the server."""
        own, limits = context.credential.cost_per_minute, context.limits
        return cls(
            cost_per_minute=(context.cost_per_minute if own is None else own) or None,  # 0 is without limit
            cost_max=limits.cost,
            depth_max=limits.depth,
            fields_max=limits.fields,
            aliases_max=limits.aliases,
            root_fields_max=limits.root_fields,
            directives_max=limits.directives,
            characters_max=limits.characters,
            tokens_max=limits.tokens,
            first_max=FIRST_MAX,
            bulk_items_max=context.bulk_items_max,
        )


@strawberry.type(description="The caller: its API key, and what that may do and see.")
class Viewer:
    """Of the Context; only its locations are read."""

    location_ids: strawberry.Private[list[int] | None]
    key: ViewerKey = strawberry.field(description="The API key.")
    scopes: list[ApiKeyScope] = strawberry.field(description="What it may do.")
    visibility: ViewerVisibility = strawberry.field(description="How exactly it sees quantities.")
    limits: ViewerLimits = strawberry.field(description="How much it may ask.")

    @classmethod
    def of(cls, context: Context) -> Viewer:
        """Who asks in this context."""
        credential, locations = context.credential, context.visible_locations
        return cls(
            location_ids=None if locations is None else list(locations),
            key=ViewerKey(
                database_id=credential.id,
                name=credential.name,
                hint=credential.hint,
                expires_at=credential.expires_at,
            ),
            scopes=[ApiKeyScope[scope.name] for scope in Scope if scope in credential.scopes and scope in _SCOPES],
            visibility=ViewerVisibility(
                kind=ApiKeyVisibility[credential.visibility.name],
                cap=credential.cap if credential.visibility is Visibility.CAPPED else None,
            ),
            limits=ViewerLimits.of(context),
        )

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The source rules by which it alone, or with others, may write a field; none are told to keys that "
        "are only for storefronts."
    )
    async def owns(self, info: Info[Context, None]) -> list[SourceRule]:
        """Read when it is asked for."""
        rules = await rules_for(info.context)
        return [SourceRule.of(each) for each in rules if not each.rule.binds(info.context.credential.id)]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Whether its writes of a field are done: it has a scope that writes, may write at the location, "
        "and no source rule says that the field is others' to write."
    )
    async def may_write(
        self,
        info: Info[Context, None],
        field: Annotated[OwnedField, argument(description="What is to be written.")],
        location: Annotated[
            LocationKeyInput | None, argument(description="Where; without it what belongs to no location is meant.")
        ] = None,
    ) -> bool:
        """Read when it is asked for."""
        return await may_write(info.context, source_rules.OwnedField(str(field.value)), location)

    def given(self) -> dict[str, Any] | None:
        """What the compiled field hangs on; None makes it null."""
        return None if self.location_ids is None else {"location_ids": self.location_ids}

    @many(_Location, nullable=True)
    def locations(row: Any, location: Any) -> Rows:
        """The locations that it is limited to, in their order; null for everywhere."""
        limited_to = among(location.id, row.location_ids.bind(json_text, type_=Text()))
        return Rows([limited_to], [location.position, location.id])


async def may_write(context: Context, field: source_rules.OwnedField, location: LocationKeyInput | None) -> bool:
    """Whether a caller's writes of a field would be done."""
    if not context.may(Scope.WRITE):
        return False
    key, credential = None if location is None else location.to_key(), context.credential
    if key is None:
        rules = (await context.database.read(ownership.read)).everywhere
    else:
        place = (await context.database.read(keys.resolve_locations, {key})).get(key)
        if place is None or (credential.locations is not None and place.id not in credential.locations):
            return False
        rules = place.rules
    return source_rules.bound_by(rules, field, credential.id) is None


_SCOPES = frozenset(scope for scope in Scope if scope.name in ApiKeyScope.__members__)
