"""`/data`: the currencies, and which of them prices are in."""

from __future__ import annotations

from collections.abc import Sequence
from html.entities import codepoint2name
from typing import Any, Final

from starlette.requests import Request

from gateway.currencies import CURRENCIES, Currency
from gateway.dialects.wc_v3.credentials import may_manage
from gateway.dialects.wc_v3.site import api, linked, listed
from gateway.dialects.wordpress import Answer, Endpoint, Resource, RestError, RestRequest


def symbol_of(currency: Currency) -> str:
    """The symbol as HTML: that is how WooCommerce tells it."""
    return "".join(_entity(character) for character in currency.symbol)


def _entity(character: str) -> str:
    if character.isascii() and character != "$":
        return character
    name = codepoint2name.get(ord(character))
    return f"&{name};" if name else f"&#{ord(character)};"


async def _kinds(request: RestRequest) -> Answer:
    """The kinds of data there are."""
    at = f"{api(request.http)}/data"
    row = {"slug": "currencies", "description": "List of supported currencies."}
    return listed([linked(row, f"{at}/currencies", at)])


async def _currencies(request: RestRequest) -> Answer:
    """All currencies."""
    return listed([_shown(request.http, currency) for currency in CURRENCIES.values()])


async def _current(request: RestRequest) -> Answer:
    """The currency that prices are in."""
    return Answer(_shown(request.http, CURRENCIES[request.settings.currency]))


async def _currency(request: RestRequest) -> Answer:
    """One currency, by its code."""
    currency = CURRENCIES.get(request.path["code"].upper())
    if currency is None:
        message = "There are no currencies matching these parameters."
        raise RestError(404, "woocommerce_rest_data_invalid_currency", message)
    return Answer(_shown(request.http, currency))


def _shown(request: Request, currency: Currency) -> dict[str, Any]:
    at = f"{api(request)}/data/currencies"
    row = {"code": currency.code, "name": currency.name, "symbol": symbol_of(currency)}
    return linked(row, f"{at}/{currency.code}", at)


RESOURCES: Final[Sequence[Resource]] = [
    Resource("/data", {"GET": Endpoint(_kinds, may_manage)}),
    Resource("/data/currencies", {"GET": Endpoint(_currencies, may_manage)}),
    Resource("/data/currencies/current", {"GET": Endpoint(_current, may_manage)}),
    Resource("/data/currencies/{code:word}", {"GET": Endpoint(_currency, may_manage)}),
]
