"""Subscription: the root fields that follow what changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated

import strawberry
from strawberry import Info, argument

from schema import streams
from schema.context import Context
from schema.inputs import LocationKeyInput, ProductKeyInput, given
from schema.types.availability_changed import AvailabilityChangedEvent
from schema.types.stock_changed import StockChangedEvent
from storage.changes import ItemKey

_Locations = Annotated[
    Sequence[LocationKeyInput] | None, argument(description="Only at these locations. All without it.")
]
_Products = Annotated[
    Sequence[ProductKeyInput] | None,
    argument(description="Only of these products and their variations. All without it and `skus`."),
]
_Skus = Annotated[Sequence[str] | None, argument(description="Of the products with these SKUs, in any case, too.")]
_After = Annotated[
    int | None,
    argument(description="First tell everything after this sequence, then go on live. Without it, start now."),
]


@strawberry.type(description="What can be followed, over WebSockets (graphql-transport-ws) or server-sent events.")
class Subscription:
    """The root of all streams."""

    @strawberry.subscription(  # type: ignore[untyped-decorator]
        description="Every change of stock, in order, each once. A client that lost its connection resumes with the "
        "`sequence` of the last event as `afterSequence` and misses nothing."
    )
    async def stock_changed(
        self,
        info: Info[Context, None],
        locations: _Locations = strawberry.UNSET,
        products: _Products = strawberry.UNSET,
        skus: _Skus = strawberry.UNSET,
        after_sequence: _After = strawberry.UNSET,
    ) -> AsyncGenerator[StockChangedEvent, None]:
        """Ledger entries as they are written."""
        named = [product.to_key() for product in products or ()] + [ItemKey("sku", sku) for sku in skus or ()]
        items = named if given(products) is not None or given(skus) is not None else None
        places = None if given(locations) is None else [location.to_key() for location in locations or ()]
        raw = info._raw_info  # noqa: SLF001 (Strawberry gives no other way to the fields that were selected)
        return await streams.stock_changes(info.context, raw, items, places, given(after_sequence))  # type: ignore[return-value]

    @strawberry.subscription(  # type: ignore[untyped-decorator]
        description="What may be promised of these products, as you may see it: first as it is now, then whenever it "
        "changes. Of changes that follow one another within a tenth of a second only the last one is told."
    )
    async def availability_changed(
        self,
        info: Info[Context, None],
        skus: Annotated[Sequence[str], argument(description=f"Their SKUs, in any case; at most {streams.SKUS_MAX}.")],
    ) -> AsyncGenerator[AvailabilityChangedEvent, None]:
        """Products whose selection reads otherwise than before."""
        return await streams.availability_changes(info.context, info._raw_info, skus)  # type: ignore[return-value]  # noqa: SLF001
