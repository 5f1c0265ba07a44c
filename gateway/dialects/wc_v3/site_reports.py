"""`/reports`: how many there are of everything. What is low on stock is told by wc-analytics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.dialects.wc_v3.credentials import may_list
from gateway.dialects.wc_v3.site import api, linked, listed
from gateway.dialects.wc_v3.site_lists import may_list_foreign
from gateway.dialects.wordpress import Answer, Endpoint, Resource, RestRequest
from gateway.dialects.wordpress.resources import Handler
from storage import product_counts

_TYPES: Final = {
    "external": "External/Affiliate product",
    "grouped": "Grouped product",
    "simple": "Simple product",
    "variable": "Variable product",
}
_RATINGS: Final = {f"rated_{stars}_out_of_5": f"Rated {stars} out of 5" for stars in range(1, 6)}
_FOREIGN: Final[Mapping[str, Mapping[str, str]]] = {
    "orders": {
        "pending": "Pending payment",
        "processing": "Processing",
        "on-hold": "On hold",
        "completed": "Completed",
        "cancelled": "Cancelled",
        "refunded": "Refunded",
        "failed": "Failed",
    },
    "customers": {"paying": "Paying customer", "non_paying": "Non-paying customer"},
    "coupons": {
        "percent": "Percentage discount",
        "fixed_cart": "Fixed cart discount",
        "fixed_product": "Fixed product discount",
    },
}


async def _reports(request: RestRequest) -> Answer:
    """The reports there are."""
    at = f"{api(request.http)}/reports"
    foreign = () if request.settings.wc_foreign_lists == "missing" else tuple(_FOREIGN)
    return listed(
        [
            linked({"slug": f"{what}/totals", "description": f"{what.capitalize()} totals."}, f"{at}/{what}/totals", at)
            for what in (*foreign, "products", "reviews")
        ]
    )


async def _products(request: RestRequest) -> Answer:
    """How many products there are of each type."""
    counted = await request.database.read(product_counts.by_type)
    return listed([{"slug": type_, "name": name, "total": counted.get(type_, 0)} for type_, name in _TYPES.items()])


def _none_of(kinds: Mapping[str, str]) -> Handler:
    async def totals(_request: RestRequest) -> Answer:
        """How many there are of each kind: none."""
        return listed([{"slug": slug, "name": name, "total": 0} for slug, name in kinds.items()])

    return totals


RESOURCES: Final[Sequence[Resource]] = [
    Resource("/reports", {"GET": Endpoint(_reports, may_list)}),
    Resource("/reports/products/totals", {"GET": Endpoint(_products, may_list)}),
    Resource("/reports/reviews/totals", {"GET": Endpoint(_none_of(_RATINGS), may_list)}),
    *[
        Resource(f"/reports/{what}/totals", {"GET": Endpoint(_none_of(kinds), may_list_foreign)})
        for what, kinds in _FOREIGN.items()
    ],
]
