"""`/system_status`: what clients look up about the software before they trust the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.currencies import CURRENCIES
from gateway.dialects.wc_v3.credentials import may_manage
from gateway.dialects.wc_v3.site import WC_VERSION, WP_VERSION, listed
from gateway.dialects.wc_v3.site_data import symbol_of
from gateway.dialects.wc_v3.site_settings import DECIMAL, DECIMALS, POSITION, THOUSANDS
from gateway.dialects.wordpress import Answer, Endpoint, Resource, RestRequest
from gateway.dialects.wordpress.conventions import home

_PLUGIN: Final = {
    "plugin": "woocommerce/woocommerce.php",
    "name": "WooCommerce",
    "version": WC_VERSION,
    "version_latest": WC_VERSION,
    "url": "https://woocommerce.com/",
    "author_name": "Automattic",
    "author_url": "https://woocommerce.com",
    "network_activated": False,
}
"""Connectors and apps look for this line to learn that they speak to WooCommerce's API, and to which."""


async def _status(request: RestRequest) -> Answer:
    """What this software is and how it is set up."""
    base, settings = home(request.http), request.settings
    environment = {
        "home_url": base,
        "site_url": base,
        "version": WC_VERSION,
        "wp_version": WP_VERSION,
        "wp_multisite": False,
        "wp_debug_mode": settings.mode == "development",
        "language": "en_US",
        "server_info": "Stockgate",
        "default_timezone": settings.timezone,
    }
    secure = base.startswith("https:")
    return Answer(
        {
            "environment": environment,
            "database": {"wc_database_version": WC_VERSION, "database_prefix": ""},
            "active_plugins": [_PLUGIN],
            "inactive_plugins": [],
            "dropins_mu_plugins": {"dropins": [], "mu_plugins": []},
            "theme": {"name": "Stockgate", "version": WC_VERSION, "is_child_theme": False, "overrides": []},
            "settings": {"api_enabled": True, "force_ssl": secure, **_money(settings.currency)},
            "security": {"secure_connection": secure, "hide_errors": True},
            "pages": [],
        }
    )


def _money(code: str) -> dict[str, Any]:
    return {
        "currency": code,
        "currency_symbol": symbol_of(CURRENCIES[code]),
        "currency_position": POSITION,
        "thousand_separator": THOUSANDS,
        "decimal_separator": DECIMAL,
        "number_of_decimals": DECIMALS,
    }


async def _tools(_request: RestRequest) -> Answer:
    """The tools there are: none."""
    return listed([])


RESOURCES: Final[Sequence[Resource]] = [
    Resource("/system_status", {"GET": Endpoint(_status, may_manage)}),
    Resource("/system_status/tools", {"GET": Endpoint(_tools, may_manage)}),
]
