"""What products and variations look like in answers: every member, always there, with its exact type."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

StockStatus = Literal["instock", "outofstock", "onbackorder"]
Backorders = Literal["no", "notify", "yes"]


class TargetHints(TypedDict):
    """The verbs that the caller may use there."""

    allow: list[str]


class Link(TypedDict):
    """Where something is."""

    href: str
    targetHints: NotRequired[TargetHints]


class Links(TypedDict):
    """The object itself, the list it is in, and of a variation its parent."""

    self: list[Link]
    collection: list[Link]
    up: NotRequired[list[Link]]


class Term(TypedDict):
    """A category, a tag or a brand."""

    id: int
    name: str
    slug: str


class Dimensions(TypedDict):
    """Decimal texts, empty where there is none."""

    length: str
    width: str
    height: str


class Attribute(TypedDict):
    """An attribute of a product, and the options there are."""

    id: int
    name: str
    slug: str
    position: int
    visible: bool
    variation: bool
    options: list[str]


class Option(TypedDict):
    """The option of an attribute by which a variation is told apart."""

    id: int
    name: str
    slug: str
    option: str


class DefaultOption(TypedDict):
    """What is chosen at first."""

    id: int
    name: str
    option: str


class Download(TypedDict):
    """A file."""

    id: str
    name: str
    file: str


class Image(TypedDict):
    """A picture."""

    id: int
    date_created: str
    date_created_gmt: str
    date_modified: str
    date_modified_gmt: str
    src: str
    name: str
    alt: str


class MetaData(TypedDict):
    """What a client keeps under a key of its own."""

    id: int
    key: str
    value: Any


class StockLocation(TypedDict):
    """Units at one location; null where only a price was ever set."""

    id: int
    name: str
    slug: str
    quantity: int | None


class Sellable(TypedDict):
    """What products and variations have in common. Prices are decimal texts, empty where there is none."""

    id: int
    type: str
    status: str
    name: str
    permalink: str
    parent_id: int
    date_created: str
    date_created_gmt: str
    date_modified: str
    date_modified_gmt: str
    description: str
    sku: str
    global_unique_id: str
    price: str
    regular_price: str
    sale_price: str
    date_on_sale_from: str | None
    date_on_sale_from_gmt: str | None
    date_on_sale_to: str | None
    date_on_sale_to_gmt: str | None
    on_sale: bool
    purchasable: bool
    virtual: bool
    downloadable: bool
    downloads: list[Download]
    download_limit: int
    download_expiry: int
    tax_status: str
    tax_class: str
    stock_quantity: int | None
    stock_status: StockStatus
    backorders: Backorders
    backorders_allowed: bool
    backordered: bool
    low_stock_amount: int | None
    weight: str
    dimensions: Dimensions
    shipping_class: str
    shipping_class_id: int
    menu_order: int
    meta_data: list[MetaData]
    locations: list[StockLocation]
    _links: Links


class Product(Sellable):
    """A product; a variation, too, where it is asked for as one: its attributes are the options that tell it apart."""

    slug: str
    featured: bool
    catalog_visibility: str
    short_description: str
    total_sales: int
    external_url: str
    button_text: str
    manage_stock: bool
    sold_individually: bool
    shipping_required: bool
    shipping_taxable: bool
    reviews_allowed: bool
    post_password: str
    average_rating: str
    rating_count: int
    related_ids: list[int]
    upsell_ids: list[int]
    cross_sell_ids: list[int]
    purchase_note: str
    categories: list[Term]
    brands: list[Term]
    tags: list[Term]
    images: list[Image]
    has_options: bool
    attributes: list[Attribute] | list[Option]
    default_attributes: list[DefaultOption]
    variations: list[int]
    grouped_products: list[int]
    price_html: str
    permalink_template: NotRequired[str]
    generated_slug: NotRequired[str]


class Variation(Sellable):
    """A variation. `manage_stock` is "parent" where the stock of its parent is its."""

    manage_stock: bool | Literal["parent"]
    image: Image | None
    gallery_image_ids: list[int]
    attributes: list[Option]


class Webhook(TypedDict):
    """Who is told of what, and where. Its secret is not shown; `date_modified` is null until it is changed."""

    id: int
    name: str
    status: Literal["active", "paused", "disabled"]
    topic: str
    resource: str
    event: str
    hooks: list[str]
    delivery_url: str
    date_created: str
    date_created_gmt: str
    date_modified: str | None
    date_modified_gmt: str | None
    _links: Links


class StockRow(TypedDict):
    """A product or variation in the stock report. `low_stock_amount` is the threshold that applies."""

    id: int
    parent_id: int
    name: str
    sku: str
    stock_status: StockStatus
    stock_quantity: int | None
    manage_stock: bool
    low_stock_amount: int
    _links: dict[str, list[Link]]


class StockTotals(TypedDict):
    """How many products and variations there are, and of each stock status; `lowstock` of those in stock."""

    products: int
    lowstock: int
    instock: int
    outofstock: int
    onbackorder: int


class LowStock(TypedDict):
    """A product or variation that is low on stock. Nobody orders here: `last_order_date` is null."""

    id: int
    images: list[Image]
    attributes: list[Attribute] | list[Option]
    low_stock_amount: int | None
    last_order_date: None
    name: str
    parent_id: int
    stock_quantity: int
    type: str
