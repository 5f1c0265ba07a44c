"""`/data`: what the shop knows of currencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.dialects.wc_v3.credentials import may_manage
from gateway.dialects.wordpress import Answer, Endpoint, Resource, RestRequest
from gateway.dialects.wordpress.conventions import home


async def list_data(request: RestRequest) -> Answer:
    """The kinds of data there are."""
    at = f"{home(request.http)}/wp-json/wc/v3/data"
    links = {"self": [{"href": f"{at}/currencies"}], "collection": [{"href": at}]}
    return Answer([{"slug": "currencies", "description": "List of supported currencies.", "_links": links}])


RESOURCES: Final[Sequence[Resource]] = [Resource("/data", {"GET": Endpoint(list_data, may_manage)})]
