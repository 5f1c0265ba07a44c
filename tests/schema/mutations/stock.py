"""What tests of mutations ask for and look at."""

from __future__ import annotations

import itertools
from typing import Any

from tests.builders import a_product
from tests.schema.caller import Caller

_numbers = itertools.count(1)


def add(stock: Caller, **values: Any) -> int:
    """Another product."""
    number = next(_numbers)

    async def insert(session: Any) -> None:
        session.add(a_product(number, **{"regular_price": 10, **values}))

    stock.runner.run(stock.database.transact(insert))
    return number


def a_line(item: int, location: int = 1, **change: Any) -> dict[str, Any]:
    """A change of this item."""
    return {"product": {"id": str(item)}, "location": {"id": str(location)}, **change}


def on_hand(stock: Caller, item: int, location: int = 1) -> int | None:
    query = "query($id: ID!, $at: ID!) { product(id: $id) { stockLevels(locations: [{id: $at}]) { onHand } } }"
    levels = stock.data(query, id=item, at=location)["product"]["stockLevels"]
    return levels[0]["onHand"] if levels else None


def entries(stock: Caller, item: int) -> int:
    query = "query($id: ID!) { stockChanges(filter: {productIds: [$id]}) { totalCount } }"
    return stock.data(query, id=item)["stockChanges"]["totalCount"]


def code(payload: Any) -> str | None:
    """Of the only refusal, if there is one."""
    codes = [error["code"] for error in payload["userErrors"]]
    assert len(codes) <= 1
    return codes[0] if codes else None


def codes(payload: Any) -> list[str]:
    """Of all refusals."""
    return [error["code"] for error in payload["userErrors"]]
