"""Topics of webhooks: which there are, which hooks of WooCommerce they stand for, and what of our events they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

_LENGTH_MAX: Final = 200
_ACTION: Final = re.compile(r"action\.(woocommerce|wc)_\w+", re.ASCII)
_HOOKS: Final[Mapping[str, Sequence[str]]] = {
    "coupon.created": ("woocommerce_process_shop_coupon_meta", "woocommerce_new_coupon"),
    "coupon.updated": ("woocommerce_process_shop_coupon_meta", "woocommerce_update_coupon"),
    "coupon.deleted": ("wp_trash_post",),
    "coupon.restored": ("untrashed_post",),
    "customer.created": ("user_register", "woocommerce_created_customer", "woocommerce_new_customer"),
    "customer.updated": ("profile_update", "woocommerce_update_customer"),
    "customer.deleted": ("delete_user",),
    "customer.restored": (),
    "order.created": ("woocommerce_new_order",),
    "order.updated": ("woocommerce_update_order", "woocommerce_order_refunded"),
    "order.deleted": ("wp_trash_post", "woocommerce_trash_order"),
    "order.restored": ("untrashed_post", "woocommerce_untrash_order"),
    "product.created": (
        "woocommerce_process_product_meta",
        "woocommerce_new_product",
        "woocommerce_new_product_variation",
    ),
    "product.updated": (
        "woocommerce_process_product_meta",
        "woocommerce_update_product",
        "woocommerce_update_product_variation",
    ),
    "product.deleted": ("wp_trash_post",),
    "product.restored": ("untrashed_post",),
    "product.published": ("woocommerce_product_published",),
}
"""Clients look at the names only to tell people: these are the reference's."""

PRODUCT_SET_STOCK: Final = "action.woocommerce_product_set_stock"
VARIATION_SET_STOCK: Final = "action.woocommerce_variation_set_stock"
_EVENTS: Final[Mapping[str, Sequence[str]]] = {
    "product.created": ("product.created",),
    "product.updated": ("product.updated", "stock.changed"),
    "product.deleted": ("product.deleted",),
    "product.restored": ("product.restored",),
    PRODUCT_SET_STOCK: ("stock.changed",),
    VARIATION_SET_STOCK: ("stock.changed",),
    "action.woocommerce_low_stock": ("stock.low",),
    "action.woocommerce_no_stock": ("stock.out",),
}


def is_topic(text: str) -> bool:
    """Whether a webhook can have this topic, in whatever letter case."""
    lower = text.lower()
    return len(text) <= _LENGTH_MAX and (lower in _HOOKS or _ACTION.fullmatch(lower) is not None)


def split(topic: str) -> tuple[str, str]:
    """Its resource and its event."""
    resource, _, event = topic.partition(".")
    return resource, event


def hooks_of(topic: str) -> list[str]:
    """The hooks that it stands for, by name."""
    resource, event = split(topic)
    return [event] if resource.lower() == "action" else list(_HOOKS[topic.lower()])


def events_of(topic: str) -> list[str]:
    """Our topics that it has; none where it is of what happens elsewhere: it is accepted, and never fires."""
    return list(_EVENTS.get(topic.lower(), ()))
