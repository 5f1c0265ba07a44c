"""`/settings`: what this shop does, in the words of WooCommerce's options. They are read only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.currencies import CURRENCIES
from gateway.dialects.wc_v3.credentials import may_manage
from gateway.dialects.wc_v3.site import api, linked, listed
from gateway.dialects.wordpress import Answer, Endpoint, Resource, RestError, RestRequest
from storage import locations, thresholds

THOUSANDS, DECIMAL, DECIMALS, POSITION = ",", ".", 2, "left"
"""How a client may write our prices for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Option:
    """An option of the shop. `value` None is found out when it is asked for."""

    id: str
    label: str
    tip: str
    type: str = "text"
    default: str
    value: str | None = None
    options: Mapping[str, str] | None = None


_CURRENCY: Final = "woocommerce_currency"
_COUNTRY: Final = "woocommerce_default_country"
_CODES: Final = {code: f"{currency.name} ({currency.symbol})" for code, currency in CURRENCIES.items()}

_GENERAL: Final = (
    _Option(id=_COUNTRY, label="Country / State", tip="The country of the default location.", default="US:CA"),
    _Option(
        id=_CURRENCY, label="Currency", tip="The currency of all prices.", type="select", default="USD", options=_CODES
    ),
    _Option(
        id="woocommerce_currency_pos", label="Currency position", tip="Where the currency symbol stands.",
        type="select", default="left", value=POSITION,
        options={"left": "Left", "right": "Right", "left_space": "Left with space", "right_space": "Right with space"},
    ),
    _Option(
        id="woocommerce_price_thousand_sep", label="Thousand separator", tip="Between thousands, for people.",
        default=",", value=THOUSANDS,
    ),
    _Option(
        id="woocommerce_price_decimal_sep", label="Decimal separator", tip="Before the decimals.",
        default=".", value=DECIMAL,
    ),
    _Option(
        id="woocommerce_price_num_decimals", label="Number of decimals", tip="Decimals of a price, for people.",
        type="number", default="2", value=str(DECIMALS),
    ),
    _Option(
        id="woocommerce_calc_taxes", label="Enable taxes", tip="Whether a checkout adds taxes.",
        type="checkbox", default="no", value="no",
    ),
)  # fmt: skip
_PRODUCTS: Final = (
    _Option(
        id="woocommerce_weight_unit", label="Weight unit", tip="The unit of weights, which are kept as sent.",
        type="select", default="kg", value="kg", options={"kg": "kg", "g": "g", "lbs": "lbs", "oz": "oz"},
    ),
    _Option(
        id="woocommerce_dimension_unit", label="Dimensions unit", tip="The unit of lengths, which are kept as sent.",
        type="select", default="cm", value="cm", options={"m": "m", "cm": "cm", "mm": "mm", "in": "in", "yd": "yd"},
    ),
    _Option(
        id="woocommerce_manage_stock", label="Manage stock", tip="Whether stock is managed.",
        type="checkbox", default="yes", value="yes",
    ),
    _Option(
        id="woocommerce_notify_low_stock_amount", label="Low stock threshold",
        tip="At how many units stock is low, unless the product says otherwise.",
        type="number", default="2", value=str(thresholds.DEFAULT),
    ),
    _Option(
        id="woocommerce_notify_no_stock_amount", label="Out of stock threshold",
        tip="At how many units a product is out of stock.", type="number", default="0", value="0",
    ),
    _Option(
        id="woocommerce_hide_out_of_stock_items", label="Out of stock visibility",
        tip="Whether what is out of stock is left out of lists.", type="checkbox", default="no", value="no",
    ),
    _Option(
        id="woocommerce_stock_format", label="Stock display format", tip="How much of its stock a shop shows.",
        type="select", default="", value="",
        options={"": "Always show quantity", "low_amount": "Only when low", "no_amount": "Never"},
    ),
)  # fmt: skip
_TAX: Final = (
    _Option(
        id="woocommerce_prices_include_tax", label="Prices entered with tax",
        tip="Whether the prices of products include the tax.", type="radio", default="no", value="yes",
        options={"yes": "Yes, prices include tax", "no": "No, prices exclude tax"},
    ),
)  # fmt: skip
_GROUPS: Final[Mapping[str, tuple[str, Sequence[_Option]]]] = {
    "general": ("General", _GENERAL),
    "products": ("Products", _PRODUCTS),
    "tax": ("Tax", _TAX),
}


async def _groups(request: RestRequest) -> Answer:
    """The groups of settings."""
    at = f"{api(request.http)}/settings"
    return listed(
        [
            {
                "id": id_, "label": label, "description": "", "parent_id": "", "sub_groups": [],
                "_links": {"options": [{"href": f"{at}/{id_}"}]},
            }
            for id_, (label, _) in _GROUPS.items()
        ]
    )  # fmt: skip


async def _options(request: RestRequest) -> Answer:
    """The settings of one group."""
    group = request.path["group"]
    return listed([await _shown(request, group, option) for option in _options_of(group)])


async def _option(request: RestRequest) -> Answer:
    """One setting."""
    group, wanted = request.path["group"], request.path["id"]
    option = next((option for option in _options_of(group) if option.id == wanted), None)
    if option is None:
        raise RestError(404, "rest_setting_setting_invalid", "Invalid setting.")
    return Answer(await _shown(request, group, option))


def _options_of(group: str) -> Sequence[_Option]:
    if group not in _GROUPS:
        raise RestError(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
    return _GROUPS[group][1]


async def _shown(request: RestRequest, group: str, option: _Option) -> dict[str, Any]:
    row = {
        "id": option.id, "label": option.label, "description": option.tip, "type": option.type,
        "default": option.default, "tip": option.tip, "value": await _value(request, option), "group_id": group,
    } | ({} if option.options is None else {"options": option.options})  # fmt: skip
    at = f"{api(request.http)}/settings/{group}"
    return linked(row, f"{at}/{option.id}", at)


async def _value(request: RestRequest, option: _Option) -> str:
    if option.id == _CURRENCY:
        return request.settings.currency
    if option.id == _COUNTRY:
        return await request.database.read(locations.country_of_default)
    return option.value or ""


RESOURCES: Final[Sequence[Resource]] = [
    Resource("/settings", {"GET": Endpoint(_groups, may_manage)}),
    Resource("/settings/{group:word}", {"GET": Endpoint(_options, may_manage)}),
    Resource("/settings/{group:word}/{id:word}", {"GET": Endpoint(_option, may_manage)}),
]
