"""Lists of what this shop has none of: they are empty, so that clients which poll them go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.dialects.wc_v3.credentials import may_list, may_manage
from gateway.dialects.wc_v3.site import api, linked, listed
from gateway.dialects.wordpress import COLLECTION, Answer, Endpoint, Parameter, Resource, RestError, RestRequest, paged

_IDS: Final = Parameter(type="array", items=Parameter(type="integer"))
PARAMETERS: Final = {
    **COLLECTION,
    "search": Parameter(description="Limit results to those matching a string."),
    "exclude": _IDS,
    "include": _IDS,
    "order": Parameter(enum=("asc", "desc")),
}


async def none(request: RestRequest) -> Answer:
    """No rows on any page."""
    return paged(request, [], 0)


def may_list_foreign(request: Request) -> RestError | None:
    """The permission of what has nothing to do with stock: where the settings say so, such routes do not exist."""
    if request.app.state.settings.wc_foreign_lists == "missing":
        raise HTTPException(404)
    return may_list(request)


async def _tax_classes(request: RestRequest) -> Answer:
    """The one class of taxes."""
    at = f"{api(request.http)}/taxes/classes"
    return listed([linked({"slug": "standard", "name": "Standard rate"}, f"{at}/standard", at)])


_FOREIGN: Final = ("/orders", "/customers", "/coupons")
_OF_PRODUCTS: Final = ("categories", "tags", "attributes", "shipping_classes", "reviews")

RESOURCES: Final[Sequence[Resource]] = [
    *[Resource(path, {"GET": Endpoint(none, may_list_foreign, PARAMETERS)}) for path in _FOREIGN],
    *[Resource(f"/products/{each}", {"GET": Endpoint(none, may_list, PARAMETERS)}) for each in _OF_PRODUCTS],
    Resource("/taxes", {"GET": Endpoint(none, may_manage, PARAMETERS)}),
    Resource("/taxes/classes", {"GET": Endpoint(_tax_classes, may_manage)}),
]
