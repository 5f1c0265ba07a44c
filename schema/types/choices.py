"""The closed lists of values: enums, whose names the database's words become in upper case."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="What kind of product this is.")
class ProductType(Enum):
    """Words of WooCommerce."""

    SIMPLE = enum_value("simple", description="Sold as it is; carries stock.")
    VARIABLE = enum_value("variable", description="Sold in variations, which carry the stock.")
    VARIATION = enum_value("variation", description="One sellable form of a variable product; carries stock.")
    EXTERNAL = enum_value("external", description="Sold elsewhere.")
    GROUPED = enum_value("grouped", description="A set of other products.")


@strawberry.enum(description="Whether a product is on show.")
class ProductStatus(Enum):
    """Words of WordPress."""

    PUBLISH = enum_value("publish", description="Published.")
    DRAFT = enum_value("draft", description="Not published yet.")
    PENDING = enum_value("pending", description="Waiting for review.")
    PRIVATE = enum_value("private", description="Only for the shop's staff.")
    FUTURE = enum_value("future", description="To be published at a time that is set.")
    TRASH = enum_value("trash", description="Thrown away: its stock cannot be changed.")


@strawberry.enum(description="What the shop says of an item whose stock is not counted.")
class StockStatus(Enum):
    """Words of WooCommerce."""

    INSTOCK = enum_value("instock", description="It is there, and may always be ordered.")
    OUTOFSTOCK = enum_value("outofstock", description="There is none.")
    ONBACKORDER = enum_value("onbackorder", description="There is none now, but it may be ordered all the same.")


@strawberry.enum(description="Whether an item may be sold below zero.")
class Backorders(Enum):
    """Words of WooCommerce."""

    NO = enum_value("no", description="Not below zero.")
    NOTIFY = enum_value("notify", description="Below zero, and the customer is told.")
    YES = enum_value("yes", description="Below zero, silently.")


@strawberry.enum(description="What may be promised of a product, in one word.")
class AvailabilityStatus(Enum):
    """A storage.availability.Status."""

    IN_STOCK = enum_value("in_stock", description="More than the low-stock threshold.")
    LOW_STOCK = enum_value("low_stock", description="Some, but no more than the low-stock threshold.")
    BACKORDER = enum_value("backorder", description="None, but it may be ordered all the same.")
    OUT_OF_STOCK = enum_value("out_of_stock", description="None.")
    NOT_TRACKED = enum_value(
        "not_tracked",
        description="Its stock is not counted, and the shop says that it is there: it may always be ordered.",
    )


@strawberry.enum(description="What kind of place a location is.")
class LocationKind(Enum):
    """Who comes there."""

    STORE = enum_value("store", description="Customers come here.")
    WAREHOUSE = enum_value("warehouse", description="Only goods come here.")


@strawberry.enum(description="Which way to sort.")
class OrderDirection(Enum):
    """Turns an order around, with its ties."""

    ASC = enum_value("asc", description="Lowest, earliest or first in the alphabet first.")
    DESC = enum_value("desc", description="Highest, latest or last in the alphabet first.")


@strawberry.enum(description="How to sort products. Ties are broken by id.")
class ProductOrder(Enum):
    """The value is the column that sorts."""

    ID = enum_value("id", description="By databaseId.")
    NAME = enum_value("name_key", description="By name, ignoring case.")
    SKU = enum_value("sku_key", description="By SKU, ignoring case; products without one come first.")
    CREATED_AT = enum_value("created_at", description="By the time of creation.")
    UPDATED_AT = enum_value("updated_at", description="By the time of the last change of the product.")


@strawberry.enum(description="How to sort stock levels. Ties are broken by product and location.")
class StockLevelOrder(Enum):
    """schema.types.stock_level says what each sorts by."""

    PRODUCT = enum_value("product", description="By the product's databaseId.")
    LOCATION = enum_value("location", description="By the location's databaseId.")
    ON_HAND = enum_value("on_hand", description="By units on hand; levels that were never counted come first.")
    AVAILABLE = enum_value(
        "available", description="By units that are available; levels that were never counted come first."
    )
    UPDATED_AT = enum_value("updated_at", description="By the time of the last change.")


@strawberry.enum(description="How to sort levels that are low on stock. Ties are broken by product and location.")
class LowStockOrder(Enum):
    """schema.types.stock_level says what each sorts by."""

    DEFICIT = enum_value("deficit", description="By how much they are short of their threshold.")
    AVAILABLE = enum_value("available", description="By units that are available.")
    PRODUCT = enum_value("product", description="By the product's databaseId.")
    LOCATION = enum_value("location", description="By the location's databaseId.")


@strawberry.enum(description="Who says at which quantity stock is low: the first of these that says anything.")
class ThresholdSource(Enum):
    """A storage.thresholds.Source."""

    LEVEL = enum_value("level", description="The stock level: of this item, at this location.")
    PRODUCT = enum_value("product", description="The product or variation.")
    PARENT = enum_value("parent", description="The product of which it is a variation.")
    LOCATION = enum_value("location", description="The location, for all that is stocked there.")
    DEFAULT = enum_value("default", description="Nobody: it is 2.")


@strawberry.enum(description="What a step of the change feed is about.")
class ChangeKind(Enum):
    """Words of storage.feed_rows."""

    STOCK = enum_value("stock", description="A stock level changed: `entry` tells how.")
    PRODUCT = enum_value("product", description="A product or variation was created, changed or archived.")
    LOCATION = enum_value("location", description="A location was created, changed or archived.")


@strawberry.enum(description="Why stock changed: for filters and reports.")
class StockChangeReason(Enum):
    """A storage.changes.Reason."""

    UNSPECIFIED = enum_value("unspecified", description="Nothing was said.")
    SALE = enum_value("sale", description="Sold.")
    RETURN = enum_value("return", description="Came back from a customer.")
    RECEIPT = enum_value("receipt", description="Came from a supplier.")
    COUNT = enum_value("count", description="Counted on the shelf.")
    CORRECTION = enum_value("correction", description="A mistake put right.")
    DAMAGE = enum_value("damage", description="Broken or spoilt.")
    LOSS = enum_value("loss", description="Lost or stolen.")
    TRANSFER = enum_value("transfer", description="Moved from one location to another.")
    PROMOTION = enum_value("promotion", description="Given away.")
    PRODUCTION = enum_value("production", description="Made, or used up in making something.")
    RESERVATION = enum_value("reservation", description="Promised to somebody, or released.")
    SYNC = enum_value("sync", description="Another system's word.")
    REVERSAL = enum_value("reversal", description="An earlier change taken back.")
    OTHER = enum_value("other", description="Something else: see the note.")


@strawberry.enum(name="ApiKeyScope", description="What an API key may do.")
class ApiKeyScope(Enum):
    """A storage.access.Scope that a key may have."""

    READ = enum_value("read", description="Read everything there is at its locations.")
    STOREFRONT = enum_value(
        "storefront", description="Read what a shop's customers may see: such a key may be in a web page."
    )
    WRITE = enum_value("write", description="Change stock. It includes no reading.")
    ADMIN = enum_value("admin", description="Everything: the catalogue and the keys, too.")


@strawberry.enum(name="ApiKeyVisibility", description="How exactly an API key sees quantities.")
class ApiKeyVisibility(Enum):
    """A storage.access.Visibility."""

    EXACT = enum_value("exact", description="As they are.")
    CAPPED = enum_value("capped", description="As they are up to the key's `cap`; above it, the cap.")
    BAND = enum_value("band", description="Not at all: only whether there is enough, little or nothing.")


@strawberry.enum(description="How an endpoint is told of events.")
class WebhookFormat(Enum):
    """A column of webhook_endpoint."""

    STANDARD = enum_value("standard", description="As the Standard Webhooks specification has it.")
    WOOCOMMERCE = enum_value("woocommerce", description="As WooCommerce does: created through `wc/v3/webhooks`.")


@strawberry.enum(description="Whether events are sent to an endpoint.")
class WebhookStatus(Enum):
    """A storage.webhook_endpoints.Status."""

    ACTIVE = enum_value("active", description="Events are sent.")
    PAUSED = enum_value("paused", description="Nothing is sent until somebody resumes it.")
    DISABLED = enum_value(
        "disabled", description="It was given up: `disabledReason` says why. Resume it when that is mended."
    )


@strawberry.enum(description="What became of an event at an endpoint.")
class WebhookDeliveryStatus(Enum):
    """A storage.webhook_deliveries.DeliveryStatus."""

    WAITING = enum_value(
        "waiting", description="It failed and is tried again, or waits behind an earlier event of its stock level."
    )
    DELIVERED = enum_value("delivered", description="The receiver took it.")
    FAILED = enum_value("failed", description="It was given up.")


@strawberry.enum(description="Where an endpoint goes on that missed events.")
class WebhookStart(Enum):
    """A storage.webhook_endpoints.Start."""

    OLDEST = enum_value("oldest", description="With the oldest event that is left of those it has not had.")
    NOW = enum_value("now", description="With what happens from now on; what it missed is never sent.")


@strawberry.enum(description="What can have an owner: who may write it is said by a source rule.")
class OwnedField(Enum):
    """A storage.source_rules.OwnedField."""

    STOCK = enum_value(
        "stock",
        description="Units on hand, reserved and kept back; of a product whether its stock is tracked, and what the "
        "shop says where it is not.",
    )
    PRICES = enum_value("prices", description="Regular and sale prices, when a sale begins and ends, the tax rate.")
    BACKORDERS = enum_value("backorders", description="Whether it may be sold below zero.")
    DISABLED = enum_value("disabled", description="Whether an item is sold at a location.")
    CATALOG = enum_value("catalog", description="Everything else of products and locations.")


@strawberry.enum(description="What becomes of writes of a field by others than its owners.")
class SourceRuleMode(Enum):
    """A storage.source_rules.Mode."""

    REJECT = enum_value("reject", description="The line is refused as a whole, with FIELD_OWNED.")
    IGNORE = enum_value(
        "ignore", description="The line is accepted, the field is not written and named in `ignored`; the rest is."
    )


@strawberry.enum(description="How far an import is.")
class ImportState(Enum):
    """A storage.imports.State."""

    READING = enum_value("reading", description="Its file is being read.")
    PREVIEWING = enum_value("previewing", description="Its rows are being compared with what there is.")
    PREVIEWED = enum_value("previewed", description="It waits for `importJobApply`.")
    APPLYING = enum_value("applying", description="It is being written.")
    FINISHED = enum_value("finished", description="It was written.")
    CANCELLED = enum_value("cancelled", description="Somebody stopped it; what was written before stays.")
    FAILED = enum_value("failed", description="It cannot go on: `error` says why. What was written before stays.")


@strawberry.enum(description="What the quantities of an import are.")
class ImportMode(Enum):
    """A storage.import_rows.Mode."""

    SET = enum_value("set", description="What there is.")
    ADJUST = enum_value("adjust", description="What came and went.")


@strawberry.enum(description="What becomes of the good rows of a file that has bad ones.")
class ImportPolicy(Enum):
    """A storage.imports.Policy."""

    PARTIAL = enum_value("partial", description="They are written.")
    ATOMIC = enum_value("atomic", description="Nothing is begun.")
